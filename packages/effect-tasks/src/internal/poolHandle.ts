import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { ChildTaskFailed, PoolCanceled, TaskFailure } from "../TaskError.ts"
import type { WorkerPool } from "../WorkerPool.ts"
import { toReason } from "./checks.ts"
import { closePool, stopAndAwait } from "./closing.ts"
import { handleOf } from "./handles.ts"
import { detached, runHere } from "./hooks.ts"
import { runsOf, seal } from "./lifecycle.ts"
import {
  type AnyTask,
  type CancelOptions,
  type PoolStatus,
  type TaskPool,
  type TaskPoolOptions,
  TaskPoolTypeId
} from "./model.ts"
import { exitOf } from "./outcome.ts"
import { runOf } from "./place.ts"
import { extrasOf, type Place, PoolRecord, type TaskRecord } from "./records.ts"
import { checkEnd } from "./ring.ts"
import { machineIn } from "./service.ts"
import { cancelPool } from "./stop.ts"
import { latest, toTask } from "./taskHandle.ts"
import * as told from "./told.ts"
import { until } from "./waiting.ts"

/** A pool as its users see it. */
export class PoolHandle implements TaskPool {
  readonly [TaskPoolTypeId] = TaskPoolTypeId
  readonly record: PoolRecord

  constructor(record: PoolRecord) {
    this.record = record
    record.handle = this
  }

  get id(): string {
    return this.record.id
  }

  get name(): string {
    return this.record.name
  }

  get isGlobal(): boolean {
    return this.record.isGlobal
  }

  get isRoot(): boolean {
    return this.record.parent === undefined
  }

  get parent(): Option.Option<TaskPool> {
    return Option.map(Option.fromUndefinedOr(this.record.parent), handleOf)
  }

  get root(): TaskPool {
    let root = this.record
    while (root.parent !== undefined) root = root.parent
    return handleOf(root)
  }

  get createdBy(): Option.Option<AnyTask> {
    return Option.map(Option.fromUndefinedOr(this.record.createdBy), toTask)
  }

  get seal(): Effect.Effect<void> {
    return Effect.sync(() => seal(this.record))
  }

  get join(): Effect.Effect<PoolStatus, ChildTaskFailed | PoolCanceled> {
    return Effect.flatMap(this.settled, (status) => {
      const { record } = this
      const failure = record.isGlobal ? undefined : failureOf(record)
      return failure === undefined ? Effect.succeed(status) : Effect.fail(failure)
    })
  }

  get settled(): Effect.Effect<PoolStatus> {
    const { record } = this
    return Effect.suspend(() => {
      if (record.isGlobal) return Effect.succeed(statusOf(record))
      seal(record)
      return Effect.map(until(record, { reason: "children", target: record }), () => statusOf(record))
    })
  }

  cancel(options: CancelOptions = {}): Effect.Effect<void> {
    return Effect.suspend(() => stopAndAwait(this.record, toReason(options), false))
  }

  get status(): Effect.Effect<PoolStatus> {
    return Effect.sync(() => statusOf(this.record))
  }

  get changes(): Stream.Stream<PoolStatus> {
    const { record } = this
    return latest(record.changes, () => statusOf(record), -1, (from) => checkEnd(from, record))
  }

  get failures(): Effect.Effect<ReadonlyArray<TaskFailure>> {
    return Effect.sync(() => this.record.failures.map(toFailure))
  }

  get tasks(): Effect.Effect<ReadonlyArray<AnyTask>> {
    return Effect.sync(() => tasksOf(this.record).map(toTask))
  }

  addFinalizer(f: (status: PoolStatus) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    const { record } = this
    const place: Place = { kind: "finalizer", pool: record, by: undefined }
    return Effect.flatMap(detached(place, f), (finalizer) => {
      const isolatedFinalizer = {
        name: `finalizer of pool ${record.id}`,
        effect: Effect.suspend(() => finalizer(statusOf(record)))
      }
      if (record.released) return Effect.uninterruptible(runHere(place, isolatedFinalizer))
      record.finalizers.push(isolatedFinalizer)
      return Effect.void
    })
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof PoolHandle && that.record === this.record
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }

  toJSON(): unknown {
    return { _id: "TaskPool", id: this.id, name: this.name, ...statusOf(this.record) }
  }
}

const statusOf = (pool: PoolRecord): PoolStatus => {
  const { canceled, complete, failed, queued, running, sleeping, total } = pool.counts
  return {
    state: pool.done ? "done" : pool.canceled ? "canceled" : pool.sealed ? "sealed" : "open",
    total,
    queued,
    running,
    sleeping,
    complete,
    failed,
    canceled,
    progress: total === 0 ? 0 : complete / total,
    runTime: Math.max(0, (pool.doneAt ?? pool.machine.timers.now()) - pool.openedAt)
  }
}

const tasksOf = (pool: PoolRecord): Array<TaskRecord> => {
  const { history, jobs } = pool.machine
  const found = new Set(runsOf(pool).map(({ task }) => task))
  for (const ended of [history, ...[...jobs.values()].map(({ kept }) => kept)]) {
    for (const task of ended.values()) if (task.pool === pool) found.add(task)
  }
  return [...found].toSorted((a, b) => a.number - b.number)
}

const pathOf = (task: TaskRecord): Array<string> => {
  const path: Array<string> = []
  for (let each: TaskRecord | undefined = task; each !== undefined; each = each.pool.createdBy) path.unshift(each.id)
  return path
}

const toFailure = (task: TaskRecord): TaskFailure => {
  const exit = exitOf(task)
  if (exit._tag === "Success") throw new Error(`${task.id} has not failed`)
  return new TaskFailure({ taskId: task.id, job: task.job.tag, path: pathOf(task), cause: exit.cause })
}

const failureOf = (pool: PoolRecord): ChildTaskFailed | PoolCanceled | undefined => {
  const [first, ...rest] = pool.ownFailures
  if (first !== undefined) {
    const failures = [toFailure(first), ...rest.map(toFailure)] as const
    return new ChildTaskFailed({ poolId: pool.id, failures, total: pool.ownFailed })
  }
  return pool.canceled ? new PoolCanceled({ poolId: pool.id, reason: pool.cancelReason }) : undefined
}

/** Opens a pool in the current Scope. */
export const makePool = (
  options: TaskPoolOptions = {}
): Effect.Effect<TaskPool, never, WorkerPool | Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => makePoolIn(scope, options))

/** Opens a pool in this Scope. */
export const makePoolIn = (
  scope: Scope.Scope,
  options: TaskPoolOptions = {}
): Effect.Effect<TaskPool, never, WorkerPool> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const machine = machineIn(fiber.context)
    const creator = runOf(fiber)
    const pool = new PoolRecord(machine, machine.nextNumber(), creator?.task, options.name, false, machine.timers.now())
    if (options.onFailure === "cancel") {
      pool.onOwnFailure = () => machine.tell(() => cancelPool(pool, "a task has failed"))
    }
    const own = pool.scope = Scope.forkUnsafe(scope)
    machine.pools.set(pool.number, pool)
    machine.emit(told.poolOpened, pool)
    if (creator !== undefined) {
      const execution = creator.execution! // it has started: this is one of its fibers
      execution.pools ??= new Set()
      execution.pools.add(pool)
      extrasOf(creator.task).childPool = pool
    }
    if (machine.closed || creator?.marked) cancelPool(pool, "canceled")
    return Effect.as(
      Scope.addFinalizer(own, closePool(pool, "its scope has closed")),
      new PoolHandle(pool)
    )
  }))
