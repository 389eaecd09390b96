/** Programs that hung or lost a task, found by the random ones and made small. */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { race, together } from "../explore/race.ts"
import { gate, script, scripted, type ScriptedTask, stateOf, taskById, trace, Work, work } from "../support.ts"

class Shared extends Job.make("Shared", { ...scripted, unique: "join" }) {}
class Latest extends Job.make("Latest", { ...scripted, unique: "supersede" }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "latest" }) {}

const list = () => [{ id: "a" }, { id: "b" }]

const hasDied = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Exit.hasDies(exit)

describe("R22 Rings", () => {
  race(
    "a task that reads its own progress to the end",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task = yield* work(
        "a",
        (self) => Effect.flatMap(taskById(self.id), ({ progress }) => Stream.runDrain(progress))
      )
      assert.isTrue(hasDied(yield* task.exit))
    })
  )

  race(
    "two tasks that read each other's progress to the end",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const tasks: Record<string, ScriptedTask> = {}
      const read = (id: string) =>
        Effect.andThen(Effect.sleep(1), Effect.suspend(() => Stream.runDrain(tasks[id]!.progress)))
      tasks["a"] = yield* work("a", () => read("b"))
      tasks["b"] = yield* work("b", () => read("a"))
      const exits = yield* Effect.all([tasks["a"].exit, tasks["b"].exit])
      assert.isAtLeast(exits.filter(hasDied).length, 1)
    })
  )

  race(
    "a task that sends to its own full inbox",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task: ScriptedTask = yield* work("a", () =>
        Effect.gen(function*() {
          for (let n = 0; n < 17; n++) yield* Effect.orDie(task.send("message"))
        }))
      assert.isTrue(hasDied(yield* task.exit))
    })
  )

  race(
    "a task that sends to the full inbox of one that awaits it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const reader: ScriptedTask = yield* work("reader", () => Effect.suspend(() => sender.exit))
      const sender: ScriptedTask = yield* work("sender", () =>
        Effect.gen(function*() {
          for (let n = 0; n < 17; n++) yield* Effect.orDie(reader.send("message"))
        }))
      assert.isTrue(hasDied(yield* sender.exit))
      yield* reader.exit
    })
  )

  race(
    "a drain leaves out a task that waits for the drainer's first progress",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const drainer = yield* work("drainer", () => drain)
      const other = yield* work("other", () => drainer.firstProgress)
      assert.isTrue(Exit.isSuccess(yield* drainer.exit))
      assert.isTrue(Exit.isSuccess(yield* other.exit))
    })
  )

  race(
    "a dispatch that would stand in a pool behind a key whose task waits for that pool: who comes second dies",
    { workers: 2 },
    [Shared, Latest],
    Effect.gen(function*() {
      for (const job of [Shared, Latest]) {
        const pool = yield* TaskPool.make()
        const inFinalizer = gate()
        const inside = yield* work("inside", () =>
          Effect.gen(function*() {
            yield* inFinalizer.wait
            yield* script("a", () => Effect.void)
            yield* job.dispatch({ id: "a" }, { pool })
          }), { pool })
        yield* script("a", () => Effect.addFinalizer(() => Effect.andThen(inFinalizer.open, pool.settled)))
        const holder = yield* job.dispatch({ id: "a" })
        assert.notStrictEqual(hasDied(yield* holder.exit), hasDied(yield* inside.exit))
        yield* pool.settled
      }
    })
  )

  race(
    "an interrupted run does not wait for a task that waits behind the caller's key",
    { workers: 2 },
    [Latest, Shared],
    Effect.gen(function*() {
      yield* script("inner", () =>
        Effect.gen(function*() {
          yield* script("a", () => Effect.void)
          const next = yield* Latest.dispatch({ id: "a" }) // cancels who runs this task
          yield* Effect.addFinalizer(() => Effect.exit(next.await))
        }))
      yield* script("a", () => Shared.run({ id: "inner" }))
      const first = yield* Latest.dispatch({ id: "a" })
      yield* first.exit
    })
  )
})

