/** What viewers may do. */
import type { DispatchError, Task, TaskPool, WorkerPoolService } from "effect-tasks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type Canceled, InvalidFilter, InvalidPayload, NotFound, type RanAgain, Refused } from "../Contract.ts"
import * as Filter from "../Filter.ts"
import type { Runtime } from "./runtime.ts"
import { rowOf } from "./tasks.ts"

/** How long an answer waits for what was cancelled to stop. */
const patience = "1 second"

export interface Actor {
  readonly workerPool: WorkerPoolService
  readonly runtime: Runtime
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
const cancelAll = (
  actor: Actor,
  tasks: ReadonlyArray<Task.Any>,
  reason: string | undefined,
  effect: Effect.Effect<unknown> = Effect.forEach(tasks, (task) => task.cancel(reasonOf(reason)), {
    concurrency: "unbounded",
    discard: true
  })
): Effect.Effect<Canceled> =>
  Effect.gen(function*() {
    const below = countBelow(actor.runtime, tasks)
    if (tasks.length === 0) return { tasks: 0, below: 0, stopped: true }
    const fiber = yield* Effect.forkIn(effect, actor.scope, { startImmediately: true })
    const stopped = yield* Fiber.await(fiber).pipe(Effect.timeoutOption(patience))
    return { tasks: tasks.length, below, stopped: Option.isSome(stopped) }
  })

/** Unfinished tasks below these that are none of them. */
const countBelow = (runtime: Runtime, tasks: ReadonlyArray<Task.Any>): number => {
  const above = new Set(tasks.map(({ id }) => id))
  const isBelow = new Map<string, boolean>()
  const find = (pool: TaskPool.TaskPool): boolean => {
    const known = isBelow.get(pool.id)
    if (known !== undefined) return known
    const found = Option.exists(pool.createdBy, (task) => above.has(task.id) || find(task.pool)) ||
      Option.exists(pool.parent, find)
    isBelow.set(pool.id, found)
    return found
  }
  return unfinished(runtime, runtime.tasks()).filter((task) => !above.has(task.id) && find(task.pool)).length
}

const unfinished = (runtime: Runtime, tasks: ReadonlyArray<Task.Any>): ReadonlyArray<Task.Any> => {
  const statuses = runtime.taskStatuses(tasks)
  return tasks.filter((_, i) => statuses[i].state !== "Exited")
}

export const cancelTask = (actor: Actor, taskId: string, reason: string | undefined) =>
  Effect.flatMap(find(actor, taskId), (task) => cancelAll(actor, unfinished(actor.runtime, [task]), reason))

export const cancelTasks = (actor: Actor, ids: ReadonlyArray<string>, reason: string | undefined) =>
  Effect.suspend(() => {
    const tasks = actor.runtime.find(ids).filter((task) => task !== undefined)
    return cancelAll(actor, unfinished(actor.runtime, tasks), reason)
  })

export const cancelPool = (
  actor: Actor,
  id: string,
  reason: string | undefined
): Effect.Effect<Canceled, NotFound> =>
  Effect.suspend(() => {
    const pool = actor.runtime.pool(id)
    if (pool === undefined) return Effect.fail(new NotFound({ what: "pool", id }))
    const tasks = unfinished(actor.runtime, actor.runtime.poolTasks(pool))
    return cancelAll(actor, tasks, reason, pool.cancel(reasonOf(reason)))
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
    if (!Filter.isSelective(filter.success)) {
      return yield* new InvalidFilter({ issue: "this filter says nothing of which tasks; say which are meant", at: 0 })
    }
    const { runtime } = actor
    const now = yield* Clock.currentTimeMillis
    const context: Filter.MatchContext = { now, poolName: (id) => runtime.pool(id)?.name }
    const tasks = unfinished(runtime, runtime.tasks())
    const statuses = runtime.taskStatuses(tasks)
    const found = tasks.filter((task, i) =>
      Filter.matches(filter.success, rowOf(runtime.payloads, task, statuses[i], undefined, now), context)
    )
    return dryRun
      ? { tasks: found.length, below: countBelow(runtime, found), stopped: false }
      : yield* cancelAll(actor, found, reason)
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

/** Ended ones; one after the other, as a person would. */
export const runTasksAgain = (actor: Actor, ids: ReadonlyArray<string>): Effect.Effect<RanAgain> =>
  Effect.gen(function*() {
    const tasks = actor.runtime.find(ids)
    const ended = tasks.filter((task) => task !== undefined && actor.runtime.taskStatus(task).state === "Exited")
    const counts = { created: 0, joined: 0, reused: 0, refused: 0 }
    let problem: string | null = null
    for (const task of ended as ReadonlyArray<Task.Any>) {
      const ran = yield* Effect.result(again(actor, task))
      if (Result.isSuccess(ran)) counts[ran.success.origin]++
      else {
        counts.refused++
        problem ??= "reason" in ran.failure ? ran.failure.reason : ran.failure.issue
      }
    }
    return { ...counts, forgotten: tasks.filter((task) => task === undefined).length, problem }
  })

/** In its own pool; where that takes no more tasks, outside of it. */
const again = (actor: Actor, task: Task.Any): Effect.Effect<Task.Any, InvalidPayload | Refused> =>
  Effect.catch(
    task.recompute,
    (error): Effect.Effect<Task.Any, InvalidPayload | Refused> => {
      if (error.reason._tag !== "PoolClosed") return Effect.fail(toRefused(error))
      const payload = actor.runtime.payloads.encode(task)
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
      payload = actor.runtime.payloads.restore(task, JSON.parse(edited))
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
