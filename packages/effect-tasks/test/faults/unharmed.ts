/**
 * A fault among bystanders, and proof that it hurt nobody.
 *
 * Around the fault stand a task that runs all the time, one that was queued before it and gets the slot that the fault
 * has used, and one dispatched after it. All of them succeed, every slot is free again, both pools are done, and the
 * worker pool shuts down.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  eventually,
  gate,
  type ScriptedTask,
  type Scripts,
  settleTurns,
  stateOf,
  testPool,
  work
} from "../support.ts"

const workers = 2

/** Runs in the pool that it may fill. */
export type Fault = (
  pool: TaskPool.TaskPool
) => Effect.Effect<unknown, any, WorkerPool | Scripts | Scope.Scope | Job.Handler<any>>

/** Fails instead of hanging. */
const ends = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* eventually(`${what} ends`, Effect.sync(() => fiber.pollUnsafe() !== undefined))
    return yield* Fiber.join(fiber)
  })

/** Every slot can be taken again, and not one more. */
const allSlotsAreFree = Effect.gen(function*() {
  const { status } = yield* WorkerPool
  yield* eventually("all is quiet", Effect.map(status, ({ busy, sleeping }) => busy + sleeping === 0))
  const held = gate()
  const tasks: Array<ScriptedTask> = []
  for (let i = 0; i < workers + 2; i++) tasks.push(yield* work(`filler ${i}`, () => held.wait))
  yield* settleTurns
  assert.deepInclude(yield* status, { workers, busy: workers, queued: 2, sleeping: 0, delayed: 0 })
  const states = yield* Effect.forEach(tasks, stateOf)
  assert.deepStrictEqual(states, ["Running", "Running", "Queued", "Queued"])
  yield* held.open
  for (const task of tasks) assert.isTrue(Exit.isSuccess(yield* ends("a filler", task.exit)))
  const { busy, complete, dispatched } = yield* status
  assert.deepStrictEqual([busy, complete], [0, dispatched])
})

const amongBystanders = (fault: Fault) =>
  Effect.gen(function*() {
    const others = yield* TaskPool.make({ name: "others" })
    const pool = yield* TaskPool.make({ name: "faulty" })
    const held = gate()
    const door = gate()
    const running = yield* work("running", () => Effect.as(held.wait, "running"), { pool: others })
    const doorkeeper = yield* work("doorkeeper", () => door.wait, { pool: others })
    yield* awaitState(doorkeeper, "Running")
    const queued = yield* work("queued", undefined, { pool: others, priority: Job.Priority.Background })

    const faulty = yield* Effect.forkChild(fault(pool))
    yield* settleTurns // whatever the fault dispatches is in the queue
    yield* door.open
    yield* Fiber.join(faulty)

    const after = yield* work("after", undefined, { pool: others })
    assert.strictEqual(yield* ends("the task dispatched after the fault", after.await), "after")
    assert.strictEqual(yield* ends("the task queued before the fault", queued.await), "queued")
    assert.strictEqual(yield* stateOf(running), "Running")
    yield* held.open
    assert.strictEqual(yield* ends("the task that ran all the time", running.await), "running")
    assert.deepInclude(yield* ends("join", others.join), {
      state: "done",
      total: 4,
      complete: 4,
      failed: 0,
      canceled: 0
    })
    const { complete, state, total } = yield* ends("the join of the faulty pool", pool.settled)
    assert.deepStrictEqual([state, complete], ["done", total])
    yield* ends("the join of the faulty pool", Effect.exit(pool.join))
    yield* allSlotsAreFree
    assert.isTrue(Option.isSome(yield* (yield* WorkerPool).task(after.id)))
  })

/** Runs the fault among bystanders in a worker pool of its own, and shuts that down. */
export const unharmed = (fault: Fault, ...jobs: ReadonlyArray<any>) =>
  Effect.gen(function*() {
    yield* TestClock.adjust(0) // see `withPool`
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(testPool({ workers }, ...jobs), scope)
    yield* Effect.provide(Effect.scoped(amongBystanders(fault)), context) as Effect.Effect<void> // every job is in testPool
    yield* ends("the shutdown", Scope.close(scope, Exit.void))
  })
