/** Pools whose life is one effect. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import type { Task } from "../../Task.ts"
import { type ChildTaskFailed, PoolCanceled, type TaskError } from "../../TaskError.ts"
import type { Dispatcher, TaskPool, TaskPoolOptions } from "../../TaskPool.ts"
import type { WorkerPool } from "../../WorkerPool.ts"
import { isPlain, refuse, toFunction, toResult } from "../job/checks.ts"
import type { PoolRecord } from "../record/pool.ts"
import { recordOf } from "../record/task.ts"
import { TaskTypeId } from "../record/typeIds.ts"
import { cancelPool } from "../transition/stop.ts"
import { makePoolIn, type PoolHandle, verdictOf } from "./pool.ts"

type Nursed<A, E, R> = Effect.Effect<A, E | ChildTaskFailed | PoolCanceled, R | WorkerPool>

export const use = <A, E, R>(
  body: (pool: TaskPool) => Effect.Effect<A, E, R>,
  options?: TaskPoolOptions
): Nursed<A, E, R> =>
  Effect.suspend(() => {
    toFunction(body, "the body", "TaskPool")
    return within(options, (pool) => nurse(pool, toResult(body(pool), () => "The body of a pool")))
  })

const within = <A, E, R>(
  options: TaskPoolOptions | undefined,
  f: (pool: PoolHandle) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | WorkerPool> => Effect.scopedWith((scope) => Effect.flatMap(makePoolIn(scope, options), f))

/** Runs the body until the pool is cancelled, then waits for the pool and decides between the two. */
const nurse = <A, E, R>(pool: PoolHandle, body: Effect.Effect<A, E, R>): Nursed<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(endOf(pool.record, body, restore), ({ earlier, exit, wasCanceled }): Nursed<A, E, R> => {
      if (Exit.isSuccess(exit)) return Effect.andThen(restore(pool.join), exit)
      const { record } = pool
      if (wasCanceled) return Effect.andThen(Effect.exit(pool.settled), decided(record, exit.cause))
      cancelPool(record, "its body has failed")
      const cause = earlier === undefined ? exit.cause : Cause.combine(exit.cause, Cause.fail(earlier))
      return Effect.andThen(Effect.exit(pool.settled), Effect.failCause(cause))
    })
  )

/** How a body ended, and what had become of its pool by then. */
interface End<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly wasCanceled: boolean
  readonly earlier: ChildTaskFailed | PoolCanceled | undefined
}

/**
 * Runs the body, interrupted when the pool is cancelled, in a fiber of its own. What waits for that is no wait of the task:
 * it lends nothing.
 */
const endOf = <A, E, R>(
  pool: PoolRecord,
  body: Effect.Effect<A, E, R>,
  restore: <X, EX, RX>(effect: Effect.Effect<X, EX, RX>) => Effect.Effect<X, EX, RX>
): Effect.Effect<End<A, E>, never, R> =>
  Effect.flatMap(
    // not interruptible itself: the body, which runs at once, may interrupt the very fiber that begins it
    Effect.forkChild(restore(body), { startImmediately: true, uninterruptible: "inherit" }),
    (fiber) => {
      let end: End<A, E> | undefined
      fiber.addObserver((exit) => {
        end = { exit, wasCanceled: pool.canceled, earlier: verdictOf(pool) }
      })
      const waiter = { from: undefined, wake: () => fiber.interruptUnsafe() }
      if (pool.canceled) waiter.wake()
      else (pool.cancellation.waiters ??= new Set()).add(waiter)
      const ended = Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber))
      return Effect.map(Effect.exit(ended), () => {
        pool.cancellation.waiters?.delete(waiter)
        return end! // the fiber has ended
      })
    }
  )

/** The verdict of a cancelled pool; a defect of the body is not lost. */
const decided = (pool: PoolRecord, cause: Cause.Cause<unknown>): Effect.Effect<never, ChildTaskFailed | PoolCanceled> =>
  Effect.suspend(() => {
    const verdict = Cause.fail(verdictOf(pool)!) // a cancelled pool has one
    const defects = defectsOf(cause)
    return Effect.failCause(defects === undefined ? verdict : Cause.combine(verdict, defects))
  })

