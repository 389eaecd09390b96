import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stream } from "effect"
import {
  type ChildTaskFailed,
  DispatchError,
  Job,
  type Task,
  TaskPool,
  WaitCycle,
  WorkerPool,
  type WorkerPoolService
} from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  defect,
  elapse,
  failure,
  gate,
  recordLogs,
  type Script,
  script,
  scripted,
  scriptedLayer,
  type ScriptedTask,
  Scripts,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Apart extends Job.make("Apart", scripted) {}
class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Named extends Job.make("Named", { success: Schema.String }) {}

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = failure(exit)
  assert.instanceOf(error, DispatchError)
  return (error as DispatchError).reason._tag
}

/** A worker pool and handler layers, each in a Scope of its own that the test closes. */
const start = (options?: Parameters<typeof WorkerPool.layer>[0]) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(0)
    const scope = yield* Scope.make()
    const base = yield* Layer.buildWithScope(
      Layer.merge(WorkerPool.layer({ workers: 4, ...options }), Layer.sync(Scripts, () => new Map())),
      scope
    )
    const run = <A, E>(effect: Effect.Effect<A, E, any>): Effect.Effect<A, E, Scope.Scope> =>
      Effect.provideContext(effect, base) as Effect.Effect<A, E, Scope.Scope> // handlers are registered by hand
    const register = (layer: Layer.Layer<any, never, WorkerPool | Scripts>) =>
      Effect.gen(function*() {
        const handlers = yield* Scope.make()
        yield* run(Layer.buildWithScope(Layer.fresh(layer), handlers))
        return { close: Scope.close(handlers, Exit.void) }
      })
    return { close: Scope.close(scope, Exit.void), register, run }
  })

const closing = (close: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(close, { startImmediately: true })
    yield* settleTurns
    return { done: Effect.sync(() => fiber.pollUnsafe() !== undefined), join: Fiber.join(fiber) }
  })

const running = (
  id: string,
  run: Parameters<typeof script>[1] = () => Effect.never,
  job: typeof Work | typeof Apart = Work
) =>
  Effect.gen(function*() {
    yield* script(id, run)
    const task: ScriptedTask = yield* job.dispatch({ id })
    yield* awaitState(task, "Running")
    return task
  })

