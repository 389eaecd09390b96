import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Option } from "effect"
import { type Task, TaskCanceled, TaskPool, TaskTimeout } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  failure,
  gate,
  recordLogs,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  work
} from "../support.ts"

class Name extends Context.Service<Name, string>()("test/Name") {}

const hooked = (task: ScriptedTask, hook: () => Effect.Effect<unknown, unknown>) => task.onExit(hook)
const failing = () => Effect.fail(new TestError({ id: "a" }))

describe("R4 Hooks", () => {
  it.effect("run to their end when the task is cancelled meanwhile, by itself or by its pool", () =>
    Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      const held = gate()
      const task = yield* work("a", undefined, { pool })
      yield* task.onExit(() => Effect.andThen(held.wait, seen.push("end")))
      yield* awaitState(task, "Exited")
      const cancels = [yield* Effect.forkChild(task.cancel()), yield* Effect.forkChild(pool.cancel())]
      yield* settleTurns
      assert.deepStrictEqual(seen.log, [])
      yield* held.open
      yield* Fiber.joinAll(cancels)
      yield* task.await
      assert.deepStrictEqual(seen.log, ["end"])
    }).pipe(withPool()))

  it.effect("run to their end on a cancelled task", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", () => Effect.never)
      yield* task.onFailure(() => Effect.andThen(Effect.sleep("1 second"), seen.push("end")))
      yield* awaitState(task, "Running")
      const cancel = yield* Effect.forkChild(task.cancel())
      yield* settleTurns
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(cancel)
      assert.deepStrictEqual(seen.log, ["end"])
    }).pipe(withPool()))

  it.effect("tell success, failure, timeout and cancel apart by the Exit", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const watch = (task: ScriptedTask) =>
        Effect.andThen(
          task.onExit((exit) => Effect.sync(() => seen.push(Exit.isSuccess(exit) ? exit.value : failure(exit)))),
          task.onFailure((exit) => Effect.sync(() => seen.push(failure(exit))))
        )
      const success = yield* work("a", () => Effect.succeed("value"))
      yield* watch(success)
      yield* success.exit
      const failed = yield* work("b", failing)
      yield* watch(failed)
      yield* failed.exit
      const late = yield* work("c", () => Effect.never, { timeout: 5 })
      yield* watch(late)
      yield* awaitState(late, "Running")
      yield* TestClock.adjust(5)
      yield* late.exit
      const stopped = yield* work("d", () => Effect.never)
      yield* watch(stopped)
      yield* stopped.cancel({ reason: "enough" })
      const error = new TestError({ id: "a" })
      const timeout = new TaskTimeout({ taskId: late.id, job: "Work", phase: "running", after: 5 })
      const cancel = new TaskCanceled({ taskId: stopped.id, job: "Work", reason: "enough" })
      assert.deepStrictEqual(seen, ["value", error, error, timeout, timeout, cancel, cancel])
    }).pipe(withPool()))

  it.effect("onSuccess sees the success", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const task = yield* work("a", () => Effect.succeed("value"))
      yield* task.onSuccess((exit) => Effect.sync(() => seen.push(exit.value)))
      yield* task.await
      assert.deepStrictEqual(seen, ["value"])
    }).pipe(withPool()))

  it.effect("have no current task: a dispatch without pool goes to GLOBAL and has no parent", () =>
    Effect.gen(function*() {
      const found: Array<ScriptedTask> = []
      const pool = yield* TaskPool.make()
      const task = yield* work("a", (self) => self.onExit(() => Effect.map(work("b"), (next) => found.push(next))), {
        pool
      })
      yield* task.await
      assert.strictEqual(yield* found[0]!.await, "b")
      assert.isTrue(found[0]!.pool.isGlobal)
      assert.isTrue(Option.isNone((yield* found[0]!.status).parentTaskId))
    }).pipe(withPool()))

  it.effect("have no current task: TaskPool.make makes a root pool", () =>
    Effect.gen(function*() {
      const found: Array<TaskPool.TaskPool> = []
      const pool = yield* TaskPool.make()
      const task = yield* work("a", (self) =>
        self.onExit(() => Effect.map(TaskPool.make(), (made) => found.push(made))), { pool })
      yield* task.await
      const [made] = found
      assert.isTrue(made!.isRoot)
      assert.isTrue(Option.isNone(made!.parent) && Option.isNone(made!.createdBy))
      assert.isTrue(Option.isNone(yield* task.childPool))
    }).pipe(withPool()))

  it.effect("may dispatch and await, with one worker", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const task = yield* work("a")
      yield* task.onExit(() => Effect.flatMap(work("b"), (next) => Effect.map(next.await, (value) => seen.push(value))))
      yield* task.await
      assert.deepStrictEqual(seen, ["b"])
    }).pipe(withPool({ workers: 1 })))

  const broken = [
    { name: "fails", hook: () => Effect.fail(new Error("hook broke")) },
    { name: "dies", hook: () => Effect.die(new Error("hook broke")) },
    {
      name: "throws",
      hook: (): Effect.Effect<void> => {
        throw new Error("hook broke")
      }
    },
    { name: "dies after a while", hook: () => Effect.andThen(settleTurns, Effect.die(new Error("hook broke"))) },
    { name: "fails to release", hook: () => Effect.addFinalizer(() => Effect.die(new Error("hook broke"))) }
  ]
  it.effect.each(broken)("one that $name is logged and skips nothing", ({ hook }) => {
    const { logs, layer } = recordLogs()
    return Effect.gen(function*() {
      const seen = trace()
      const pool = yield* TaskPool.make()
      const task = yield* work("a", () => Effect.succeed(1), { pool })
      yield* task.onExit(hook as () => Effect.Effect<unknown, unknown>)
      yield* task.onExit(() => seen.push("onExit"))
      yield* task.onSuccess(() => seen.push("onSuccess"))
      assert.deepStrictEqual(yield* task.exit, Exit.succeed(1))
      assert.deepStrictEqual(seen.log, ["onExit", "onSuccess"])
      assert.strictEqual((yield* pool.join).failed, 0)
      assert.isTrue(logs.some((line) => line.includes("hook broke")), logs.join("\n"))
    }).pipe(withPool({ workers: 1 }), Effect.provide(layer))
  })

  it.effect("one that is interrupted from within skips nothing", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      yield* hooked(task, () => Effect.interrupt)
      yield* hooked(task, () => seen.push("next"))
      yield* task.await
      assert.deepStrictEqual(seen.log, ["next"])
    }).pipe(withPool()))

  it.effect("run with the context of their registration", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const task = yield* work("a", (self) =>
        self.onExit(() =>
          Effect.map(Effect.service(Name), (name) => seen.push(name))
        ).pipe(
          Effect.provideService(Name, "inside")
        ))
      yield* task.onSuccess(() => Effect.map(Effect.service(Name), (name) => seen.push(name))).pipe(
        Effect.provideService(Name, "outside")
      )
      yield* task.await
      assert.deepStrictEqual(seen, ["inside", "outside"])
    }).pipe(withPool()))

  it.effect("each run has its own Scope, closed before the next hook", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      for (const n of [1, 2]) {
        yield* task.onExit((exit) =>
          Effect.andThen(Effect.addFinalizer(() => seen.push(`close ${n}`)), seen.push(`run ${n} ${exit._tag}`))
        )
      }
      yield* task.await
      assert.deepStrictEqual(seen.log, ["run 1 Success", "close 1", "run 2 Success", "close 2"])
    }).pipe(withPool()))

  it.effect("of the handle and of the handler stand in one order", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a", (self) =>
        Effect.andThen(
          self.onExit(() => seen.push("handler")),
          self.onSuccess(() => seen.push("handler success"))
        ))
      yield* task.onSuccess(() => seen.push("handle success"))
      yield* task.onExit(() => seen.push("handle"))
      yield* task.await
      assert.deepStrictEqual(seen.log, ["handle", "handler", "handle success", "handler success"])
    }).pipe(withPool()))

  describe("registered while hooks run", () => {
    it.effect("go to the end of their kind when that is still to come", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", failing)
        yield* task.onFailure(() => task.onExit(() => seen.push("onExit late")))
        yield* task.onExit(() => seen.push("onExit"))
        yield* task.exit
        assert.deepStrictEqual(seen.log, ["onExit", "onExit late"])
      }).pipe(withPool()))

    it.effect("run after all others when their kind is over, and waiters wait for them too", () =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", failing)
        yield* task.onExit(() =>
          Effect.andThen(
            task.onFailure(() => Effect.andThen(Effect.yieldNow, seen.push("onFailure late"))),
            seen.push("onExit 1")
          )
        )
        yield* task.onExit(() => seen.push("onExit 2"))
        yield* task.exit
        yield* seen.push("waiter")
        assert.deepStrictEqual(seen.log, ["onExit 1", "onExit 2", "onFailure late", "waiter"])
      }).pipe(withPool()))

    it.effect("from outside are taken like those from within", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        const task = yield* work("a")
        yield* task.onExit(() => Effect.andThen(held.wait, seen.push("onExit")))
        yield* awaitState(task, "Exited")
        const registration = yield* Effect.forkChild(task.onSuccess(() => seen.push("onSuccess")))
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* held.open
        yield* Fiber.join(registration)
        yield* task.await
        assert.deepStrictEqual(seen.log, ["onExit", "onSuccess"])
      }).pipe(withPool()))
  })

  describe("registered after the end", () => {
    it.effect("run by the registering fiber before the registration returns", () =>
      Effect.gen(function*() {
        const seen: Array<unknown> = []
        const task = yield* work("a", () => Effect.succeed("value"))
        yield* task.await
        yield* task.onExit((exit) =>
          Effect.flatMap(Effect.yieldNow, () => Effect.map(Effect.fiberId, (id) => seen.push(id, exit)))
        )
        yield* task.onSuccess((exit) => Effect.sync(() => seen.push(exit.value)))
        assert.deepStrictEqual(seen, [yield* Effect.fiberId, Exit.succeed("value"), "value"])
      }).pipe(withPool()))

    it.effect("cannot be interrupted", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        const task = yield* work("a")
        yield* task.await
        const registration = yield* Effect.forkChild(task.onExit(() => Effect.andThen(held.wait, seen.push("end"))))
        yield* settleTurns
        const interrupt = yield* Effect.forkChild(Fiber.interrupt(registration))
        yield* settleTurns
        assert.isUndefined(interrupt.pollUnsafe())
        yield* held.open
        yield* Fiber.join(interrupt)
        assert.deepStrictEqual(seen.log, ["end"])
      }).pipe(withPool()))

    it.effect("wait on when the task is cancelled whose handler registers them", () =>
      Effect.gen(function*() {
        const [end, seen] = [gate(), trace()]
        const ended = yield* work("ended")
        yield* ended.await
        const other = yield* work("other", () => end.wait)
        const task = yield* work("a", () =>
          Effect.andThen(
            ended.onExit(() => Effect.andThen(other.exit, seen.push("hook"))),
            seen.push("handler")
          ))
        yield* awaitState(task, "Sleeping")
        const cancel = yield* Effect.forkChild(Effect.andThen(task.cancel(), seen.push("canceled")))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Stopping")
        yield* end.open
        yield* Fiber.join(cancel)
        assert.deepStrictEqual(seen.log, ["hook", "canceled"])
      }).pipe(withPool()))

    it.effect("have their own Scope, no current task, and fail nobody", () =>
      Effect.gen(function*() {
        const seen = trace()
        const done = yield* work("done")
        yield* done.await
        yield* done.onExit(() => Effect.andThen(Effect.addFinalizer(() => seen.push("closed")), Effect.die("broken")))
        assert.deepStrictEqual(seen.log, ["closed"])
        const pool = yield* TaskPool.make()
        const inside = yield* work("inside", () =>
          done.onExit(() =>
            Effect.flatMap(TaskPool.make(), (made) =>
              seen.push(`${made.isRoot} ${made.createdBy._tag}`))
          ), { pool })
        yield* inside.await
        assert.deepStrictEqual(seen.log, ["closed", "true None"])
      }).pipe(withPool()))

    it.effect("onFailure runs on a task that failed", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () => Effect.never)
        yield* task.cancel()
        const seen: Array<TaskCanceled> = []
        yield* task.onFailure((exit) => Effect.sync(() => seen.push(canceled(exit))))
        assert.strictEqual(seen.length, 1)
      }).pipe(withPool()))
  })

  const outcomes: ReadonlyArray<{
    readonly name: string,
    readonly run: () => Effect.Effect<unknown, TestError>,
    readonly act: (task: ScriptedTask) => Effect.Effect<void>,
    readonly status: Task.ExitStatus
  }> = [
    { name: "failed", run: failing, act: () => Effect.void, status: "error" },
    { name: "died", run: () => Effect.die("boom"), act: () => Effect.void, status: "error" },
    { name: "was cancelled", run: () => Effect.never, act: (task) => task.cancel(), status: "canceled" },
    {
      name: "timed out",
      run: () => Effect.never,
      act: (task) => Effect.andThen(task.setTimeout(1), Effect.andThen(settleTurns, TestClock.adjust(1))),
      status: "error"
    }
  ]
  it.effect.each(outcomes)(
    "onSuccess never runs on a task that $name, registered early or late",
    ({ act, run, status }) =>
      Effect.gen(function*() {
        const seen = trace()
        const task = yield* work("a", run)
        yield* task.onSuccess(() => seen.push("early"))
        yield* task.onExit(() => task.onSuccess(() => seen.push("meanwhile")))
        yield* act(task)
        yield* task.exit
        yield* task.onSuccess(() => seen.push("late"))
        yield* settleTurns
        assert.deepStrictEqual((yield* task.status).exitStatus, Option.some(status))
        assert.deepStrictEqual(seen.log, [])
      }).pipe(withPool())
  )

  it.effect("onFailure never runs on a task that succeeded", () =>
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      yield* task.onFailure(() => seen.push("early"))
      yield* task.await
      yield* task.onFailure(() => seen.push("late"))
      assert.strictEqual(yield* stateOf(task), "Exited")
      assert.deepStrictEqual(seen.log, [])
    }).pipe(withPool()))

  it.effect("an Exit in a hook never carries an interrupt", () =>
    Effect.gen(function*() {
      const reasons: Array<string> = []
      const task = yield* work("a", () => Effect.never)
      yield* task.onFailure(({ cause }) => Effect.sync(() => reasons.push(...cause.reasons.map(({ _tag }) => _tag))))
      yield* awaitState(task, "Running")
      yield* task.cancel()
      assert.deepStrictEqual(reasons, ["Fail"])
    }).pipe(withPool()))

  for (const outcome of ["success", "failure"] as const) {
    it.effect(`that register hooks of every kind, again and again, run once each and never go back (${outcome})`, () =>
      Effect.gen(function*() {
        const seen = trace()
        const kinds = ["onFailure", "onExit", "onSuccess"] as const
        const task = yield* work("a", () => outcome === "success" ? Effect.void : new TestError({ id: "a" }))
        const add = (name: string, depth: number): Effect.Effect<void> =>
          Effect.forEach(kinds, (kind) => {
            const full = `${name}/${kind}`
            return task[kind](() => Effect.andThen(seen.push(full), depth > 0 ? add(full, depth - 1) : Effect.void))
          }, { discard: true })
        yield* add("", 2)
        yield* task.exit
        const runs = outcome === "success" ? ["onExit", "onSuccess"] : ["onFailure", "onExit"]
        const [first, second] = runs
        assert.strictEqual(new Set(seen.log).size, seen.log.length)
        assert.strictEqual(seen.log.length, 2 + 4 + 8)
        // a hook of the first kind finds both still to come, one of the second that the first is over
        const late = (name: string) => new RegExp(`/${second}(/.*)?/${first}(/|$)`).test(name)
        const inTime = seen.log.filter((name) => !late(name))
        assert.deepStrictEqual(seen.log.slice(0, inTime.length), inTime)
        const kindOf = (name: string) => name.slice(name.lastIndexOf("/") + 1)
        assert.deepStrictEqual(
          inTime.map(kindOf),
          inTime.map(kindOf).toSorted((a, b) => runs.indexOf(a) - runs.indexOf(b))
        )
      }).pipe(withPool()))
  }

  it.effect("twenty thousand overflow no stack", () =>
    Effect.gen(function*() {
      let ran = 0
      const held = gate()
      const task = yield* work("a", () => held.wait)
      for (let n = 0; n < 20_000; n++) yield* task.onExit(() => Effect.sync(() => ran++))
      yield* held.open
      yield* task.await
      assert.strictEqual(ran, 20_000)
    }).pipe(withPool()))
})