const defectsOf = (cause: Cause.Cause<unknown>): Cause.Cause<never> | undefined => {
  const defects = cause.reasons.filter(Cause.isDieReason)
  return defects.length === 0 ? undefined : Cause.fromReasons(defects)
}

type Dispatch<Item, T, EX, R> = (item: Item, pool: TaskPool) => Effect.Effect<T, EX, R>

/** Goes on with the dispatch of an item; before that, a dispatch that could never work is refused. */
const withDispatch = <Item, T, EX, R, A, E, R2>(
  items: Iterable<Item>,
  dispatch: Dispatch<Item, T, EX, R>,
  f: (dispatch: Dispatch<Item, T, EX, R>) => Effect.Effect<A, E, R2>
): Effect.Effect<A, E, R2> =>
  Effect.suspend(() => {
    if (!Predicate.isIterable(items)) refuse("TaskPool", "the items", items, "give an iterable")
    toFunction(dispatch, "the dispatch of an item", "TaskPool")
    return f((item, pool) => Effect.map(toResult(dispatch(item, pool), () => "The dispatch of an item"), itsTask))
  })

const itsTask = <T>(task: T): T =>
  Predicate.hasProperty(task, TaskTypeId)
    ? task
    : refuse("TaskPool", "the task of an item", task, "return what dispatch gives")

export const forEach = <Item, A, E, P, M, EX, R>(
  items: Iterable<Item>,
  dispatch: Dispatch<Item, Task<A, E, P, M>, EX, R>,
  options?: TaskPoolOptions
): Effect.Effect<Array<A>, EX | TaskError, R | WorkerPool> =>
  withDispatch(items, dispatch, (one) =>
    Effect.flatMap(
      use((pool) => Effect.forEach(items, (item) => one(item, pool)), options),
      // the join has succeeded, so the only failures left are cancels
      (tasks) => Effect.forEach(tasks, (task) => task.await as Effect.Effect<A, TaskError>)
    ))

export const forEachExit = <Item, A, E, P, M, EX, R>(
  items: Iterable<Item>,
  dispatch: Dispatch<Item, Task<A, E, P, M>, EX, R>,
  options?: TaskPoolOptions
): Effect.Effect<Array<Exit.Exit<A, E | TaskError>>, EX, R | WorkerPool> =>
  withDispatch(items, dispatch, (dispatchOne) =>
    within(options, (pool) =>
      Effect.gen(function*() {
        const { record } = pool
        const all = [...items]
        const tasks: Array<Task<A, E, P, M>> = []
        const one = (item: Item) => Effect.map(dispatchOne(item, pool), (task) => tasks.push(task))
        const { exit, wasCanceled } = yield* Effect.uninterruptibleMask((restore) =>
          endOf(record, Effect.forEach(all, one, { discard: true }), restore)
        )
        const lost = Exit.isSuccess(exit) ? undefined : wasCanceled ? defectsOf(exit.cause) : exit.cause
        if (lost !== undefined) return yield* Effect.failCause(lost)
        yield* pool.settled
        const canceled = Exit.fail(new PoolCanceled({ poolId: record.id, reason: record.cancelReason }))
        // the pool may have let go of what goes on elsewhere, and of what was never dispatched
        const exitOf = (task: Task<A, E, P, M> | undefined) =>
          task === undefined || !recordOf(task).settled ? Effect.succeed(canceled) : task.exit
        return yield* Effect.forEach(all, (_, i) => exitOf(tasks[i]))
      })))

export const all = (
  dispatches: ReadonlyArray<Dispatcher> | { readonly [name: string]: Dispatcher },
  options?: TaskPoolOptions
): Effect.Effect<unknown, unknown, any> =>
  Effect.suspend((): Effect.Effect<unknown, unknown, any> => {
    if (!Array.isArray(dispatches) && !isPlain(dispatches)) {
      refuse("TaskPool", "the dispatches", dispatches, "give a list or an object of functions")
    }
    const names = Object.keys(dispatches)
    const dispatchers = Object.values(dispatches)
    dispatchers.forEach((dispatch, i) => toFunction(dispatch, `the dispatch ${names[i]}`, "TaskPool"))
    const results = forEach(dispatchers, (dispatch, pool) => dispatch(pool), options)
    return Array.isArray(dispatches)
      ? results
      : Effect.map(results, (values) => Object.fromEntries(values.map((value, i) => [names[i], value])))
  })
