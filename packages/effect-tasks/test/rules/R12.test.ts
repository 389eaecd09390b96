import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Redacted, References, Schema } from "effect"
import { ChildTaskFailed, Job, PoolCanceled, type TaskFailure, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  canceled,
  defect,
  eventually,
  failure,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}

const never = () => Effect.never
const failing = () => Effect.fail(new TestError({ id: "boom" }))

const joinFailure = (pool: TaskPool.TaskPool) =>
  Effect.map(Effect.flip(pool.join), (error) => {
    assert.instanceOf(error, ChildTaskFailed)
    return error as ChildTaskFailed
  })
/** What an exit has failed with and died of. */
const reasonsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isSuccess(exit) ?
    assert.fail("it has succeeded") :
    exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : "interrupt"
    )
const errorOf = ({ cause }: TaskFailure) => Option.getOrNull(Cause.findErrorOption(cause))

const pool1 = (error: unknown): string => (error as ChildTaskFailed).poolId

describe("R12 join and onFailure look at the pool's own tasks", () => {
  it.effect("join fails with what failed and why", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("ok", undefined, { pool })
      const task = yield* work("a", failing, { pool })
      const { failures, poolId, total } = yield* joinFailure(pool)
      assert.deepStrictEqual([poolId, total, failures.length], [pool.id, 1, 1])
      assert.deepInclude(failures[0], { taskId: task.id, job: "Work" })
      assert.deepStrictEqual(failures[0].path, [task.id])
      assert.deepStrictEqual(errorOf(failures[0]), new TestError({ id: "boom" }))
    }).pipe(withPool()))

  it.effect("failures, defects and timeouts fail it, oldest first", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const late = yield* work("late", never, { pool, timeout: "1 second" })
      const failed = yield* work("failed", failing, { pool })
      yield* failed.exit
      const died = yield* work("died", () => Effect.die("broken"), { pool })
      yield* died.exit
      yield* TestClock.adjust("1 second")
      const { failures, total } = yield* joinFailure(pool)
      assert.strictEqual(total, 3)
      assert.deepStrictEqual(failures.map(({ taskId }) => taskId), [failed.id, died.id, late.id])
      assert.strictEqual((yield* pool.settled).failed, 3)
    }).pipe(withPool()))

  it.effect("every join of the pool fails, also later ones", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", failing, { pool })
      assert.deepStrictEqual(yield* joinFailure(pool), yield* joinFailure(pool))
    }).pipe(withPool()))

  it.effect("a failure that a parent handled does not fail the pool above", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ onFailure: "cancel" })
      const children: Array<ScriptedTask> = []
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const own = yield* TaskPool.make()
          const child = yield* work("child", failing, { pool: own })
          children.push(child)
          yield* Effect.ignore(own.join)
          yield* Effect.ignore(child.await)
          return "handled"
        }), { pool })
      const { canceled, failed, total } = yield* pool.join
      assert.deepStrictEqual([total, failed, canceled], [2, 1, 0])
      assert.strictEqual(yield* parent.await, "handled")
      const [only] = yield* pool.failures
      assert.deepStrictEqual(only!.path, [parent.id, children[0]!.id])
    }).pipe(withPool()))

  it.effect("a failure that a parent lets through is the parent's own", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const parent = yield* work("parent", () => TaskPool.use((own) => work("child", failing, { pool: own })), { pool })
      const { failures, total } = yield* joinFailure(pool)
      assert.deepStrictEqual([total, failures.map(({ taskId }) => taskId)], [1, [parent.id]])
      assert.instanceOf(errorOf(failures[0]), ChildTaskFailed)
      assert.strictEqual((yield* pool.failures).length, 2)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a cancelled task does not fail it", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make({ onFailure: "cancel" })
      const task = yield* work("a", never, { pool })
      const other = yield* work("b", () => Effect.sleep("1 second"), { pool })
      yield* awaitState(task, "Running")
      yield* task.cancel()
      yield* TestClock.adjust("1 second")
      const { canceled: count, complete, failed } = yield* pool.join
      assert.deepStrictEqual([complete, failed, count], [2, 0, 1])
      yield* other.await
    }).pipe(withPool()))

  it.effect("by default a failure stops nothing", () =>
    Effect.gen(function*() {
      const held = gate()
      const pool = yield* TaskPool.make()
      const other = yield* work("other", () => held.wait, { pool })
      yield* (yield* work("a", failing, { pool })).exit
      yield* settleTurns
      assert.strictEqual(yield* stateOf(other), "Running")
      const next = yield* work("next", undefined, { pool })
      assert.strictEqual(yield* next.await, "next")
      yield* held.open
      assert.strictEqual((yield* joinFailure(pool)).total, 1)
    }).pipe(withPool()))

  describe("with onFailure: \"cancel\"", () => {
    it.effect("the first failure cancels the rest, queued ones never start, and join reports the failure alone", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const running = yield* work("running", never, { pool })
        const failed = yield* work("failed", () => Effect.andThen(held.wait, failing()), { pool })
        const queued = yield* work("queued", () => seen.push("started"), { pool })
        const delayed = yield* work("delayed", () => seen.push("started"), { pool, delay: "1 second" })
        yield* awaitState(failed, "Running")
        yield* held.open
        const { failures, total } = yield* joinFailure(pool)
        assert.deepStrictEqual([total, failures.map(({ taskId }) => taskId)], [1, [failed.id]])
        for (const task of [running, queued, delayed]) canceled(yield* task.exit)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(seen.log, [])
        const { canceled: count, complete, failed: failedCount } = yield* pool.status
        assert.deepStrictEqual([complete, failedCount, count], [4, 1, 3])
      }).pipe(withPool({ workers: 2 })))

    const ends = [
      { name: "defect", run: () => Effect.die("broken") },
      { name: "timeout", run: () => Effect.never }
    ]
    it.effect.each(ends)("a $name is such a failure", ({ run }) =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const other = yield* work("other", never, { pool })
        yield* awaitState(other, "Running")
        yield* work("a", run, { pool, timeout: "1 second" })
        yield* settleTurns
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* joinFailure(pool)).total, 1)
        canceled(yield* other.exit)
      }).pipe(withPool()))

    it.effect("of failures in the same turn join reports as many as the pool counts", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make({ onFailure: "cancel" })
        const fails = () => Effect.andThen(held.wait, failing())
        const first = yield* work("a", fails, { pool })
        const second = yield* work("b", () => Effect.uninterruptible(fails()), { pool })
        yield* awaitState(second, "Running")
        yield* held.open
        const { failures, total } = yield* joinFailure(pool)
        const status = yield* pool.settled
        assert.strictEqual(total, failures.length)
        assert.strictEqual(failures[0].taskId, first.id)
        assert.deepStrictEqual([status.failed, status.failed + status.canceled], [total, 2])
      }).pipe(withPool()))

    it.effect("it does not reach the pools above", () =>
      Effect.gen(function*() {
        const top = yield* TaskPool.make({ onFailure: "cancel" })
        const other = yield* work("other", never, { pool: top })
        const parent = yield* work("parent", () =>
          TaskPool.use((own) =>
            Effect.andThen(work("rest", never, { pool: own }), work("child", failing, { pool: own })), {
            onFailure: "cancel"
          }).pipe(Effect.ignore), { pool: top })
        yield* parent.await
        yield* settleTurns
        assert.strictEqual(yield* stateOf(other), "Running")
        const { canceled, complete, failed, total } = yield* top.status
        assert.deepStrictEqual([total, complete, failed, canceled], [4, 3, 1, 1])
      }).pipe(withPool()))
  })

  it.effect("a cancelled pool fails join with PoolCanceled, unless one of its tasks failed", () =>
    Effect.gen(function*() {
      const stopped = yield* TaskPool.make()
      yield* work("a", never, { pool: stopped })
      yield* stopped.cancel({ reason: "enough" })
      const error = yield* Effect.flip(stopped.join)
      assert.deepStrictEqual(error, new PoolCanceled({ poolId: stopped.id, reason: "enough" }))
      const both = yield* TaskPool.make()
      yield* (yield* work("b", failing, { pool: both })).exit
      yield* work("c", never, { pool: both })
      yield* both.cancel()
      assert.strictEqual((yield* joinFailure(both)).total, 1)
    }).pipe(withPool()))

  it.effect("settled never fails", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", failing, { pool })
      yield* (yield* work("b", never, { pool })).cancel()
      const { canceled: count, complete, failed, state } = yield* pool.settled
      assert.deepStrictEqual([state, complete, failed, count], ["done", 2, 1, 1])
    }).pipe(withPool()))

  it.effect("the first 100 failures are kept, all are counted", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const ids: Array<string> = []
      for (let i = 0; i < 130; i++) ids.push((yield* work(`${i}`, failing, { pool })).id)
      const { failures, total } = yield* joinFailure(pool)
      assert.strictEqual(total, 130)
      assert.deepStrictEqual(failures.map(({ taskId }) => taskId), ids.slice(0, 100))
      assert.strictEqual((yield* pool.failures).length, 100)
      assert.strictEqual((yield* pool.status).failed, 130)
    }).pipe(withPool({ workers: 1 })))

  it.effect("a path leads from the root task to the failed one", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      const path: Array<string> = []
      const nest = (depth: number): Effect.Effect<unknown, any, any> =>
        depth === 0 ?
          failing() :
          Effect.ignore(
            TaskPool.use((own) =>
              Effect.map(work(`${depth}`, () => nest(depth - 1) as any, { pool: own }), ({ id }) => path.push(id))
            )
          )
      const root = yield* work("root", () => nest(3) as any, { pool })
      yield* pool.join
      const [found] = yield* pool.failures
      assert.strictEqual(path.length, 3)
      assert.deepStrictEqual(found!.path, [root.id, ...path])
      assert.strictEqual(found!.taskId, path.at(-1))
    }).pipe(withPool({ workers: 1 })))

  it.effect("failures of a shared task are listed in every pool that holds it, and above each of them", () =>
    Effect.gen(function*() {
      const [fail, home, above] = [gate(), yield* TaskPool.make(), yield* TaskPool.make()]
      const guests: Array<TaskPool.TaskPool> = []
      yield* script("s", () => Effect.andThen(fail.wait, failing()))
      const task = yield* Once.dispatch({ id: "s" }, { pool: home })
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const guest = yield* TaskPool.make()
          guests.push(guest)
          yield* Once.dispatch({ id: "s" }, { pool: guest })
          yield* guest.settled
        }), { pool: above })
      yield* awaitState(parent, "Sleeping")
      yield* fail.open
      yield* above.join
      for (const pool of [home, guests[0]!, above]) {
        assert.deepStrictEqual((yield* pool.failures).map(({ taskId }) => taskId), [task.id])
        assert.strictEqual((yield* pool.status).failed, 1)
      }
      for (const pool of [home, guests[0]!]) assert.strictEqual((yield* joinFailure(pool)).total, 1)
    }).pipe(withPool({}, Once)))

  it.effect("failures below a shared task are listed above the pool that is their parent, its own above each", () =>
    Effect.gen(function*() {
      const [fail, home, above] = [gate(), yield* TaskPool.make(), yield* TaskPool.make()]
      const below: Array<string> = []
      yield* script("s", () =>
        TaskPool.use((own) =>
          Effect.gen(function*() {
            const task = yield* work("below", () => Effect.andThen(fail.wait, failing()), { pool: own })
            below.push(task.id)
          })
        ))
      const task = yield* Once.dispatch({ id: "s" }, { pool: home })
      yield* work("parent", () => TaskPool.use((pool) => Once.dispatch({ id: "s" }, { pool })), { pool: above })
      yield* settleTurns
      yield* fail.open
      yield* above.settled
      const failed = (pool: TaskPool.TaskPool) => Effect.map(pool.failures, (all) => all.map(({ taskId }) => taskId))
      assert.deepStrictEqual(yield* failed(home), [below[0]!, task.id])
      assert.deepStrictEqual((yield* failed(above)).slice(0, 1), [task.id])
      assert.notInclude(yield* failed(above), below[0]!)
    }).pipe(withPool({}, Once)))

  describe("the body of use and forEach", () => {
    const ends: ReadonlyArray<{
      readonly name: string,
      readonly cancel: (pool: TaskPool.TaskPool) => Effect.Effect<unknown, unknown, any>,
      readonly check: (error: unknown, pool: TaskPool.TaskPool) => void
    }> = [
      {
        name: "by the first failure",
        cancel: (pool) => work("fails", failing, { pool }),
        check: (error) => {
          assert.instanceOf(error, ChildTaskFailed)
          assert.deepStrictEqual(errorOf((error as ChildTaskFailed).failures[0]), new TestError({ id: "boom" }))
        }
      },
      {
        name: "by a call",
        cancel: (pool) =>
          Effect.andThen(
            work("member", never, { pool }),
            Effect.forkScoped(Effect.andThen(settleTurns, pool.cancel({ reason: "enough" })))
          ),
        check: (error, pool) => assert.deepStrictEqual(error, new PoolCanceled({ poolId: pool.id, reason: "enough" }))
      },
      {
        name: "by one of its tasks",
        cancel: (pool) => work("cancels", () => pool.cancel({ reason: "mine" }), { pool }),
        check: (error, pool) => assert.deepStrictEqual(error, new PoolCanceled({ poolId: pool.id, reason: "mine" }))
      }
    ]
    const options = { onFailure: "cancel" } as const

    /** Runs it to its end; fails when it has none. */
    const ended = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
        yield* eventually("it has ended", Effect.sync(() => fiber.pollUnsafe() !== undefined))
        return yield* Fiber.await(fiber)
      })

    for (const { cancel, check, name } of ends) {
      const waits: Record<string, (pool: TaskPool.TaskPool) => Effect.Effect<unknown, unknown, any>> = {
        "something else": () => Effect.never,
        "a task of another pool": () => Effect.flatMap(work("other", never), (other) => other.await),
        "a task of the pool": (pool) => Effect.flatMap(work("member", never, { pool }), (member) => member.await),
        "the pool": (pool) => pool.settled
      }
      for (const [what, wait] of Object.entries(waits)) {
        it.effect(`is interrupted in its wait for ${what} when the pool is cancelled ${name}: the pool's verdict is the result`, () =>
          Effect.gen(function*() {
            const [seen, made] = [trace(), [] as Array<TaskPool.TaskPool>]
            const exit = yield* ended(
              TaskPool.use((pool) => {
                made.push(pool)
                return Effect.andThen(cancel(pool), wait(pool)).pipe(
                  Effect.onInterrupt(() => seen.push("interrupted")),
                  Effect.andThen(seen.push("went on"))
                )
              }, options)
            )
            check(failure(exit), made[0]!)
            if (what !== "the pool") assert.deepStrictEqual(seen.log, ["interrupted"])
            assert.strictEqual((yield* made[0]!.status).state, "done")
          }).pipe(withPool()) as Effect.Effect<void>)
      }

      it.effect(`may dispatch when the pool has been cancelled ${name}: the result is the pool's verdict, not the refusal`, () =>
        Effect.gen(function*() {
          const made: Array<TaskPool.TaskPool> = []
          const exit = yield* ended(
            TaskPool.use((pool) => {
              made.push(pool)
              const late = Effect.andThen(settleTurns, Effect.forEach([1, 2, 3], () => work("late", never, { pool })))
              return Effect.andThen(cancel(pool), Effect.uninterruptible(Effect.andThen(settleTurns, late)))
            }, options)
          )
          check(failure(exit), made[0]!)
        }).pipe(withPool()) as Effect.Effect<void>)

      const bodies: Record<string, Effect.Effect<void, TestError>> = {
        succeeds: Effect.void,
        fails: new TestError({ id: "body" }),
        dies: Effect.die("body")
      }
      for (const [what, end] of Object.entries(bodies)) {
        it.effect(
          `runs to its end where it cannot be interrupted, though the pool is cancelled ${name}: when it ${what} the result is the pool's verdict${
            what === "dies" ? " and its defect" : ""
          }`,
          () =>
            Effect.gen(function*() {
              const [seen, made] = [trace(), [] as Array<TaskPool.TaskPool>]
              const exit = yield* ended(Effect.uninterruptible(
                TaskPool.use((pool) => {
                  made.push(pool)
                  return Effect.gen(function*() {
                    yield* cancel(pool)
                    for (let n = 0; n < 3; n++) yield* settleTurns
                    assert.isTrue(["canceled", "done"].includes((yield* pool.status).state))
                    yield* seen.push("its end")
                    return yield* end
                  })
                }, options)
              ))
              assert.deepStrictEqual(seen.log, ["its end"])
              const [verdict, ...more] = reasonsOf(exit)
              check(verdict, made[0]!)
              assert.deepStrictEqual(more, what === "dies" ? ["body"] : [])
            }).pipe(withPool()) as Effect.Effect<void>
        )
      }

      for (const length of [10, 3000]) {
        it.effect(`gives forEach the pool's verdict when that is cancelled ${name} before the last of ${length} items`, () =>
          Effect.gen(function*() {
            const made: Array<TaskPool.TaskPool> = []
            const items = Array.from({ length }, (_, n) => n)
            const exit = yield* ended(
              TaskPool.forEach(items, (n, pool) => {
                if (n === 0) made.push(pool)
                const before = n === 0 ? cancel(pool) : n === length - 1 ? settleTurns : Effect.yieldNow
                return Effect.andThen(before as Effect.Effect<void>, work("item", undefined, { pool }))
              }, options)
            )
            check(failure(exit), made[0]!)
          }).pipe(withPool()) as Effect.Effect<void>)
      }
    }

    it.effect("is interrupted also when it has cancelled the pool itself, at once", () =>
      Effect.gen(function*() {
        const made: Array<TaskPool.TaskPool> = []
        const exit = yield* ended(TaskPool.use((pool) => {
          made.push(pool)
          return Effect.andThen(pool.cancel({ reason: "mine" }), Effect.never)
        }))
        assert.deepStrictEqual(failure(exit), new PoolCanceled({ poolId: made[0]!.id, reason: "mine" }))
      }).pipe(withPool()))

    it.effect("gives forEach the failure of an item also when there is room for few", () =>
      Effect.gen(function*() {
        yield* script("0", failing)
        const exit = yield* ended(
          TaskPool.forEach(Array.from({ length: 10 }, (_, n) => `${n}`), (id, pool) =>
            work(id, undefined, { pool }), options)
        )
        assert.instanceOf(failure(exit), ChildTaskFailed)
      }).pipe(withPool({ workers: 2, capacity: 2 })))

    it.effect("that awaits the task whose failure cancels the pool is told the pool's verdict", () =>
      Effect.gen(function*() {
        const exit = yield* ended(
          TaskPool.use((pool) => Effect.flatMap(work("fails", failing, { pool }), (task) => task.await), options)
        )
        assert.instanceOf(failure(exit), ChildTaskFailed)
      }).pipe(withPool()))

    it.effect("in a handler lets it handle the failure and go on", () =>
      Effect.gen(function*() {
        const each = TaskPool.forEach(
          Array.from({ length: 10 }, (_, n) => n),
          (n, pool) => Effect.andThen(Effect.yieldNow, work(`${n}`, n === 0 ? failing : undefined, { pool })),
          options
        )
        const hangs = TaskPool.use((pool) => Effect.andThen(work("fails", failing, { pool }), Effect.never), options)
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            const handled: Array<string> = []
            for (const body of [each, hangs]) {
              yield* Effect.catchTag(body, "ChildTaskFailed", () => Effect.sync(() => void handled.push("handled")))
            }
            yield* self.whileSleeping(Effect.yieldNow)
            return handled
          }))
        yield* eventually("it has ended", Effect.map(stateOf(task), (state) => state === "Exited"))
        assert.deepStrictEqual(yield* task.await, ["handled", "handled"])
      }).pipe(withPool({ workers: 2 })))

    it.effect("in a handler runs with the task's slot until it waits itself", () =>
      Effect.gen(function*() {
        const end = gate()
        const task = yield* work("a", () => TaskPool.use(() => end.wait, options))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* end.open
        yield* task.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("goes on when a failure cancels nothing", () =>
      Effect.gen(function*() {
        const seen = trace()
        const error = yield* TaskPool.use((pool) =>
          Effect.gen(function*() {
            yield* (yield* work("fails", failing, { pool })).exit
            yield* settleTurns
            yield* seen.push("went on")
          })
        ).pipe(Effect.flip)
        assert.instanceOf(error, ChildTaskFailed)
        assert.deepStrictEqual(seen.log, ["went on"])
      }).pipe(withPool()))

    it.effect("that fails has the failures that came first added to its cause, in parallel", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(TaskPool.use((pool) =>
          Effect.gen(function*() {
            yield* (yield* work("fails", failing, { pool })).exit
            yield* work("stops", () => Effect.never, { pool })
            return yield* new TestError({ id: "body" })
          })
        ))
        assert.isTrue(Exit.isFailure(exit))
        const errors = Exit.isFailure(exit)
          ? exit.cause.reasons.map((reason) => Cause.isFailReason(reason) ? reason.error : undefined)
          : []
        assert.strictEqual(errors.length, 2)
        assert.deepStrictEqual(errors[0], new TestError({ id: "body" }))
        assert.instanceOf(errors[1], ChildTaskFailed)
        assert.strictEqual((errors[1] as ChildTaskFailed).total, 1)
        assert.deepStrictEqual(errorOf((errors[1] as ChildTaskFailed).failures[0]), new TestError({ id: "boom" }))
      }).pipe(withPool()))

    it.effect("that dies has the failures that came first beside its defect", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(TaskPool.use((pool) =>
          Effect.andThen(Effect.flatMap(work("fails", failing, { pool }), (task) => task.exit), Effect.die("body"))
        ))
        const [own, earlier, ...more] = reasonsOf(exit)
        assert.deepStrictEqual([own, more], ["body", []])
        assert.instanceOf(earlier, ChildTaskFailed)
      }).pipe(withPool()))

    it.effect("that fails is told without the failures that come later, while its pool ends", () =>
      Effect.gen(function*() {
        const held = gate()
        const use = yield* Effect.forkChild(
          TaskPool.use((pool) =>
            Effect.gen(function*() {
              const late = yield* work(
                "late",
                () => Effect.andThen(Effect.addFinalizer(() => held.wait), failing()),
                { pool }
              )
              yield* awaitState(late, "Stopping")
              return yield* new TestError({ id: "body" })
            })
          )
        )
        yield* settleTurns
        assert.isUndefined(use.pollUnsafe())
        yield* held.open
        assert.deepStrictEqual(failure(yield* Fiber.await(use)), new TestError({ id: "body" }))
      }).pipe(withPool()))

    it.effect("that has failed is told so, though its pool is cancelled before anyone has looked", () =>
      Effect.gen(function*() {
        let late = 0
        for (let ops = 3; ops < 12; ops++) {
          const end = gate()
          const made: Array<TaskPool.TaskPool> = []
          const bodies: Array<Fiber.Fiber<unknown, unknown>> = []
          const use = yield* Effect.forkChild(
            TaskPool.use((pool) =>
              Effect.withFiber((body) => {
                made.push(pool)
                bodies.push(body)
                return Effect.andThen(end.wait, new TestError({ id: "body" }))
              })
            ).pipe(Effect.provideService(References.MaxOpsBeforeYield, ops)) // its fiber yields after so many steps
          )
          yield* settleTurns
          yield* end.open
          while (bodies[0]!.pollUnsafe() === undefined) yield* Effect.yieldNow
          if (use.pollUnsafe() === undefined && (yield* made[0]!.status).state === "open") late++
          yield* made[0]!.cancel()
          assert.deepStrictEqual(failure(yield* Fiber.await(use)), new TestError({ id: "body" }))
        }
        assert.isAbove(late, 0)
      }).pipe(withPool()))

    it.effect("that fails alone keeps its cause as it is", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(
          TaskPool.use((pool) => Effect.andThen(work("stops", never, { pool }), new TestError({ id: "body" })))
        )
        assert.deepStrictEqual(failure(exit), new TestError({ id: "body" }))
      }).pipe(withPool()))

    it.effect("that dies when its pool has been cancelled has its defect beside the pool's verdict", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(TaskPool.use((pool) => Effect.andThen(pool.cancel(), Effect.die("body"))))
        if (Exit.isSuccess(exit)) return assert.fail("it has succeeded")
        const [verdict, defect] = exit.cause.reasons
        assert.isTrue(Cause.isFailReason(verdict!) && verdict.error instanceof PoolCanceled)
        assert.isTrue(Cause.isDieReason(defect!) && defect.defect === "body")
      }).pipe(withPool()))

    it.effect("that is interrupted from outside stays interrupted", () =>
      Effect.gen(function*() {
        const made: Array<TaskPool.TaskPool> = []
        const use = yield* Effect.forkChild(
          TaskPool.use((pool) => {
            made.push(pool)
            return Effect.andThen(work("stops", never, { pool }), Effect.never)
          }, options)
        )
        yield* settleTurns
        yield* Fiber.interrupt(use)
        const exit = yield* Fiber.await(use)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.deepInclude(yield* made[0]!.status, { state: "done", canceled: 1 })
      }).pipe(withPool()))

    it.effect("that is interrupted from outside has ended before that returns, and a defect of its end is told", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        const use = yield* Effect.forkChild(
          TaskPool.use(() =>
            Effect.onInterrupt(
              Effect.never,
              () => Effect.andThen(Effect.andThen(held.wait, seen.push("ended")), Effect.die("body"))
            )
          )
        )
        yield* settleTurns
        const interrupt = yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(use), seen.push("returned")))
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* held.open
        yield* Fiber.join(interrupt)
        assert.deepStrictEqual(seen.log, ["ended", "returned"])
        const exit = yield* Fiber.await(use)
        assert.isTrue(Exit.hasInterrupts(exit))
        assert.include(reasonsOf(exit), "body")
      }).pipe(withPool()))

    it.effect("that interrupts its own use at once has ended before that ends", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        const use = yield* Effect.forkChild(Effect.withFiber((fiber) =>
          TaskPool.use(() =>
            Effect.andThen(
              Effect.sync(() => fiber.interruptUnsafe()),
              Effect.onInterrupt(Effect.never, () => Effect.andThen(held.wait, seen.push("the body")))
            )
          ).pipe(Effect.onExit(() => seen.push("the use")))
        ))
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
        yield* held.open
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(use)))
        assert.deepStrictEqual(seen.log, ["the body", "the use"])
      }).pipe(withPool()))

    it.effect("of a task that is cancelled ends as the task does", () =>
      Effect.gen(function*() {
        const task = yield* work("a", () =>
          TaskPool.use((pool) => Effect.andThen(work("stops", never, { pool }), Effect.never), options))
        yield* awaitState(task, "Running")
        yield* settleTurns
        yield* task.cancel({ reason: "enough" })
        assert.strictEqual(canceled(yield* task.exit).reason, "enough")
      }).pipe(withPool()))
  })

  it.effect("join tells the payloads of what failed, however short the history; later ones know ids and causes", () =>
    Effect.gen(function*() {
      const pool = yield* TaskPool.make()
      yield* work("a", failing, { pool })
      yield* work("ok", undefined, { pool })
      yield* work("b", failing, { pool })
      const { failures } = yield* joinFailure(pool)
      assert.deepStrictEqual(failures.map(({ payload }) => payload), [{ id: "a" }, { id: "b" }])
      const later = yield* joinFailure(pool)
      assert.deepStrictEqual(later.failures.map(({ payload }) => payload), [undefined, undefined])
      assert.deepStrictEqual(later.failures.map(({ taskId }) => taskId), failures.map(({ taskId }) => taskId))
    }).pipe(withPool({ history: 0 })))

  describe("forEachExit", () => {
    it.effect("gives every exit in the order of the items, and no failure fails it", () =>
      Effect.gen(function*() {
        const first = gate()
        yield* script("first", () => first.wait)
        yield* script("second", () => Effect.andThen(first.open, failing()))
        const exits = yield* TaskPool.forEachExit(["first", "second", "third"], (id, pool) =>
          work(id, undefined, { pool }))
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
        assert.deepStrictEqual(failure(exits[1]!), new TestError({ id: "boom" }))
        assert.deepStrictEqual(exits[2], Exit.succeed("third"))
      }).pipe(withPool({ workers: 2 })))

    it.effect("gives a PoolCanceled to each item that had not been dispatched when a failure cancelled the pool", () =>
      Effect.gen(function*() {
        yield* script("stops", never)
        yield* script("fails", failing)
        const dispatch = (id: string, pool: TaskPool.TaskPool) =>
          id === "late" ? Effect.andThen(Effect.never, work(id, undefined, { pool })) : work(id, undefined, { pool })
        const exits = yield* TaskPool.forEachExit(["stops", "fails", "late", "later"], dispatch, {
          onFailure: "cancel"
        })
        assert.strictEqual(canceled(exits[0]!).reason, "a task has failed")
        assert.deepStrictEqual(failure(exits[1]!), new TestError({ id: "boom" }))
        for (const exit of exits.slice(2)) {
          const error = failure(exit)
          assert.instanceOf(error, PoolCanceled)
          assert.strictEqual((error as PoolCanceled).reason, "a task has failed")
        }
      }).pipe(withPool()))

    it.effect("fails with a refused dispatch, and its tasks are cancelled", () =>
      Effect.gen(function*() {
        const made: Array<TaskPool.TaskPool> = []
        const exit = yield* Effect.exit(TaskPool.forEachExit(["stops", "refused"], (id, pool) =>
          Effect.gen(function*() {
            made.push(pool)
            if (id === "refused") return yield* Effect.fail("refused")
            return yield* work(id, never, { pool })
          })))
        assert.strictEqual(failure(exit), "refused")
        assert.deepInclude(yield* made[0]!.status, { state: "done", total: 1, canceled: 1 })
      }).pipe(withPool()))

    it.effect("fails with the defect of a dispatch, also when the pool has been cancelled", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(TaskPool.forEachExit(["a", "dies"], (id, pool) =>
          Effect.andThen(
            id === "dies" ? Effect.andThen(pool.cancel(), Effect.die("dispatch")) : Effect.void,
            work(id, never, { pool })
          )))
        assert.strictEqual(defect(exit), "dispatch")
      }).pipe(withPool()))
  })

  describe("a ChildTaskFailed goes over a wire as JSON", () => {
    class Sent extends Job.make("Sent", { payload: { it: Schema.Unknown }, error: Schema.Unknown }) {}
    class Point extends Schema.Class<Point>("Point")({ x: Schema.Int }) {}
    const circular: { self?: unknown } = {}
    circular.self = circular
    const whole = { text: "a", list: [1, null, { deep: true }], none: null }
    /** What a payload or an error is, and what of it arrives. */
    const things: ReadonlyArray<readonly [what: string, thing: unknown, arrives: (arrived: unknown) => void]> = [
      ["plain data", whole, (arrived) => assert.deepStrictEqual(arrived, whole)],
      ["a text", "a", (arrived) => assert.strictEqual(arrived, "a")],
      ["an instance", new Point({ x: 1 }), (arrived) => assert.deepInclude(arrived, { x: 1 })],
      [
        "an Error",
        new TypeError("bad"),
        (arrived) => assert.deepInclude(arrived, { name: "TypeError", message: "bad" })
      ],
      ["what JSON has no word for", { big: 1n, call: () => 1, circular }, () => {}],
      ["undefined", undefined, () => {}]
    ]
    const json = Schema.fromJsonString(Schema.toCodecJson(ChildTaskFailed))
    const wire = (error: ChildTaskFailed) =>
      Effect.flatMap(Schema.encodeEffect(json)(error), Schema.decodeEffect(json)).pipe(Effect.orDie)
    const withSent = <A, E, R>(self: Effect.Effect<A, E, R>) =>
      self.pipe(
        Effect.scoped,
        Effect.provide(Sent.toLayer(({ it }) => Effect.fail(it)).pipe(Layer.provideMerge(WorkerPool.layer())))
      )

    for (const [what, thing, arrives] of things) {
      it.effect(`with ${what} as payload, and as what failed`, () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(TaskPool.use((pool) => Sent.dispatch({ it: thing }, { pool }), {
            name: "sent"
          }))
          assert.instanceOf(error, ChildTaskFailed)
          const arrived = yield* wire(error as ChildTaskFailed)
          const { failures: [first], ...others } = error as ChildTaskFailed
          assert.instanceOf(arrived, ChildTaskFailed)
          assert.deepInclude(arrived, { poolId: others.poolId, poolName: "sent", total: 1, tasks: 1 })
          const [{ cause, job, label, path, payload, taskId }] = arrived.failures
          assert.deepStrictEqual([taskId, job, label, path], [first.taskId, "Sent", first.label, first.path])
          if (typeof thing === "object") arrives((payload as { readonly it: unknown }).it)
          assert.deepStrictEqual(cause.reasons.map(({ _tag }) => _tag), ["Fail"])
          if (thing !== undefined) arrives(Cause.squash(cause))
          assert.include(arrived.message, `1 of 1 task of pool "sent" failed: ${taskId}`)
        }).pipe(withSent))
    }

    it.effect("with another one as what failed, and defects", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(TaskPool.use((above) =>
          Effect.all([
            work("parent", () => TaskPool.use((pool) => work("child", failing, { pool })), { pool: above }),
            work("dies", () => Effect.die(new TypeError("bad")), { pool: above })
          ])
        ))
        const arrived = yield* wire(error as ChildTaskFailed)
        assert.strictEqual(arrived.failures.length, 2)
        const [parent, dead] = arrived.failures
        const below = Cause.squash(parent.cause)
        assert.deepInclude(below, { name: "ChildTaskFailed" })
        assert.isTrue(Cause.hasDies(dead!.cause))
        assert.strictEqual(arrived.message, (error as ChildTaskFailed).message)
      }).pipe(withPool()))
  })

  it.effect("forEachExit does not wait for what its pool has let go of", () =>
    Effect.gen(function*() {
      const elsewhere = yield* TaskPool.make()
      yield* script("shared", () => Effect.never)
      yield* Once.dispatch({ id: "shared" }, { pool: elsewhere })
      yield* script("fails", () => new TestError({ id: "fails" }))
      const exits = yield* TaskPool.forEachExit(["fails", "shared"], (id, pool) => Once.dispatch({ id }, { pool }), {
        onFailure: "cancel"
      })
      assert.strictEqual((failure(exits[0]!) as TestError).id, "fails")
      assert.instanceOf(failure(exits[1]!), PoolCanceled)
    }).pipe(withPool({}, Once)))

  describe("an error of a join is readable", () => {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    const errors: ReadonlyArray<readonly [string, unknown, string]> = [
      ["a cycle", cyclic, "with something that cannot be shown"],
      ["a bigint", { n: 1n }, "with something that cannot be shown"],
      ["a value without a text", { toJSON: () => undefined }, "with something that cannot be shown"],
      ["a long text", "x".repeat(200_000), `${"x".repeat(299)}…`]
    ]
    for (const [name, error, text] of errors) {
      it.effect(`that holds ${name}`, () =>
        Effect.gen(function*() {
          const failed = yield* Effect.flip(
            TaskPool.use((pool) => work("a", () => Effect.fail(error as never), { pool }))
          )
          assert.strictEqual(
            (failed as Error).message,
            `1 of 1 task of pool ${pool1(failed)} failed: Work-2 (id a): ${text}`
          )
        }).pipe(withPool()))
    }

    it.effect("however deep it comes from: the root of it is told once", () =>
      Effect.gen(function*() {
        const nest = (depth: number): Effect.Effect<unknown, any, any> =>
          TaskPool.use((pool) =>
            work(`${depth}`, () => depth === 0 ? Effect.fail(new TestError({ id: "root" })) : nest(depth - 1), { pool })
          )
        const failed = yield* Effect.flip(nest(50) as Effect.Effect<unknown, Error>)
        assert.isBelow(Cause.pretty(Cause.fail(failed)).length, 2_000)
        assert.deepStrictEqual(failed.cause, new TestError({ id: "root" }))
      }).pipe(withPool()))
  })

  describe("all", () => {
    it.effect("gives the successes of a tuple, or of a record by name", () =>
      Effect.gen(function*() {
        const dispatches = ["a", "b"].map((id) => (pool: TaskPool.TaskPool) => work(id, undefined, { pool }))
        assert.deepStrictEqual(yield* TaskPool.all(dispatches), ["a", "b"])
        const [first, second] = dispatches as [typeof dispatches[0], typeof dispatches[0]]
        assert.deepStrictEqual(yield* TaskPool.all({ second, first }), { second: "b", first: "a" })
      }).pipe(withPool()))

    it.effect("fails as forEach does, with the options of its pool", () =>
      Effect.gen(function*() {
        const stops = (pool: TaskPool.TaskPool) => work("stops", never, { pool })
        const fails = (pool: TaskPool.TaskPool) => work("fails", failing, { pool })
        const error = failure(yield* Effect.exit(TaskPool.all([stops, fails], { name: "both", onFailure: "cancel" })))
        assert.instanceOf(error, ChildTaskFailed)
        assert.deepInclude(error, { poolName: "both", total: 1 })
      }).pipe(withPool()))
  })

  describe("a failure is named by the label of its task:", () => {
    class Plain extends Schema.Class<Plain>("Plain")({ n: Schema.Int, at: Schema.optional(Schema.Int) }) {}

    const labelOf = (payload: unknown, label?: (payload: { readonly it: unknown }) => string) => {
      class Called extends Job.make("Called", { payload: Schema.Unknown, error: TestError, label: label as any }) {}
      return Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* Called.dispatch(payload, { pool })
        return (yield* joinFailure(pool)).failures[0].label
      }).pipe(Effect.provide(Called.toLayer(failing)))
    }

    const labels: ReadonlyArray<readonly [what: string, payload: unknown, label: string]> = [
      ["the fields of a struct", { path: "/a/b", size: 3, of: null }, "path /a/b · size 3 · of null"],
      ["the fields of an object without a prototype", Object.assign(Object.create(null), { n: 1 }), "n 1"],
      ["the fields of a class of Schema", new Plain({ n: 1 }), "n 1"],
      ["a text", "a text", "a text"],
      ["a number", 3, "3"],
      ["a list", ["a", 1, { b: 2 }], "[a, 1, {b: 2}]"],
      ["nothing", undefined, ""],
      [
        "no secret",
        { key: Redacted.make("secret"), all: [Redacted.make("secret")] },
        "key <redacted> · all [<redacted>]"
      ],
      ["a Date", { at: new Date(0), no: new Date(Number.NaN) }, "at 1970-01-01T00:00:00.000Z · no Invalid Date"],
      ["bytes", { data: new Uint8Array(4) }, "data 4 bytes"],
      ["a Map, a Set", { map: new Map([[1, 2]]), set: new Set([1, 2]) }, "map 1 entries · set 2 entries"],
      ["an object of another class", { url: new URL("https://a.b/c") }, "url https://a.b/c"],
      ["no more than three levels", { a: { b: { c: 1, d: { e: 1 } } } }, "a {b: {c: 1, d: …}}"],
      ["no more than three levels of lists", [[[[1]]]], "[[[…]]]"],
      ["one line", { text: "a\n  b\tc" }, "text a b c"],
      ["120 characters", "x".repeat(120), "x".repeat(120)],
      ["no more than 120 characters", { text: "x".repeat(500) }, `text ${"x".repeat(114)}…`],
      [
        "nothing where reading throws",
        Object.defineProperty({}, "a", { enumerable: true, get: () => assert.fail() }),
        ""
      ]
    ]
    for (const [what, payload, label] of labels) {
      it.effect(`it shows ${what}`, () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* labelOf(payload), label)
        }).pipe(withPool()))
    }

    it.effect("a task whose label is empty goes by its id alone", () =>
      Effect.gen(function*() {
        class Bare extends Job.make("Bare") {}
        const task = yield* Bare.dispatch().pipe(Effect.provide(Bare.toLayer(() => Effect.void)))
        assert.strictEqual(`${task}`, `Task ${task.id}, ${(yield* task.status).state}`)
      }).pipe(withPool()))

    it.effect("the job's own function comes first, and one that throws says nothing", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* labelOf({ it: 1 }, ({ it }) => `the\n${it}`), "the 1")
        assert.strictEqual(yield* labelOf({ it: 1 }, () => assert.fail()), "")
      }).pipe(withPool()))
  })
})
