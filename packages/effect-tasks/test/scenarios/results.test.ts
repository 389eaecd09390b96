import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { Job, type Task, TaskPool } from "effect-tasks"
import {
  awaitState,
  defect,
  gate,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Copy extends Job.make("Copy", {
  payload: { files: Schema.Array(Schema.String) },
  success: Schema.Int,
  progress: Schema.Struct({ file: Schema.String, bytes: Schema.Int })
}) {}

const progressOf = (task: Pick<ScriptedTask, "status">) => Effect.map(task.status, ({ progress }) => progress)

const add = (self: Task.TaskContext<unknown, TestError, number, string>) =>
  self.update((sum) => Option.getOrElse(sum, () => 0) + 1)

const record = (task: ScriptedTask, seen: ReturnType<typeof trace>) =>
  Stream.runForEach(task.progress, (n) => seen.push(`${n}`)).pipe(Effect.andThen(seen.push("end")), Effect.forkChild)

describe("6.8 Results", () => {
  it.effect("85. an update builds on the current progress; what was read before does not change", () => {
    const step = gate()
    const layer = Copy.toLayer(Effect.fnUntraced(function*(_, task) {
      yield* task.report({ file: "a", bytes: 1 })
      yield* step.wait
      yield* task.update((current) => ({ ...Option.getOrThrow(current), bytes: 2 }))
      return 0
    }))
    return Effect.gen(function*() {
      const task = yield* Copy.dispatch({ files: [] })
      yield* task.firstProgress
      const before = (yield* task.status).progress
      yield* step.open
      yield* task.await
      assert.deepStrictEqual(before, Option.some({ file: "a", bytes: 1 }))
      assert.deepStrictEqual((yield* task.status).progress, Option.some({ file: "a", bytes: 2 }))
    }).pipe(Effect.provide(layer), withPool())
  })

  it.effect("86. a reader sees each report that it keeps up with; one that left sees no more", () =>
    Effect.gen(function*() {
      const steps = [gate(), gate(), gate()]
      const [staying, leaving] = [trace(), trace()]
      const task = yield* work(
        "a",
        (self) => Effect.forEach(steps, (step, i) => Effect.andThen(step.wait, self.report(i)))
      )
      const stays = yield* record(task, staying)
      const leaves = yield* record(task, leaving)
      yield* settleTurns
      yield* steps[0]!.open
      yield* settleTurns
      yield* Fiber.interrupt(leaves)
      for (const step of steps.slice(1)) {
        yield* step.open
        yield* settleTurns
      }
      yield* Fiber.join(stays)
      assert.deepStrictEqual(staying.log, ["0", "1", "2", "end"])
      assert.deepStrictEqual(leaving.log, ["0"])
    }).pipe(withPool()))

  it.effect("87. a reader starts with the current value, sees later ones in order, and is told the end", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          yield* self.report(-2)
          yield* self.report(-1)
          yield* held.wait
          for (let n = 0; n < 1000; n++) {
            yield* self.report(n)
            if (n % 3 === 0) yield* Effect.yieldNow
          }
        }))
      yield* task.firstProgress
      yield* settleTurns
      const [eager, slow] = [trace(), trace()]
      const readers = [
        yield* record(task, eager),
        yield* Stream.runForEach(task.progress, (n) => Effect.andThen(slow.push(`${n}`), settleTurns)).pipe(
          Effect.andThen(slow.push("end")),
          Effect.forkChild
        )
      ]
      yield* settleTurns
      yield* held.open
      yield* Fiber.joinAll(readers)
      for (const { log } of [eager, slow]) {
        assert.strictEqual(log[0], "-1")
        assert.deepStrictEqual(log.slice(-2), ["999", "end"])
        const values = log.slice(0, -1).map(Number)
        assert.isTrue(values.every((n, i) => i === 0 || n > values[i - 1]!))
      }
      assert.isBelow(slow.log.length, 100)
    }).pipe(withPool()))

  it.effect("88. concurrent updates from many children lose nothing", () =>
    Effect.gen(function*() {
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (let i = 0; i < 100; i++) {
            yield* work(`${i}`, () => Effect.andThen(add(self), Effect.andThen(Effect.yieldNow, add(self))), { pool })
          }
          yield* pool.join
        }))
      yield* task.await
      assert.deepStrictEqual(yield* progressOf(task), Option.some(200))
    }).pipe(withPool({ workers: 8 })))

  it.effect("89. a crash in an update fails that update only", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<void>> = []
      const boom = new Error("boom")
      const task = yield* work("a", (self) =>
        Effect.gen(function*() {
          yield* self.report(1)
          exits.push(
            yield* Effect.exit(self.update(() => {
              throw boom
            }))
          )
          yield* self.update((n) => Option.getOrThrow(n) + 1)
          return "done"
        }))
      assert.strictEqual(yield* task.await, "done")
      assert.strictEqual(defect(exits[0]!), boom)
      assert.deepStrictEqual(yield* progressOf(task), Option.some(2))
      assert.deepStrictEqual(yield* Stream.runCollect(task.progress), [2])
    }).pipe(withPool()))

  it.effect("90. the first progress can be awaited", () =>
    Effect.gen(function*() {
      const [first, rest] = [gate(), gate()]
      const task = yield* work("a", (self) =>
        first.wait.pipe(Effect.andThen(self.report(7)), Effect.andThen(self.report(8)), Effect.andThen(rest.wait)))
      const waiter = yield* Effect.forkChild(task.firstProgress)
      yield* settleTurns
      assert.isUndefined(waiter.pollUnsafe())
      yield* first.open
      assert.deepStrictEqual(yield* Fiber.join(waiter), Option.some(7))
      assert.strictEqual(yield* stateOf(task), "Running")
      yield* rest.open
    }).pipe(withPool()))

  it.effect("90. … and is none when the task ends without any", () =>
    Effect.gen(function*() {
      const ends = [Effect.yieldNow, new TestError({ id: "a" }), Effect.die("boom"), Effect.never]
      for (const [i, end] of ends.entries()) {
        const task = yield* work(`${i}`, () => end)
        const waiter = yield* Effect.forkChild(task.firstProgress)
        yield* settleTurns
        yield* task.cancel()
        assert.deepStrictEqual(yield* Fiber.join(waiter), Option.none())
        assert.deepStrictEqual(yield* task.firstProgress, Option.none())
      }
    }).pipe(withPool()))

  it.effect("91. progress reported while running is readable after the end, whatever it was", () =>
    Effect.gen(function*() {
      const success = yield* work("a", (self) => self.report(1))
      const failed = yield* work("b", (self) => Effect.andThen(self.report(2), new TestError({ id: "b" })))
      const stopped = yield* work("c", (self) => Effect.andThen(self.report(3), Effect.never))
      yield* settleTurns
      yield* stopped.cancel()
      for (const [i, task] of [success, failed, stopped].entries()) {
        yield* task.exit
        assert.deepStrictEqual(yield* progressOf(task), Option.some(i + 1))
        assert.deepStrictEqual(yield* Stream.runCollect(task.progress), [i + 1])
      }
    }).pipe(withPool()))

  it.effect("92. the caller's payload is neither kept nor changed, and progress holds what was reported alone", () => {
    const seen: Array<ReadonlyArray<string>> = []
    const held = gate()
    const layer = Copy.toLayer(Effect.fnUntraced(function*({ files }, task) {
      yield* task.report({ file: "a", bytes: 1 })
      yield* task.whileSleeping(held.wait)
      seen.push(files)
      return files.length
    }))
    return Effect.gen(function*() {
      const payload = { files: ["a", "b"] }
      const task = yield* Copy.dispatch(payload)
      payload.files.push("later")
      yield* awaitState(task, "Sleeping")
      assert.deepStrictEqual((yield* task.status).progress, Option.some({ file: "a", bytes: 1 }))
      yield* held.open
      assert.strictEqual(yield* task.await, 2)
      assert.deepStrictEqual(seen, [["a", "b"]])
      assert.deepStrictEqual(payload, { files: ["a", "b", "later"] })
      assert.deepStrictEqual((yield* task.status).progress, Option.some({ file: "a", bytes: 1 }))
    }).pipe(Effect.provide(layer), withPool())
  })

  it("93. results, progress and payloads are typed per job", () => {
    type CopyTask = Effect.Success<ReturnType<typeof Copy.dispatch>>
    expectTypeOf<Effect.Success<CopyTask["await"]>>().toEqualTypeOf<number>()
    expectTypeOf<CopyTask["progress"]>().toEqualTypeOf<
      Stream.Stream<{ readonly file: string, readonly bytes: number }>
    >()
    expectTypeOf<Job.Payload<typeof Copy>>().toEqualTypeOf<{ readonly files: ReadonlyArray<string> }>()
    expectTypeOf<Job.Error<typeof Copy>>().toEqualTypeOf<never>()
    expectTypeOf<Job.Error<typeof Work>>().toEqualTypeOf<TestError>()
  })
})
