import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { expectNoLeaks, Explore, TestWorkerPool } from "effect-tasks/testing"
import { settleTurns, testPool, work } from "../support.ts"

const leaksIn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(expectNoLeaks(effect)), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("expected a leak to be found")
    return Cause.squash(exit.cause) as Error & { readonly actual: ReadonlyArray<string> }
  })

class Plain extends Job.make("Plain") {}

describe("expectNoLeaks", () => {
  it.effect("holds for a busy pool that is closed in the middle of its work, and gives what the effect gives", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const { events } = yield* WorkerPool
        yield* Effect.forkScoped(Stream.runDrain(events))
        yield* work("held", () => Effect.never, { timeout: "1 hour" })
        yield* work("delayed", () => Effect.void, { delay: "1 hour" })
        yield* work("parent", () => TaskPool.use((pool) => work("child", () => Effect.sleep("1 day"), { pool })))
        yield* settleTurns
        return 7
      })
      assert.strictEqual(yield* expectNoLeaks(Effect.scoped(program).pipe(Effect.provide(testPool()))), 7)
    }))

  it.effect("keeps the failure of the effect", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flip(expectNoLeaks(Effect.fail("no"))), "no")
    }))

  it.effect("finds a pool that was never closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const error = yield* leaksIn(Layer.buildWithScope(TestWorkerPool.layer(), scope))
      assert.deepStrictEqual(error.actual, ["1 worker pool still open"])
      assert.include(error.message, "The worker pool left behind:\n  1 worker pool still open")
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("finds a fiber that a handler leaks, and names its task", () =>
    Effect.gen(function*() {
      const layer = Plain.toLayer(() => Effect.forkDetach(Effect.never)).pipe(
        Layer.provideMerge(TestWorkerPool.layer())
      )
      const error = yield* leaksIn(Plain.run().pipe(Effect.provide(layer)))
      assert.deepStrictEqual(error.actual, ["1 fiber(s) of Plain-1 (handler)"])
    }))

  it.effect("finds a fiber that a hook leaks", () =>
    Effect.gen(function*() {
      const error = yield* leaksIn(
        Effect.gen(function*() {
          const task = yield* work("a")
          yield* task.onExit(() => Effect.forkDetach(Effect.never))
          yield* task.exit
        }).pipe(Effect.provide(testPool()))
      )
      assert.deepStrictEqual(error.actual, ["1 fiber(s) of Work-1 (hook)"])
    }))

  const plainWith = (handler: Effect.Effect<unknown>) =>
    Plain.run().pipe(Effect.provide(
      Plain.toLayer(() => handler).pipe(Layer.provideMerge(TestWorkerPool.layer()))
    ))
  const stray: Array<Fiber.Fiber<unknown, unknown>> = []
  const strayFork = Effect.sync(() => void stray.push(Effect.runFork(Effect.never)))
  const endStray = Effect.suspend(() => Fiber.interruptAll(stray.splice(0)))

  it.effect("finds a fiber that a handler starts with Effect.runFork, and those that this one forks", () =>
    Effect.gen(function*() {
      const forks = Effect.andThen(Effect.forkChild(Effect.never), Effect.never)
      const error = yield* leaksIn(plainWith(Effect.sync(() => stray.push(Effect.runFork(forks)))))
      assert.deepStrictEqual(error.actual, ["2 fiber(s) of Plain-1 (handler)"])
    }).pipe(Effect.ensuring(endStray)))

  it.effect("finds it in hooks and finalizers too, and not where it ends in time", () =>
    Effect.gen(function*() {
      const error = yield* leaksIn(
        Effect.gen(function*() {
          const task = yield* work("a", () => Effect.sync(() => void Effect.runFork(Effect.yieldNow)))
          yield* task.onExit(() => strayFork)
          yield* task.exit
          yield* TaskPool.use((pool) =>
            Effect.andThen(pool.addFinalizer(() => strayFork), work("b", undefined, { pool }))
          )
        }).pipe(Effect.provide(testPool()))
      )
      assert.deepStrictEqual(error.actual, ["1 fiber(s) of Work-1 (hook)", "1 fiber(s) of a finalizer of Pool-2"])
    }).pipe(Effect.ensuring(endStray)))

  it.effect("finds timers of JavaScript that a handler sets and does not clear", () =>
    Effect.gen(function*() {
      const timers: Array<ReturnType<typeof setTimeout>> = []
      const set = Effect.promise(async () => {
        clearTimeout(setTimeout(() => {}, 1e6))
        clearInterval(setInterval(() => {}, 1e6))
        timers.push(setTimeout(() => {}, 1e6), setInterval(() => {}, 1e6))
        await new Promise((resolve) => setTimeout(resolve, 1))
      })
      const error = yield* leaksIn(plainWith(set))
      for (const timer of timers) clearTimeout(timer)
      assert.deepStrictEqual(error.actual, ["2 JavaScript timer(s) of Plain-1 (handler)"])
    }))

  it.effect("finds a fiber that the effect itself detaches, not what ends with it or with the Scope around it", () =>
    Effect.gen(function*() {
      yield* expectNoLeaks(Effect.andThen(Effect.forkChild(Effect.never), Effect.forkScoped(Effect.never)))
      const error = yield* leaksIn(Effect.map(Effect.forkDetach(Effect.never), (fiber) => void stray.push(fiber)))
      assert.deepStrictEqual(error.actual, ["1 fiber(s) of no task"])
    }).pipe(Effect.ensuring(endStray)))

  it.effect("finds a reader that goes on after the worker pool has closed", () =>
    Effect.gen(function*() {
      const error = yield* leaksIn(
        Effect.gen(function*() {
          const task = yield* work("a", (self) => self.report(1))
          const read = Stream.runForEach(task.progress, () => Effect.never)
          stray.push(yield* Effect.forkDetach(read))
          yield* task.exit
          yield* settleTurns
        }).pipe(Effect.provide(testPool()))
      )
      assert.deepStrictEqual(error.actual, ["1 fiber(s) of no task"])
    }).pipe(Effect.ensuring(endStray)))

  it.effect("leaves fibers and timers as it found them", () =>
    Effect.gen(function*() {
      const fiber: object = yield* Effect.fiber
      const before = [setTimeout, setInterval, clearTimeout, clearInterval, Object.getPrototypeOf(fiber).setContext]
      const inside = yield* expectNoLeaks(Effect.sync(() => setTimeout))
      assert.notStrictEqual(inside, setTimeout)
      yield* Effect.exit(expectNoLeaks(Effect.die("defect")))
      const after = [setTimeout, setInterval, clearTimeout, clearInterval, Object.getPrototypeOf(fiber).setContext]
      assert.isTrue(after.every((each, i) => each === before[i]))
    }))

  it.effect("finds a listener that outlives the pool", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const error = yield* leaksIn(
        Effect.gen(function*() {
          const { events } = yield* WorkerPool
          yield* Stream.toPull(events).pipe(Effect.flatMap((pull) => pull), Effect.forkDetach, Scope.provide(scope))
          yield* settleTurns
        }).pipe(Effect.provide(WorkerPool.layer()))
      )
      assert.include(error.actual, "1 listener(s) of events")
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("finds timers, slots, keys and registrations that the machine would leave", () =>
    Effect.gen(function*() {
      const error = yield* leaksIn(
        Effect.gen(function*() {
          const service: object = yield* WorkerPool
          const { "~effect-tasks/Machine": machine } = service as { "~effect-tasks/Machine": any } // the machine is private
          machine.slots.take()
          machine.timers.set(1000, () => {})
          machine.jobs.get("Work").keys.set("k", undefined)
          machine.settlements.waiters = new Set([{ wake: () => {} }])
        }).pipe(Effect.provide(testPool()))
      )
      assert.includeMembers([...error.actual], [
        "1 slot(s) taken",
        "1 timer(s)",
        "1 armed sleep",
        "1 held key(s) of Work",
        "1 look(s) at the next event"
      ])
    }))

  it.effect("under Explore, waits for what was stopped however late its turn comes", () =>
    Explore.run(
      expectNoLeaks(
        Effect.asVoid(Plain.dispatch()).pipe(
          Effect.provide(Plain.toLayer(() => Effect.never).pipe(Layer.provideMerge(WorkerPool.layer())))
        )
      ),
      { seeds: 400 }
    ))

  it.effect("under Explore, finds a fiber that is left", () =>
    Effect.gen(function*() {
      const leaking = expectNoLeaks(Effect.asVoid(Effect.forkDetach(Effect.forever(Effect.sleep(1000)))))
      const error = yield* Effect.flip(Explore.run(leaking, { seeds: 3 }))
      assert.include(error.message, "1 fiber(s) of no task")
    }))
})

class Stored extends Schema.Class<Stored>("Stored")({ n: Schema.Int }) {}
class Keeps extends Job.make("Keeps", { payload: Stored, persistent: true, unique: true, concurrency: 1 }) {}

describe("the runtime leaves nothing", () => {
  it.effect("of jobs with keys, permits and kept results", () =>
    expectNoLeaks(
      Effect.gen(function*() {
        for (let n = 0; n < 50; n++) yield* Keeps.dispatch(new Stored({ n: n % 20 }))
        yield* settleTurns
      }).pipe(Effect.provide(Keeps.toLayer(() => Effect.yieldNow).pipe(Layer.provideMerge(TestWorkerPool.layer()))))
    ))
})