describe("R21 Shutdown", () => {
  describe("when a handler layer closes", () => {
    it.effect("its tasks and their hooks end before the layer's resources are released", () =>
      Effect.gen(function*() {
        const seen = trace()
        const { register, run } = yield* start()
        const layer = Work.toLayer(
          Effect.as(
            Effect.acquireRelease(seen.push("acquired"), () => seen.push("released")),
            Work.of((_, task) =>
              Effect.gen(function*() {
                yield* task.onExit(() => Effect.andThen(settleTurns, seen.push("hook")))
                yield* Effect.addFinalizer(() => Effect.andThen(settleTurns, seen.push("finalizer")))
                yield* Effect.never
              })
            )
          )
        )
        const handlers = yield* register(layer)
        const task = yield* run(running("a"))
        yield* handlers.close
        assert.deepStrictEqual(seen.log, ["acquired", "finalizer", "hook", "released"])
        assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
      }))

    it.effect("queued and delayed tasks of the job are cancelled too", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ workers: 1 })
        const handlers = yield* register(scriptedLayer(Work))
        const first = yield* run(running("a"))
        const queued = yield* run(work("b"))
        const delayed = yield* run(work("c", undefined, { delay: "1 hour" }))
        yield* handlers.close
        for (const task of [first, queued, delayed]) assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
      }))

    it.effect("dispatch of the job is refused from outside, of other jobs not", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ gracePeriod: "1 minute" })
        const handlers = yield* register(scriptedLayer(Work))
        yield* register(scriptedLayer(Apart))
        const held = gate()
        yield* run(running("a", () => held.wait))
        const close = yield* closing(handlers.close)
        assert.strictEqual(reasonOf(yield* Effect.exit(run(Work.dispatch({ id: "b" })))), "WorkerPoolClosed")
        assert.strictEqual(yield* run(Apart.run({ id: "c" })), "c")
        yield* held.open
        yield* close.join
      }))

    it.effect("live tasks may still dispatch during the grace", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ gracePeriod: "1 minute" })
        const handlers = yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(running("a", () =>
          Effect.andThen(held.wait, TaskPool.use((pool) => work("b", undefined, { pool }))).pipe(
            Effect.flatMap((below) => below.await)
          )))
        const close = yield* closing(handlers.close)
        yield* held.open
        assert.strictEqual(yield* task.await, "b")
        yield* close.join
      }))

    it.effect("live tasks get the grace period, to the millisecond, and are then cancelled", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ gracePeriod: "5 seconds" })
        const handlers = yield* register(scriptedLayer(Work))
        const task = yield* run(running("a"))
        const close = yield* closing(handlers.close)
        yield* elapse(4999)
        assert.strictEqual(yield* stateOf(task), "Running")
        assert.isFalse(yield* close.done)
        yield* elapse(1)
        assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
        yield* close.join
      }))

    it.effect("it closes as soon as its last task has ended within the grace", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ gracePeriod: "5 seconds" })
        const handlers = yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(running("a", () => Effect.as(held.wait, "whole")))
        const close = yield* closing(handlers.close)
        yield* held.open
        yield* close.join
        assert.strictEqual(yield* task.await, "whole")
      }))

    it.effect("finish-running cancels at once what is queued, but for what a running task waits for", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ gracePeriod: "1 minute", shutdown: "finish-running" })
        const handlers = yield* register(scriptedLayer(Work))
        const workerPool = yield* run(Effect.service(WorkerPool))
        const held = gate()
        const parent = yield* run(running("parent", () =>
          Effect.gen(function*() {
            yield* held.wait
            const own = yield* TaskPool.make()
            yield* work("owned", undefined, { pool: own })
            const child = yield* work("child")
            return [yield* child.await, (yield* own.join).canceled]
          })))
        yield* workerPool.pause
        yield* held.open
        yield* settleTurns
        const queued = yield* run(work("queued"))
        const delayed = yield* run(work("delayed", undefined, { delay: "1 second" }))
        const closed = yield* closing(handlers.close)
        for (const task of [queued, delayed]) assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
        assert.isFalse(yield* closed.done)
        yield* workerPool.resume
        assert.deepStrictEqual(yield* parent.await, ["child", 0])
        yield* closed.join
        yield* close
      }))

    it.effect("a task that every pool has let go of is awaited, found and forgotten like any other", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ history: 0 })
        const handlers = yield* register(scriptedLayer(Once))
        const ending = gate()
        // a crawl in a ring: the closing of the first lets go of the second
        yield* run(script("a", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* Once.dispatch({ id: "b" }, { pool })
            yield* settleTurns
          })))
        yield* run(script("b", () =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer(() => ending.wait)
            yield* Once.dispatch({ id: "a" }, { pool: yield* TaskPool.make() })
            return yield* Effect.never
          })))
        const first = yield* run(Once.dispatch({ id: "a" }))
        yield* first.exit
        const workerPool = yield* run(Effect.service(WorkerPool))
        assert.strictEqual((yield* workerPool.status).stopping, 1)
        assert.deepStrictEqual((yield* run(Once.tasks)).map(({ payload }) => payload), [{ id: "b" }])
        const closed = yield* closing(handlers.close)
        assert.isFalse(yield* closed.done)
        yield* ending.open
        yield* closed.join
        assert.deepStrictEqual(yield* run(Once.tasks), [])
        yield* close
      }))

    it.effect("finish-running spares what a running task waits for in whatever way", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ gracePeriod: "1 minute", shutdown: "finish-running" })
        const handlers = yield* register(scriptedLayer(Work))
        const workerPool = yield* run(Effect.service(WorkerPool))
        const root = yield* run(TaskPool.make())
        const held = gate()
        const queued: Array<ScriptedTask> = []
        const waits: ReadonlyArray<() => Effect.Effect<unknown, any>> = [
          () => root.join,
          () => Stream.runDrain(queued[1]!.changes),
          () => queued[2]!.firstProgress
        ]
        for (const [n, wait] of waits.entries()) {
          yield* run(running(`runs ${n}`, () => Effect.orDie(Effect.andThen(held.wait, Effect.suspend(wait)))))
        }
        yield* workerPool.pause
        queued.push(yield* run(work("in root", undefined, { pool: root })))
        queued.push(yield* run(work("read")), yield* run(work("progressed")))
        yield* held.open
        yield* settleTurns
        const closed = yield* closing(handlers.close)
        yield* workerPool.resume
        for (const task of queued) assert.strictEqual((yield* Effect.exit(task.await))._tag, "Success")
        yield* closed.join
        yield* close
      }))

    it.effect("by default there is no grace", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const handlers = yield* register(scriptedLayer(Work))
        const task = yield* run(running("a"))
        yield* handlers.close
        assert.strictEqual(yield* stateOf(task), "Exited")
      }))

    it.effect("one grace period serves all layers that close one after another", () =>
      Effect.gen(function*() {
        const { close: closePool, register, run } = yield* start({ gracePeriod: "5 seconds" })
        const one = yield* register(scriptedLayer(Work))
        const two = yield* register(scriptedLayer(Apart))
        const first = yield* run(running("a"))
        const second = yield* run(running("b", () => Effect.never, Apart))
        const close = yield* closing(Effect.andThen(one.close, Effect.andThen(two.close, closePool)))
        yield* elapse(4999)
        assert.strictEqual(yield* stateOf(first), "Running")
        yield* elapse(1)
        for (const task of [first, second]) assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
        yield* close.join
      }))

    describe("a later shutdown has", () => {
      const both = Effect.gen(function*() {
        const { close, register, run } = yield* start({ gracePeriod: "10 seconds" })
        const one = yield* register(scriptedLayer(Work))
        const two = yield* register(scriptedLayer(Apart))
        return { closePool: close, one, two, register, run }
      })
      /** How long a layer that closes now waits for this task, in milliseconds. */
      const waits = (close: Effect.Effect<void>, task: ScriptedTask) =>
        Effect.gen(function*() {
          const closed = yield* closing(close)
          let millis = 0
          for (; !(yield* closed.done); millis += 1000) yield* elapse(1000, 1)
          assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
          return millis
        })

      it.effect("a grace of its own when a task came from outside after the first one", () =>
        Effect.gen(function*() {
          const { closePool, one, run, two } = yield* both
          yield* one.close
          yield* elapse(60_000, 1)
          const task = yield* run(running("b", () => Effect.never, Apart))
          assert.strictEqual(yield* waits(two.close, task), 10_000)
          yield* closePool
        }))

      it.effect("a grace of its own when a layer was built after the first one", () =>
        Effect.gen(function*() {
          const { closePool, one, register, run, two } = yield* both
          const [more, children] = [gate(), [] as Array<ScriptedTask>]
          yield* run(running("b", () =>
            Effect.gen(function*() {
              yield* more.wait
              children.push(yield* Work.dispatch({ id: "c" }))
              yield* Effect.never
            }), Apart))
          yield* one.close
          yield* elapse(60_000, 1)
          const three = yield* register(scriptedLayer(Work))
          yield* run(script("c", () => Effect.never))
          yield* more.open
          yield* settleTurns
          assert.strictEqual(yield* waits(three.close, children[0]!), 10_000)
          yield* two.close
          yield* closePool
        }))

      it.effect("what is left of the first one's when tasks came from inside of others only", () =>
        Effect.gen(function*() {
          const { closePool, one, run, two } = yield* both
          const [more, children] = [gate(), [] as Array<ScriptedTask>]
          const task = yield* run(running("b", () =>
            Effect.gen(function*() {
              yield* more.wait
              children.push(yield* Apart.dispatch({ id: "c" }))
              yield* Effect.never
            }), Apart))
          yield* one.close
          yield* elapse(4000, 1)
          yield* more.open
          yield* settleTurns
          assert.lengthOf(children, 1)
          assert.strictEqual(yield* waits(two.close, task), 6000)
          yield* closePool
        }))

      for (const what of ["a task came from outside", "a layer was built"] as const) {
        it.effect(`what is left of the first one's when ${what} while that went on`, () =>
          Effect.gen(function*() {
            const { closePool, one, register, run, two } = yield* both
            const first = yield* run(running("a"))
            const second = yield* run(running("b", () => Effect.never, Apart))
            const closed = yield* closing(one.close)
            yield* elapse(4000, 1)
            if (what === "a layer was built") yield* register(Named.toLayer(() => Effect.succeed("late")))
            else yield* run(Apart.dispatch({ id: "late" }))
            assert.strictEqual(yield* waits(two.close, second), 6000)
            yield* closed.join
            canceled(yield* first.exit)
            yield* closePool
          }))
      }
    })

    it.effect("tasks of other jobs go on", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const handlers = yield* register(scriptedLayer(Work))
        yield* register(scriptedLayer(Apart))
        const task = yield* run(running("b", () => Effect.never, Apart))
        yield* handlers.close
        assert.strictEqual(yield* stateOf(task), "Running")
      }))
  })

  describe("registration", () => {
    const named = (name: string) => Named.toLayer(() => Effect.succeed(name))

    it.effect("tasks keep the handler they were dispatched with; a later one serves later dispatches", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ workers: 1 })
        yield* register(scriptedLayer(Work))
        yield* register(named("first"))
        const held = gate()
        yield* run(running("busy", () => held.wait))
        const before = yield* run(Named.dispatch())
        yield* register(named("second"))
        const after = yield* run(Named.dispatch())
        yield* held.open
        assert.deepStrictEqual([yield* before.await, yield* after.await], ["first", "second"])
      }))

    it.effect("of a second handler while the first one serves is warned of", () => {
      const { layer, logs } = recordLogs()
      return Effect.gen(function*() {
        const { register } = yield* start()
        const first = yield* register(named("first"))
        assert.deepStrictEqual(logs, [])
        const second = yield* register(named("second"))
        const warning = `Job "Named" has two handlers: the newer one serves what comes`
        assert.deepStrictEqual(logs.map((line) => line.trim()), [warning])
        yield* first.close
        yield* second.close
        yield* register(named("third"))
        assert.lengthOf(logs, 1)
      }).pipe(Effect.provide(layer))
    })

    it.effect("the close of a replaced layer stops its own tasks only", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const endless = (task: Task.TaskContext<string>) => Effect.as(Effect.never, task.id)
        const one = yield* register(Named.toLayer((_, task) => endless(task)))
        const old = yield* run(Named.dispatch())
        yield* register(Named.toLayer((_, task) => endless(task)))
        const young = yield* run(Named.dispatch())
        yield* awaitState(young, "Running")
        yield* one.close
        assert.strictEqual(canceled(yield* old.exit).reason, "shutdown")
        assert.strictEqual(yield* stateOf(young), "Running")
        assert.strictEqual((yield* run(Named.dispatch())).origin, "created")
      }))

    it.effect("a job can be provided again after its layer has closed", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const one = yield* register(named("first"))
        yield* one.close
        assert.include(["JobNotRegistered", "WorkerPoolClosed"], reasonOf(yield* Effect.exit(run(Named.dispatch()))))
        yield* register(named("second"))
        assert.strictEqual(yield* run(Named.run()), "second")
      }))

    it.effect("of another definition takes over the tag of a job whose layers have closed", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const one = yield* register(named("first"))
        yield* one.close
        class Namesake extends Job.make("Named", { success: Schema.Int }) {}
        yield* register(Namesake.toLayer(() => Effect.succeed(1)))
        assert.strictEqual(yield* run(Namesake.run()), 1)
      }))

    for (const persistent of [false, true]) {
      it.effect(`a task whose hook replaces its job is kept by its own definition at most (${persistent ? "kept" : "not kept"})`, () =>
        Effect.gen(function*() {
          const { close, register, run } = yield* start()
          const named = { success: Schema.String, key: () => "k" }
          class Before extends Job.make("Named", { ...named, persistent }) {}
          class After extends Job.make("Named", { ...named, persistent: true }) {}
          const before = yield* register(Before.toLayer(() => Effect.succeed("before")))
          const task = yield* run(Before.dispatch())
          yield* task.onExit(() => Effect.andThen(before.close, register(After.toLayer(() => Effect.succeed("after")))))
          assert.strictEqual(yield* task.await, "before")
          assert.deepStrictEqual(
            [(yield* run(After.dispatch())).origin, yield* run(After.run()), (yield* run(After.dispatch())).origin],
            ["created", "after", "reused"]
          )
          yield* close
        }))
    }

    it.effect("of two different definitions with one tag dies", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        yield* register(named("first"))
        class Namesake extends Job.make("Named", { success: Schema.Int }) {}
        const exit = yield* Effect.exit(register(Namesake.toLayer(() => Effect.succeed(1))))
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual(yield* run(Named.run()), "first")
      }))
  })

  describe("when the WorkerPool closes", () => {
    it.effect("what is left is cancelled with reason shutdown and awaited, hooks included", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const [held, seen] = [gate(), trace()]
        const task = yield* run(
          running("a", (self) =>
            Effect.andThen(
              self.onExit(() => Effect.andThen(held.wait, seen.push("hook"))),
              Effect.never
            ))
        )
        const closed = yield* closing(close)
        assert.isFalse(yield* closed.done)
        yield* held.open
        yield* closed.join
        assert.deepStrictEqual(seen.log, ["hook"])
        assert.strictEqual(canceled(yield* task.exit).reason, "shutdown")
      }))

    it.effect("at any moment in the life of a tree, everything has ended when it has closed", () =>
      Effect.gen(function*() {
        for (let turns = 0; turns < 60; turns += 2) {
          const { close, register, run } = yield* start({ workers: 2 })
          yield* register(scriptedLayer(Work))
          const tasks: Array<ScriptedTask> = []
          const grow = (depth: number, id: string): Effect.Effect<ScriptedTask, any, any> =>
            Effect.tap(
              work(id, (self) =>
                TaskPool.use((pool) =>
                  Effect.forEach(depth === 0 ? [] : [0, 1], (n) =>
                    work(`${id}/${n}`, () =>
                      Effect.andThen(self.whileSleeping(Effect.yieldNow), grow(depth - 1, `${id}/${n}/x`)), {
                      pool
                    }))
                )),
              (task) =>
                Effect.sync(() =>
                  tasks.push(task)
                )
            )
          const workerPool = yield* run(Effect.service(WorkerPool))
          yield* run(grow(2, "root"))
          for (let n = 0; n < turns; n++) yield* Effect.yieldNow
          yield* close
          for (const task of tasks) {
            assert.strictEqual(yield* stateOf(task), "Exited")
            assert.isTrue(Option.isSome((yield* task.status).exit))
          }
          assert.deepInclude(yield* workerPool.status, { busy: 0, sleeping: 0, queued: 0, delayed: 0 })
          const { complete, dispatched } = yield* workerPool.status
          assert.strictEqual(complete, dispatched)
        }
      }))

    it.effect("the finalizers of pools have run when it has closed, those of done ones too", () =>
      Effect.gen(function*() {
        const { close, run } = yield* start()
        const [pools, slow, ran] = [yield* Scope.make(), gate(), trace()]
        for (const name of ["done", "open"]) {
          const pool = yield* run(Scope.provide(TaskPool.make({ name }), pools))
          yield* pool.addFinalizer(() => Effect.andThen(slow.wait, ran.push(name)))
          if (name === "done") yield* Effect.forkChild(pool.join, { startImmediately: true })
        }
        const closed = yield* closing(close)
        assert.isFalse(yield* closed.done)
        yield* slow.open
        yield* closed.join
        assert.deepStrictEqual(ran.log.toSorted(), ["done", "open"])
        yield* Scope.close(pools, Exit.void)
      }))

    it.effect("the grace period holds there too", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ gracePeriod: "5 seconds" })
        yield* register(scriptedLayer(Work))
        const task = yield* run(running("a"))
        const closed = yield* closing(close)
        yield* elapse(4999)
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* elapse(1)
        yield* closed.join
        canceled(yield* task.exit)
      }))

    it.effect("afterwards every operation on any handle or pool returns at once", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const workerPool = yield* run(Effect.service(WorkerPool))
        const pool = yield* run(TaskPool.make())
        const done = yield* run(work("done"))
        yield* done.await
        const live = yield* run(running("live", (self) => Effect.andThen(self.report(1), Effect.never)))
        yield* script("held", () => Effect.never).pipe(run)
        const held = yield* run(Work.dispatch({ id: "held" }, { pool }))
        yield* close
        const operations: Record<string, Effect.Effect<unknown, unknown, any>> = {}
        for (const [name, task] of Object.entries({ done, live, held })) {
          Object.assign(operations, {
            [`${name}.await`]: task.await,
            [`${name}.exit`]: task.exit,
            [`${name}.status`]: task.status,
            [`${name}.progress`]: Stream.runDrain(task.progress),
            [`${name}.firstProgress`]: task.firstProgress,
            [`${name}.childPool`]: task.childPool,
            [`${name}.cancel`]: task.cancel(),
            [`${name}.send`]: task.send("late"),
            [`${name}.setTimeout`]: task.setTimeout(1000),
            [`${name}.clearTimeout`]: task.clearTimeout,
            [`${name}.setPriority`]: task.setPriority(1),
            [`${name}.recompute`]: task.recompute,
            [`${name}.onExit`]: task.onExit(() => Effect.void),
            [`${name}.onSuccess`]: task.onSuccess(() => Effect.void),
            [`${name}.onFailure`]: task.onFailure(() => Effect.void)
          })
        }
        for (const [name, one] of Object.entries({ pool, global: workerPool.global })) {
          Object.assign(operations, {
            [`${name}.seal`]: one.seal,
            [`${name}.join`]: one.join,
            [`${name}.settled`]: one.settled,
            [`${name}.cancel`]: one.cancel(),
            [`${name}.status`]: one.status,
            [`${name}.changes`]: Stream.runDrain(one.changes),
            [`${name}.failures`]: one.failures,
            [`${name}.tasks`]: one.tasks,
            [`${name}.addFinalizer`]: name === "global" ? Effect.void : one.addFinalizer(() => Effect.void)
          })
        }
        Object.assign(operations, {
          "Work.dispatch": Work.dispatch({ id: "late" }),
          "Work.dispatch in pool": Work.dispatch({ id: "late" }, { pool }),
          "Work.run": Work.run({ id: "late" }),
          "Work.find": Work.find({ id: "done" }),
          "Work.tasks": Work.tasks,
          "TaskPool.make": Effect.scoped(TaskPool.make()),
          "TaskPool.make and join": Effect.scoped(Effect.flatMap(TaskPool.make(), (made) => made.join)),
          "TaskPool.use": TaskPool.use((made) => work("late", undefined, { pool: made })),
          dispatch: workerPool.dispatch("Work", { id: "late" }),
          task: workerPool.task(done.id),
          tasks: workerPool.tasks,
          poolById: workerPool.pool(pool.id),
          pools: workerPool.pools,
          status: workerPool.status,
          events: Stream.runDrain(workerPool.events),
          changes: Stream.runDrain(workerPool.changes),
          resize: workerPool.resize(2),
          pause: workerPool.pause,
          resume: workerPool.resume,
          drain: workerPool.drain
        })
        const hung: Array<string> = []
        for (const [name, operation] of Object.entries(operations)) {
          const fiber = yield* Effect.forkChild(Effect.exit(run(operation)))
          yield* settleTurns
          if (fiber.pollUnsafe() === undefined) hung.push(name)
        }
        assert.deepStrictEqual(hung, [])
        assert.strictEqual(reasonOf(yield* Effect.exit(run(Work.dispatch({ id: "late" })))), "WorkerPoolClosed")
        assert.strictEqual(reasonOf(yield* Effect.exit(run(live.recompute))), "WorkerPoolClosed")
        assert.strictEqual(
          (failure(yield* Effect.exit(live.send("late"))) as { _tag: string })._tag,
          "TaskAlreadyComplete"
        )
      }))

    it.effect("look-ups find what was visible when it closed, and nothing else", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ history: 2 })
        yield* register(scriptedLayer(Work))
        yield* register(scriptedLayer(Apart))
        const workerPool = yield* run(Effect.service(WorkerPool))
        const pool = yield* run(TaskPool.make())
        const gone = yield* run(work("gone"))
        yield* gone.await
        const other = yield* run(Apart.dispatch({ id: "other" }))
        yield* other.await
        const first = yield* run(work("same"))
        yield* first.await
        const live = yield* run(work("same", () => Effect.never, { pool }))
        yield* close
        const idsOf = (tasks: ReadonlyArray<{ readonly id: string }>) => tasks.map(({ id }) => id)
        assert.deepStrictEqual(idsOf(yield* workerPool.tasks), [first.id, live.id])
        assert.deepStrictEqual(idsOf(yield* run(Work.tasks)), [first.id, live.id])
        assert.deepStrictEqual(idsOf(yield* run(Apart.tasks)), [])
        assert.deepStrictEqual(idsOf(yield* workerPool.pools), ["GLOBAL", pool.id])
        const idOf = Option.map(({ id }: { readonly id: string }) => id)
        const tasks = yield* Effect.forEach([live.id, first.id, gone.id, "Work-99"], workerPool.task)
        assert.deepStrictEqual(tasks.map(idOf), [
          Option.some(live.id),
          Option.some(first.id),
          Option.none(),
          Option.none()
        ])
        const pools = yield* Effect.forEach([pool.id, "GLOBAL", "Pool-99"], workerPool.pool)
        assert.deepStrictEqual(pools.map(idOf), [Option.some(pool.id), Option.some("GLOBAL"), Option.none()])
        assert.deepStrictEqual(idOf(yield* run(Work.find({ id: "same" }))), Option.some(live.id))
        assert.deepStrictEqual(idOf(yield* run(Work.find({ id: "gone" }))), Option.none())
      }))

    it.effect("handles of pools find what look-ups find: their makers, their tasks, and the payloads of what failed", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ history: 4 })
        yield* register(scriptedLayer(Work))
        const pools: Array<TaskPool.TaskPool> = []
        const made = () => Effect.tap(TaskPool.make(), (pool) => Effect.sync(() => pools.push(pool)))
        const fails = (id: string) => (pool: TaskPool.TaskPool) =>
          Effect.exit(Effect.andThen(work(id, () => Effect.fail(new TestError({ id })), { pool }), pool.join))
        const maker = (id: string) => run(work(id, () => Effect.flatMap(made(), fails(`below ${id}`))))
        yield* (yield* maker("gone")).await
        const first = yield* maker("first")
        yield* first.await
        const last = yield* maker("last")
        yield* last.await
        const workerPool = yield* run(Effect.service(WorkerPool))
        const found = Effect.gen(function*() {
          const seen: Array<unknown> = []
          for (const pool of [...pools, workerPool.global]) {
            seen.push({
              createdBy: Option.map(pool.createdBy, ({ id }) => id),
              tasks: (yield* pool.tasks).map(({ id }) => id),
              payloads: (yield* pool.failures).map(({ payload }) => payload)
            })
          }
          return seen
        })
        const before = yield* found
        assert.deepStrictEqual(before, [
          { createdBy: Option.none(), tasks: [], payloads: [undefined] },
          { createdBy: Option.some(first.id), tasks: ["Work-6"], payloads: [{ id: "below first" }] },
          { createdBy: Option.some(last.id), tasks: ["Work-9"], payloads: [{ id: "below last" }] },
          { createdBy: Option.none(), tasks: [first.id, last.id], payloads: [] }
        ])
        yield* close
        assert.deepStrictEqual(yield* found, before)
      }))

    it.effect("handles tell what they told before, however the task has ended", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const pool = yield* run(TaskPool.make({ name: "kept" }))
        const reports = (self: { report(progress: number): Effect.Effect<void> }) =>
          Effect.andThen(self.report(1), self.report(2))
        const scripts: Record<string, Script> = {
          succeeded: (self) => Effect.as(reports(self), "done"),
          failed: (self) => Effect.andThen(reports(self), new TestError({ id: "failed" })),
          died: (self) => Effect.andThen(reports(self), Effect.die("boom")),
          canceled: (self) => Effect.andThen(reports(self), Effect.never),
          timedOut: (self) => Effect.andThen(Effect.andThen(reports(self), self.setTimeout(1000)), Effect.never),
          above: (self) =>
            Effect.andThen(reports(self), TaskPool.use((below) => work("below", undefined, { pool: below })))
        }
        const tasks: Array<ScriptedTask> = []
        for (const [id, script] of Object.entries(scripts)) tasks.push(yield* run(work(id, script, { pool })))
        yield* settleTurns
        yield* tasks[3]!.cancel("enough")
        yield* elapse(1000)
        const told = Effect.gen(function*() {
          const seen: Array<unknown> = []
          for (const task of tasks) {
            const below = yield* task.childPool
            seen.push({
              await: yield* Effect.exit(task.await),
              exit: yield* task.exit,
              status: yield* task.status,
              changes: yield* Stream.runCollect(task.changes),
              progress: yield* Stream.runCollect(task.progress),
              first: yield* task.firstProgress,
              below: Option.map(below, ({ id }) => id),
              createdBy: Option.map(Option.flatMap(below, ({ createdBy }) => createdBy), ({ id }) => id),
              belowStatus: Option.isSome(below) ? yield* below.value.status : undefined,
              pool: [task.pool.id, task.pool.name, task.pool.root.id, yield* task.pool.tasks],
              texts: [task.id, task.key, task.payload, `${task}`, JSON.stringify(task)]
            })
            yield* task.cancel("late")
            yield* task.setPriority(3)
            yield* task.clearTimeout
          }
          return seen
        })
        const before = yield* told
        yield* close
        yield* elapse(5000)
        assert.deepStrictEqual(yield* told, before)
        const hooks = trace()
        for (const task of tasks) {
          yield* task.onExit(() => hooks.push(task.id))
          yield* task.onFailure(() => hooks.push("failed"))
        }
        assert.strictEqual(hooks.log.length, 6 + 4)
        assert.deepInclude(yield* pool.status, { total: 7, complete: 7, failed: 3, canceled: 1 })
        const joined = failure(yield* Effect.exit(pool.join)) as ChildTaskFailed
        assert.deepStrictEqual(joined.failures.map(({ payload }) => (payload as { readonly id: string }).id), [
          "failed",
          "died",
          "timedOut"
        ])
      }))

    it.effect("that it cancels tasks is said before they have ended", () => {
      const { layer, logs } = recordLogs()
      return Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(work("a", () => Effect.uninterruptible(held.wait)))
        yield* awaitState(task, "Running")
        const closed = yield* closing(close)
        assert.deepStrictEqual(logs.map((line) => line.trim()), ["Shutdown cancels 1 task"])
        yield* held.open
        yield* closed.join
      }).pipe(Effect.provide(layer))
    })

    it.effect("waits that began before it end", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const workerPool = yield* run(Effect.service(WorkerPool))
        const pool = yield* run(TaskPool.make())
        const task = yield* run(running("a"))
        const waits = yield* Effect.forEach(
          [
            task.exit,
            pool.settled,
            Stream.runDrain(task.progress),
            Stream.runDrain(pool.changes),
            Stream.runDrain(workerPool.events),
            Stream.runDrain(workerPool.changes),
            workerPool.drain
          ] as ReadonlyArray<Effect.Effect<unknown, unknown>>,
          (wait) => Effect.forkChild(wait, { startImmediately: true })
        )
        yield* settleTurns
        yield* close
        yield* settleTurns
        assert.deepStrictEqual(waits.map((fiber) => fiber.pollUnsafe() !== undefined), waits.map(() => true))
      }))

    for (const [who, hook] of [["a hook", true], ["a pool's finalizer", false]] as const) {
      it.effect(`${who} that reads what goes on as long as the worker pool gets to its end`, () =>
        Effect.gen(function*() {
          const { close, register, run } = yield* start()
          yield* register(scriptedLayer(Work))
          const workerPool = yield* run(Effect.service(WorkerPool))
          const seen = trace()
          const streams = {
            events: workerPool.events,
            changes: workerPool.changes,
            pool: workerPool.global.changes
          }
          for (const [name, stream] of Object.entries(streams)) {
            const reads = () => Effect.andThen(Stream.runDrain(stream as Stream.Stream<unknown>), seen.push(name))
            if (hook) yield* run(running(name, (self) => Effect.andThen(self.onExit(reads), Effect.never)))
            else yield* run(Effect.flatMap(TaskPool.make(), (pool) => pool.addFinalizer(reads)))
          }
          yield* close
          assert.sameMembers(seen.log, Object.keys(streams))
        }))
    }

    it.effect("a hook that reads what goes on does not hold up the close of its handler layer", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        const handlers = yield* register(scriptedLayer(Work))
        const workerPool = yield* run(Effect.service(WorkerPool))
        yield* run(work("a", (self) => self.onExit(() => Stream.runDrain(workerPool.events))))
        yield* settleTurns
        yield* handlers.close
        yield* close
      }))

    const readers = {
      events: (workerPool: WorkerPoolService) => workerPool.events,
      "changes of the worker pool": (workerPool: WorkerPoolService) => workerPool.changes,
      "changes of GLOBAL": (workerPool: WorkerPoolService) => workerPool.global.changes
    }
    for (const [what, read] of Object.entries(readers)) {
      it.effect(`nor does a task of another job, in a pool of the hook, that reads ${what}`, () =>
        Effect.gen(function*() {
          const { close, register, run } = yield* start()
          const handlers = yield* register(scriptedLayer(Work))
          const others = yield* register(scriptedLayer(Apart))
          const workerPool = yield* run(Effect.service(WorkerPool))
          const seen = trace()
          yield* run(
            script("reads", () =>
              Effect.andThen(
                Stream.runDrain(read(workerPool) as Stream.Stream<unknown>),
                seen.push("the reader")
              ))
          )
          const hook = Effect.andThen(
            TaskPool.use((pool) => Apart.dispatch({ id: "reads" }, { pool })),
            seen.push("the hook")
          )
          const task = yield* run(work("a", (self) => self.onExit(() => hook)))
          yield* settleTurns
          yield* handlers.close
          yield* task.await
          assert.deepStrictEqual(seen.log, ["the reader", "the hook"])
          yield* others.close
          yield* close
        }))
    }

    it.effect("no timer is left", () =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        let timers = 0
        const counting: Clock.Clock = new Proxy(clock, {
          get: (target, key) =>
            key === "sleep"
              ? (...args: Parameters<Clock.Clock["sleep"]>) =>
                Effect.suspend(() => {
                  timers++
                  return Effect.ensuring(clock.sleep(...args), Effect.sync(() => timers--))
                })
              : Reflect.get(target, key, target)
        })
        const test = Effect.gen(function*() {
          const { close, register, run } = yield* start({ gracePeriod: "1 minute" })
          yield* register(scriptedLayer(Work))
          const task = yield* run(running("a"))
          yield* task.setTimeout("1 hour")
          yield* run(work("b", undefined, { delay: "2 hours", queueTimeout: "3 hours" }))
          assert.isAbove(timers, 0)
          const closed = yield* closing(close)
          yield* task.cancel()
          yield* elapse(60_000, 1)
          yield* closed.join
          yield* settleTurns
          assert.strictEqual(timers, 0)
        })
        yield* Effect.provideService(test, Clock.Clock, counting)
      }))

    it.effect("code that cannot be interrupted is waited for, with a warning that names the task every 10 seconds", () => {
      const { layer, logs } = recordLogs()
      return Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(running("a", () => Effect.uninterruptible(held.wait)))
        const line = `Shutdown waits for ${task.id}, which cannot be interrupted`
        const warnings = Effect.sync(() => logs.filter((text) => text.trim() === line).length)
        const closed = yield* closing(close)
        yield* elapse(9999)
        assert.strictEqual(yield* warnings, 0)
        yield* elapse(1)
        assert.strictEqual(yield* warnings, 1)
        yield* elapse(10_000)
        assert.strictEqual(yield* warnings, 2)
        assert.isFalse(yield* closed.done)
        yield* held.open
        yield* closed.join
        yield* elapse(30_000)
        assert.strictEqual(yield* warnings, 2)
        canceled(yield* task.exit)
      }).pipe(Effect.provide(layer))
    })

    it.effect("the same holds when a handler layer closes", () => {
      const { layer, logs } = recordLogs()
      return Effect.gen(function*() {
        const { register, run } = yield* start()
        const handlers = yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(running("a", () => Effect.uninterruptible(held.wait)))
        const closed = yield* closing(handlers.close)
        yield* elapse(10_000)
        assert.strictEqual(logs.filter((text) => text.includes(task.id)).length, 1)
        yield* held.open
        yield* closed.join
      }).pipe(Effect.provide(layer))
    })
  })

  describe("drain", () => {
    const drained = Effect.gen(function*() {
      const { drain } = yield* WorkerPool
      return yield* closing(drain)
    })

    it.effect("returns at once when there is nothing", () =>
      Effect.gen(function*() {
        assert.isTrue(yield* (yield* drained).done)
      }).pipe(withPool()))

    it.effect("waits until nothing is queued, delayed, running, sleeping or stopping and no hook runs", () =>
      Effect.gen(function*() {
        const [busy, body, sleep, finalizer, hook] = [gate(), gate(), gate(), gate(), gate()]
        yield* work("busy", () => busy.wait)
        yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* self.onExit(() => hook.wait)
            yield* Effect.addFinalizer(() => finalizer.wait)
            yield* body.wait
            yield* self.whileSleeping(sleep.wait)
          }), { delay: 1000 })
        const drain = yield* drained
        yield* busy.open
        yield* settleTurns
        assert.isFalse(yield* drain.done)
        yield* elapse(1000, 1)
        for (const next of [body, sleep, finalizer, hook]) {
          assert.isFalse(yield* drain.done)
          yield* next.open
          yield* settleTurns
        }
        assert.isTrue(yield* drain.done)
      }).pipe(withPool({ workers: 1 })))

    it.effect("refuses nothing, and waits for what comes meanwhile", () =>
      Effect.gen(function*() {
        const [one, two] = [gate(), gate()]
        yield* work("one", () => one.wait)
        const drain = yield* drained
        yield* work("two", () => two.wait)
        yield* one.open
        yield* settleTurns
        assert.isFalse(yield* drain.done)
        yield* two.open
        yield* drain.join
        assert.strictEqual(yield* (yield* work("three")).await, "three")
      }).pipe(withPool()))
  })

  describe("closed from inside, it waits for all but the closer, when closed", () => {
    interface Closer {
      readonly name: string
      /** The task that closes. */
      readonly script: (close: Effect.Effect<void>, go: Effect.Effect<void>) => Script
      /** What makes it close, when it is running. */
      readonly act?: (task: ScriptedTask) => Effect.Effect<unknown>
    }
    const cancelIt: Closer["act"] = (task) => Effect.forkChild(task.cancel())
    const timeItOut: Closer["act"] = () => elapse(1000, 1)
    const closers: ReadonlyArray<Closer> = [
      { name: "by a handler", script: (close, go) => () => Effect.andThen(go, close) },
      {
        name: "by a handler that cannot be interrupted",
        script: (close, go) => () => Effect.uninterruptible(Effect.andThen(go, close))
      },
      {
        name: "by a fiber that a handler joins",
        script: (close, go) => () => Effect.andThen(go, Effect.flatMap(Effect.forkChild(close), Fiber.join))
      },
      {
        name: "by a fiber that a handler leaves alone",
        script: (close, go) => () => Effect.andThen(go, Effect.andThen(Effect.forkDetach(close), Effect.never))
      },
      {
        name: "in whileSleeping",
        script: (close, go) => (self) => Effect.andThen(go, self.whileSleeping(close))
      },
      {
        name: "by a finalizer of a handler",
        script: (close, go) => () => Effect.andThen(Effect.addFinalizer(() => close), go)
      },
      ...([["cancelled", cancelIt], ["timed out", timeItOut]] as const).flatMap(([how, act]): Array<Closer> => [
        {
          name: `by a finalizer of a handler that is ${how}`,
          script: (close) => () => Effect.andThen(Effect.addFinalizer(() => close), Effect.never),
          act
        },
        {
          name: `by a handler that is ${how} and cannot be interrupted`,
          script: (close, go) => () => Effect.uninterruptible(Effect.andThen(go, close)),
          act
        },
        {
          name: `by a hook of a task that is ${how}`,
          script: (close) => (self) => Effect.andThen(self.onExit(() => close), Effect.never),
          act
        }
      ]),
      { name: "by a hook", script: (close, go) => (self) => Effect.andThen(self.onExit(() => close), go) },
      {
        name: "by a pool's finalizer",
        script: (close, go) => () =>
          TaskPool.use((pool) => Effect.andThen(pool.addFinalizer(() => close), Effect.as(go, undefined)))
      },
      {
        name: "by a task that others wait for",
        script: (close, go) => () =>
          TaskPool.use((pool) =>
            Effect.flatMap(
              work("closes", () => Effect.andThen(go, close), { pool }),
              (child) => Effect.forkChild(Effect.exit(child.await))
            )
          )
      }
    ]

    for (const target of ["a WorkerPool", "the layer of its own job", "the layer of another job"] as const) {
      for (const { act, name, script: run } of closers) {
        it.effect(`${name} (${target})`, () =>
          Effect.gen(function*() {
            yield* TestClock.adjust(0)
            const [seen, held, go] = [trace(), gate(), gate()]
            const [scope, outer] = [yield* Scope.make(), yield* Scope.make()]
            const resource = Layer.effectDiscard(
              Effect.acquireRelease(Effect.void, () => seen.push("released"))
            )
            const base = Layer.merge(WorkerPool.layer({ workers: 8 }), Layer.sync(Scripts, () => new Map()))
            const services = yield* target === "a WorkerPool"
              ? Layer.buildWithScope(
                Layer.merge(scriptedLayer(Work), scriptedLayer(Apart)).pipe(
                  Layer.provideMerge(base),
                  Layer.provideMerge(resource)
                ),
                scope
              )
              : Layer.buildWithScope(scriptedLayer(Work).pipe(Layer.provideMerge(base)), outer)
            const inside = <A, E>(effect: Effect.Effect<A, E, any>) =>
              Effect.provideContext(effect as Effect.Effect<A, E, WorkerPool | Scripts>, services)
            if (target !== "a WorkerPool") {
              yield* inside(
                Layer.buildWithScope(Layer.fresh(scriptedLayer(Apart).pipe(Layer.provideMerge(resource))), scope)
              )
            }
            yield* inside(Effect.gen(function*() {
              yield* script("slow", (self) =>
                Effect.gen(function*() {
                  yield* self.onExit(() => seen.push("slow hook"))
                  yield* Effect.addFinalizer(() => Effect.andThen(held.wait, seen.push("slow stopped")))
                  yield* Effect.never
                }))
              const slow = yield* Apart.dispatch({ id: "slow" })
              yield* awaitState(slow, "Running")
              yield* script("closer", run(Scope.close(scope, Exit.void), go.wait))
              const job = target === "the layer of its own job" ? Apart : Work
              const options = act === timeItOut ? { timeout: "1 second" } as const : {}
              const closer: ScriptedTask = yield* job.dispatch({ id: "closer" }, options)
              yield* settleTurns
              if (act !== undefined) yield* act(closer)
              yield* settleTurns
              yield* go.open
              yield* settleTurns
              assert.strictEqual(yield* stateOf(slow), "Stopping")
              assert.deepStrictEqual(seen.log, [])
              yield* held.open
              yield* settleTurns
              assert.deepStrictEqual(seen.log, ["slow stopped", "slow hook", "released"])
              assert.strictEqual(canceled(yield* slow.exit).reason, "shutdown")
              const rest = yield* closing(Scope.close(outer, Exit.void))
              assert.isTrue(yield* rest.done)
              assert.strictEqual(yield* stateOf(closer), "Exited")
            }))
          }))
      }
    }

    it.effect("by a task that another one awaits in its hook: that wait is a ring", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start()
        yield* register(scriptedLayer(Work))
        const [go, found] = [gate(), [] as Array<Exit.Exit<unknown, unknown>>]
        const closer: ScriptedTask = yield* run(
          running("closer", () => Effect.uninterruptible(Effect.andThen(go.wait, close)))
        )
        yield* run(
          running("other", (self) =>
            Effect.andThen(
              self.onExit(() => Effect.map(Effect.exit(closer.await), (exit) => found.push(exit))),
              Effect.never
            ))
        )
        yield* go.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(closer), "Exited")
        assert.strictEqual(found.length, 1)
        assert.instanceOf(defect(found[0]!), WaitCycle)
      }))

    it.effect("by a task, with a grace: it does not use that up for those that come to wait for it meanwhile", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start({ gracePeriod: "1 minute" })
        yield* register(scriptedLayer(Work))
        const handlers = yield* register(scriptedLayer(Apart))
        const [end, go] = [gate(), gate()]
        yield* run(script("first", () => end.wait))
        yield* run(script("second", () => Effect.andThen(go.wait, Effect.suspend(() => closer.exit))))
        const apart = (id: string) => run(Apart.dispatch({ id }))
        const [first, second] = [yield* apart("first"), yield* apart("second")]
        yield* awaitState(first, "Running")
        yield* awaitState(second, "Running")
        const closer: ScriptedTask = yield* run(work("closer", () => handlers.close))
        yield* awaitState(closer, "Sleeping")
        yield* go.open
        yield* awaitState(second, "Sleeping")
        yield* end.open
        yield* settleTurns
        assert.strictEqual(yield* stateOf(closer), "Exited")
        canceled(yield* second.exit)
      }))
  })

  describe("a dispatch is refused with WorkerPoolClosed", () => {
    it.effect("in the finalizers of the handler's own resources", () =>
      Effect.gen(function*() {
        const { register, run } = yield* start()
        const found: Array<string> = []
        const dispatch = Effect.exit(Named.dispatch()) as Effect.Effect<Exit.Exit<unknown, unknown>, never, WorkerPool>
        const handlers = yield* register(Named.toLayer(Effect.gen(function*() {
          yield* Effect.addFinalizer(() => Effect.map(dispatch, (exit) => found.push(reasonOf(exit))))
          return Named.of(() => Effect.succeed("served"))
        })))
        assert.strictEqual(yield* run(Named.run()), "served")
        yield* handlers.close
        assert.deepStrictEqual(found, ["WorkerPoolClosed"])
      }))

    it.effect("from outside while the WorkerPool closes with a grace, though its handlers live on", () =>
      Effect.gen(function*() {
        const { close, register, run } = yield* start({ gracePeriod: "5 seconds" })
        yield* register(scriptedLayer(Work))
        const held = gate()
        const task = yield* run(
          running("a", () => Effect.andThen(held.wait, Effect.flatMap(work("inside"), (inside) => inside.await)))
        )
        const pool = yield* run(TaskPool.make())
        const closed = yield* closing(close)
        const late: Record<string, Effect.Effect<unknown, unknown, any>> = {
          dispatch: Work.dispatch({ id: "b" }),
          "dispatch in a pool": Work.dispatch({ id: "b" }, { pool }),
          "dispatch by name": WorkerPool.use(({ dispatch }) => dispatch("Work", { id: "b" })),
          recompute: task.recompute
        }
        const found: Record<string, string> = {}
        for (const [name, dispatch] of Object.entries(late)) {
          const exit = yield* Effect.exit(run(dispatch))
          found[name] = Exit.isSuccess(exit) ? "accepted" : reasonOf(exit)
        }
        yield* held.open
        yield* elapse(5000)
        yield* closed.join
        assert.deepStrictEqual(found, Object.fromEntries(Object.keys(late).map((name) => [name, "WorkerPoolClosed"])))
        assert.strictEqual(yield* task.await, "inside")
      }))
  })

  it.effect("the warning names ten tasks at most, and how many more", () => {
    const { layer, logs } = recordLogs()
    return Effect.gen(function*() {
      const { close, register, run } = yield* start({ workers: 100 })
      yield* register(scriptedLayer(Work))
      const held = gate()
      const tasks: Array<ScriptedTask> = []
      for (let n = 0; n < 47; n++) tasks.push(yield* run(running(`${n}`, () => Effect.uninterruptible(held.wait))))
      const closed = yield* closing(close)
      yield* elapse(10_000)
      yield* held.open
      yield* closed.join
      const named = (text: string) => tasks.filter(({ id }) => new RegExp(`${id}\\b`).test(text)).length
      const warning = logs.find((text) => named(text) > 0) ?? ""
      assert.strictEqual(named(warning), 10)
      assert.include(warning, "37")
    }).pipe(Effect.provide(layer))
  })

  describe("a drain from outside waits for a task that drains", () => {
    for (const when of ["before", "in the turn in which"] as const) {
      it.effect(`when it begins ${when} that one is the last`, () =>
        Effect.gen(function*() {
          const { drain } = yield* WorkerPool
          const [last, end] = [gate(), gate()]
          const drains = yield* work("drains", () => Effect.andThen(drain, end.wait))
          const other = yield* work("other", () => last.wait)
          yield* awaitState(drains, "Sleeping")
          const early = when === "before" ? yield* closing(drain) : undefined
          yield* last.open
          yield* other.exit
          const outside = early ?? (yield* closing(drain))
          yield* settleTurns
          assert.strictEqual(yield* stateOf(drains), "Running")
          assert.isFalse(yield* outside.done)
          yield* end.open
          yield* outside.join
          assert.strictEqual(yield* stateOf(drains), "Exited")
        }).pipe(withPool({ workers: 2 })))
    }

    it.effect("and for its hooks", () =>
      Effect.gen(function*() {
        const { drain } = yield* WorkerPool
        const hook = gate()
        yield* work("drains", (self) => Effect.andThen(self.onExit(() => hook.wait), drain))
        const outside = yield* closing(drain)
        assert.isFalse(yield* outside.done)
        yield* hook.open
        yield* outside.join
      }).pipe(withPool()))
  })

  it.effect("a shutdown that has to wait says so in one line, one that has to cancel in another, however many tasks", () => {
    const { layer, logs } = recordLogs()
    return Effect.gen(function*() {
      const { close, register, run } = yield* start({ workers: 100, gracePeriod: "5 seconds" })
      yield* register(scriptedLayer(Work))
      for (let n = 0; n < 73; n++) yield* run(running(`${n}`))
      const closed = yield* closing(close)
      const waits = [...logs]
      yield* elapse(5000)
      yield* closed.join
      const cancels = logs.slice(waits.length)
      assert.deepStrictEqual([waits.length, cancels.length], [1, 1])
      for (const line of [...waits, ...cancels]) {
        assert.include(line, "73")
        assert.isBelow(line.length, 300)
      }
      assert.match(waits[0]!, /5 ?s|5,?000/)
    }).pipe(Effect.provide(layer))
  })

  it.effect("what finish-running cancels at once it does not say to wait for, though hooks of that still run", () => {
    const { layer, logs } = recordLogs()
    return Effect.gen(function*() {
      const { close, register, run } = yield* start({
        workers: 2,
        gracePeriod: "5 seconds",
        shutdown: "finish-running"
      })
      yield* register(scriptedLayer(Work))
      for (let n = 0; n < 2; n++) yield* run(running(`${n}`))
      const held = gate()
      for (let n = 0; n < 3; n++) yield* (yield* run(work("queued"))).onExit(() => held.wait)
      const closed = yield* closing(close)
      yield* held.open
      yield* elapse(5000)
      yield* closed.join
      assert.deepStrictEqual(logs.map((line) => line.trim()), [
        "Shutdown cancels 3 tasks",
        "Shutdown waits up to 5s for 2 tasks",
        "Shutdown cancels 2 tasks"
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("a shutdown that finds nothing to wait for says nothing", () => {
    const { layer, logs } = recordLogs()
    return Effect.gen(function*() {
      const { close, register, run } = yield* start({ gracePeriod: "5 seconds" })
      yield* register(scriptedLayer(Work))
      assert.strictEqual(yield* run(Work.run({ id: "a" })), "a")
      yield* close
      assert.deepStrictEqual(logs, [])
    }).pipe(Effect.provide(layer))
  })

  describe("layers that a handler provides close before its task has ended, their tasks awaited, when the task", () => {
    const ends: ReadonlyArray<
      { readonly name: string, readonly end: (outer: ScriptedTask) => Effect.Effect<unknown> }
    > = [
      { name: "is cancelled", end: (outer) => Effect.forkChild(outer.cancel()) },
      { name: "times out", end: () => elapse(1000, 1) }
    ]
    for (const { end, name } of ends) {
      for (const what of ["a handler of the same WorkerPool", "a WorkerPool of its own"] as const) {
        it.effect(`${name} (${what})`, () =>
          Effect.gen(function*() {
            const { register, run } = yield* start()
            const [held, seen] = [gate(), trace()]
            const resource = Layer.effectDiscard(Effect.acquireRelease(Effect.void, () => seen.push("released")))
            const handler = Named.toLayer(() =>
              Effect.andThen(
                Effect.addFinalizer(() => Effect.andThen(held.wait, seen.push("inner stopped"))),
                Effect.never
              )
            )
            const inner = what === "a handler of the same WorkerPool"
              ? Layer.provide(handler, resource)
              : handler.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })), Layer.provideMerge(resource))
            yield* register(scriptedLayer(Work))
            const outer = yield* run(Effect.gen(function*() {
              yield* script("outer", () =>
                Effect.andThen(Named.dispatch(), Effect.never).pipe(
                  Effect.provide(inner, { local: true })
                ))
              return yield* Work.dispatch({ id: "outer" }, { timeout: "1 second" })
            }))
            yield* outer.onExit(() => seen.push("outer ended"))
            yield* settleTurns
            yield* end(outer)
            yield* settleTurns
            assert.deepStrictEqual(seen.log, [])
            assert.strictEqual(yield* stateOf(outer), "Stopping")
            yield* held.open
            yield* settleTurns
            assert.deepStrictEqual(seen.log, ["inner stopped", "released", "outer ended"])
          }))
      }
    }
  })
})