describe("R31 dispatchAll", () => {
  race(
    "interrupted before it has begun to wait it leaves nothing behind",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* script("a", () => Effect.void)
      const all = yield* Effect.forkChild(Work.dispatchAll([{ id: "a" }].values(), { pool }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(all)
      yield* pool.settled
    })
  )

  race(
    "a task behind which its items stand, no more of which may be made, does not wait for who dispatches them",
    { workers: 2 },
    [Newest],
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => Effect.andThen(held.wait, Effect.suspend(() => parent.exit)))
      yield* script("b", () => Effect.void)
      const first = yield* Newest.dispatch({ id: "a" })
      const parent: ScriptedTask = yield* work("parent", () =>
        Effect.gen(function*() {
          yield* Effect.forkScoped(Effect.andThen(Effect.yieldNow, held.open))
          yield* Effect.orDie(Newest.dispatchAll([{ id: "a" }, { id: "b" }].values(), { ahead: 1 }))
        }))
      assert.notStrictEqual(hasDied(yield* first.exit), hasDied(yield* parent.exit))
    })
  )

  race(
    "a hook that waits for who dispatches many behind its task's key dies of it, also before that one waits",
    { workers: 2 },
    [Newest],
    Effect.gen(function*() {
      const parent: ScriptedTask = yield* work("parent", () =>
        Effect.gen(function*() {
          yield* script("a", (self) =>
            self.onExit(() =>
              Effect.orDie(Effect.forEach(Array.from({ length: 17 }), () =>
                parent.send("message"), { discard: true }))
            ))
          const items = [{ id: "a" }, { id: "a" }, { id: "b" }].values()
          yield* Effect.forkScoped(
            Effect.acquireRelease(Effect.exit(Newest.dispatchAll(items, { ahead: 1 })), () =>
              Effect.void)
          )
        }))
      yield* parent.exit
    })
  )

  for (const [what, items] of [["a list", list], ["an iterator", () => list().values()]] as const) {
    race(
      `a drain leaves out who dispatches ${what}, no more of which may be made before the drainer has ended`,
      { workers: 2 },
      [Newest],
      Effect.gen(function*() {
        const { drain } = yield* WorkerPool
        const held = gate()
        yield* script("a", () => Effect.andThen(held.wait, drain))
        yield* script("b", () => Effect.void)
        const first = yield* Newest.dispatch({ id: "a" })
        const parent: ScriptedTask = yield* work("parent", () =>
          Effect.gen(function*() {
            yield* Effect.forkScoped(Effect.andThen(Effect.yieldNow, held.open))
            yield* Effect.orDie(Newest.dispatchAll(items(), { ahead: 1 }))
          }))
        assert.isTrue(Exit.isSuccess(yield* first.exit))
        assert.isTrue(Exit.isSuccess(yield* parent.exit))
      })
    )
  }

  race(
    "a drain inside a task waits for items that can still be made",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { drain, pause, resume } = yield* WorkerPool
      const [begin, seen] = [gate(), trace()]
      const drainer = yield* work(
        "drainer",
        () => Effect.andThen(begin.wait, Effect.andThen(drain, seen.push("drained")))
      )
      yield* script("a", () => seen.push("a"))
      yield* TestClock.adjust(0) // nothing else can run
      yield* pause
      const all = yield* Effect.forkChild(Work.dispatchAll([{ id: "a" }, { id: "a" }].values()))
      yield* TestClock.adjust(0) // nothing else can run
      yield* begin.open
      yield* TestClock.adjust(0) // nothing else can run
      yield* resume
      yield* together(drainer.exit, Fiber.join(all))
      assert.deepStrictEqual(seen.log, ["a", "a", "drained"])
    })
  )

  race(
    "a drain leaves out who dispatches a Stream that waits for the drainer",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      const held = gate()
      const drainer = yield* work("drainer", () => Effect.andThen(held.wait, drain))
      yield* script("a", () => Effect.void)
      const parent = yield* work(
        "parent",
        () =>
          Effect.orDie(
            Work.dispatchAll(Stream.fromEffect(Effect.andThen(held.open, Effect.as(drainer.exit, { id: "a" }))))
          )
      )
      assert.isTrue(Exit.isSuccess(yield* drainer.exit))
      assert.isTrue(Exit.isSuccess(yield* parent.exit))
    })
  )
})

describe("R9 Closing", () => {
  race(
    "ends the wait of a task that waits for the closer, and awaits that task",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      let child: ScriptedTask | undefined
      const parent: ScriptedTask = yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          child = yield* work(
            "child",
            () => Effect.addFinalizer(() => Effect.exit(Effect.suspend(() => parent.await))),
            { pool }
          )
          yield* Effect.sleep(1) // the child is in its finalizer now
        }))
      yield* parent.exit
      assert.strictEqual(yield* stateOf(child!), "Exited")
    })
  )
})
