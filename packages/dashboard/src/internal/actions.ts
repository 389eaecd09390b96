/** What viewers may do. */
import type { DispatchError, Task, TaskPool, WorkerPoolService } from "effect-tasks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type Canceled, InvalidFilter, InvalidPayload, NotFound, Refused } from "../Contract.ts"
import * as Filter from "../Filter.ts"
import { type Encode, restore } from "./payload.ts"
import type { Runtime } from "./runtime.ts"
import { rowOf } from "./tasks.ts"

/** How long an answer waits for what was cancelled to stop. */
const patience = "1 second"

export interface Actor {
  readonly workerPool: WorkerPoolService
  readonly runtime: Runtime
  readonly encode: Encode
  /** Where cancels go on after their answer. */
  readonly scope: Scope.Scope
}

const find = ({ runtime }: Actor, id: string): Effect.Effect<Task.Any, NotFound> =>
  Effect.suspend(() => {
    const task = runtime.task(id)
    return task === undefined ? Effect.fail(new NotFound({ what: "task", id })) : Effect.succeed(task)
  })

const reasonOf = (reason: string | undefined) => ({ reason: reason ?? "canceled in the dashboard" })

/** Acts at once; whoever takes long to stop is waited for in the background. */
const cancel = (actor: Actor, tasks: number, effect: Effect.Effect<unknown>): Effect.Effect<Canceled> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkIn(effect, actor.scope, { startImmediately: true })
    const stopped = yield* Fiber.await(fiber).pipe(Effect.timeoutOption(patience))
    return { tasks, stopped: Option.isSome(stopped) }
  })

export const cancelTask = (actor: Actor, taskId: string, reason: string | undefined) =>
  Effect.flatMap(find(actor, taskId), (task) => {
    const isLive = actor.runtime.taskStatus(task).state !== "Exited"
    return cancel(actor, isLive ? 1 : 0, task.cancel(reasonOf(reason)))
  })

export const cancelPool = (
  actor: Actor,
  id: string,
  reason: string | undefined
): Effect.Effect<Canceled, NotFound> =>
  Effect.suspend(() => {
    const pool = actor.runtime.pool(id)
    if (pool === undefined) return Effect.fail(new NotFound({ what: "pool", id }))
    const { complete, total } = actor.runtime.poolStatus(pool)
    return cancel(actor, total - complete, pool.cancel(reasonOf(reason)))
  })

export const cancelMatching = (
  actor: Actor,
  text: string,
  reason: string | undefined,
  dryRun: boolean
): Effect.Effect<Canceled, InvalidFilter> =>
  Effect.gen(function*() {
    const filter = Filter.parse(text)
    if (Result.isFailure(filter)) return yield* new InvalidFilter(filter.failure)
    if (filter.success.terms.length === 0) {
      return yield* new InvalidFilter({ issue: "an empty filter matches everything; say which tasks", at: 0 })
    }
    const { runtime } = actor
    const now = yield* Clock.currentTimeMillis
    const context: Filter.MatchContext = { now, poolName: (id) => runtime.pool(id)?.name }
    const tasks = runtime.tasks()
    const statuses = runtime.taskStatuses(tasks)
    const found = tasks.filter((task, i) =>
      statuses[i].state !== "Exited" &&
      Filter.matches(filter.success, rowOf(task, statuses[i], undefined, now), context)
    )
    if (dryRun || found.length === 0) return { tasks: found.length, stopped: false }
    const all = Effect.forEach(found, (task) => task.cancel(reasonOf(reason)), {
      concurrency: "unbounded",
      discard: true
    })
    return yield* cancel(actor, found.length, all)
  })

export const setPriority = (
  actor: Actor,
  taskId: string,
  priority: number
): Effect.Effect<void, NotFound | Refused> =>
  Effect.flatMap(find(actor, taskId), (task) =>
    actor.runtime.taskStatus(task).state === "Queued"
      ? task.setPriority(priority)
      : Effect.fail(
        new Refused({ code: "AlreadyStarted", reason: `Task ${taskId} has started: only queued tasks move` })
      ))

type Ran = { readonly taskId: string, readonly origin: Task.Origin }

export const runAgain = (
  actor: Actor,
  taskId: string,
  edited: string | undefined
): Effect.Effect<Ran, NotFound | InvalidPayload | Refused> =>
  Effect.flatMap(find(actor, taskId), (task) =>
    Effect.map(
      edited === undefined ? again(actor, task) : withPayload(actor, task, edited),
      ({ id, origin }): Ran => ({ taskId: id, origin })
    ))

/** In its own pool; where that takes no more tasks, outside of it. */
const again = (actor: Actor, task: Task.Any): Effect.Effect<Task.Any, InvalidPayload | Refused> =>
  Effect.catch(
    task.recompute,
    (error): Effect.Effect<Task.Any, InvalidPayload | Refused> => {
      if (error.reason._tag !== "PoolClosed") return Effect.fail(toRefused(error))
      const payload = actor.encode(task.job, task.payload)
      if (payload === undefined && task.payload !== undefined) {
        return Effect.fail(
          new Refused({ code: "NoPayload", reason: "Its pool is closed, and its payload has no JSON form" })
        )
      }
      return dispatch(actor, task, payload, undefined)
    }
  )

const withPayload = (
  actor: Actor,
  task: Task.Any,
  edited: string
): Effect.Effect<Task.Any, InvalidPayload | Refused> =>
  Effect.suspend(() => {
    let payload: unknown
    try {
      payload = restore(actor.encode, task.job, task.payload, JSON.parse(edited))
    } catch (error) {
      return Effect.fail(new InvalidPayload({ job: task.job, issue: `This is no JSON: ${(error as Error).message}` }))
    }
    const { pool } = task
    const isOpen = actor.runtime.poolStatus(pool).state === "open"
    return dispatch(actor, task, payload, isOpen ? pool : undefined)
  })

const dispatch = (
  actor: Actor,
  task: Task.Any,
  payload: unknown,
  pool: TaskPool.TaskPool | undefined
): Effect.Effect<Task.Any, InvalidPayload | Refused> =>
  Effect.mapError(
    actor.workerPool.dispatch(task.job, payload, { pool, priority: actor.runtime.taskStatus(task).priority }),
    toRefused
  )

const toRefused = ({ job, message, reason }: DispatchError): InvalidPayload | Refused =>
  reason._tag === "InvalidPayload"
    ? new InvalidPayload({ job, issue: reason.issue })
    : new Refused({ code: reason._tag, reason: message })
