/** Handles of pools. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Any, CancelOptions } from "../../Task.ts"
import { ChildTaskFailed, PoolCanceled, TaskFailure } from "../../TaskError.ts"
import type { PoolStatus, TaskPool, TaskPoolOptions } from "../../TaskPool.ts"
import type { WorkerPool } from "../../WorkerPool.ts"
import { bare, type Checks, read, refuse, toCount, toFunction, toReason, toText, toWord } from "../job/checks.ts"
import * as event from "../observe/event.ts"
import { labelOfFailed, poolNameOf } from "../observe/label.ts"
import { Printed } from "../observe/printed.ts"
import { type Inside, runOf } from "../record/currentTask.ts"
import { ended, find, inOrder } from "../record/lookup.ts"
import { type Failed, handleOf, PoolRecord, runsOf } from "../record/pool.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"
import { TaskPoolTypeId } from "../record/typeIds.ts"
import { detached, runHere } from "../run/hooks.ts"
import { limitPool } from "../transition/limits.ts"
import { countsOf } from "../transition/rollUp.ts"
import { cancelPool } from "../transition/stop.ts"
import { hasHeld, parentBelow, seal } from "../transition/tickets.ts"
import { closePool, stopAndAwait } from "../wait/closing.ts"
import { checkEnd } from "../wait/graph.ts"
import { reading, until } from "../wait/wait.ts"
import { type Check, latest } from "./latest.ts"
import { machineIn } from "./service.ts"
import { toTask } from "./task.ts"

export class PoolHandle extends Printed implements TaskPool {
  readonly [TaskPoolTypeId] = TaskPoolTypeId
  readonly record: PoolRecord

  constructor(record: PoolRecord) {
    super()
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

  get createdBy(): Option.Option<Any> {
    const { machine, maker, makerId } = this.record
    const task = maker ?? (makerId === undefined ? undefined : find(machine, makerId))
    return Option.map(Option.fromUndefinedOr(task), toTask)
  }

  get seal(): Effect.Effect<void> {
    return Effect.sync(() => seal(this.record))
  }

  get join(): Effect.Effect<PoolStatus, ChildTaskFailed | PoolCanceled> {
    const { record } = this
    return Effect.suspend(() => {
      record.joining++
      const joined = Effect.flatMap(
        this.settled,
        (status): Effect.Effect<PoolStatus, ChildTaskFailed | PoolCanceled> => {
          const failure = verdictOf(record)
          return failure === undefined ? Effect.succeed(status) : Effect.fail(failure)
        }
      )
      return Effect.ensuring(
        joined,
        Effect.sync(() => {
          if (--record.joining === 0 && record.released) record.payloads = undefined
        })
      )
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

  resize(concurrency: number): Effect.Effect<void> {
    return Effect.sync(() => {
      const limit = toConcurrency(concurrency, "concurrency", "TaskPool")
      if (this.isGlobal) {
        refuse("TaskPool GLOBAL", "concurrency", concurrency, "resize the WorkerPool, or limit its jobs")
      }
      limitPool(this.record, limit)
    })
  }

  cancel(given?: string | CancelOptions): Effect.Effect<void> {
    return Effect.suspend(() => stopAndAwait(this.record, toReason(given)))
  }

  get status(): Effect.Effect<PoolStatus> {
    return Effect.sync(() => statusOf(this.record))
  }

  get changes(): Stream.Stream<PoolStatus> {
    const { record } = this
    // even when nothing has changed yet, the current one comes first
    const check: Check = (from) => checkEnd(from, record)
    return reading(
      latest(() => record.changes, () => statusOf(record), { seen: -1, check, target: record, endless: true })
    )
  }

  get failures(): Effect.Effect<ReadonlyArray<TaskFailure>> {
    const { record } = this
    return Effect.sync(() => record.failures.map((failed) => toFailure(record, failed)))
  }

  get tasks(): Effect.Effect<ReadonlyArray<Any>> {
    return Effect.sync(() => tasksOf(this.record).map(toTask))
  }

  addFinalizer(f: (status: PoolStatus) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    const { record } = this
    const inside: Inside = { kind: "finalizer", pool: record, by: undefined }
    return Effect.flatMap(detached(inside, f), (finalizer) => {
      toFunction(f, "addFinalizer", "TaskPool")
      const isolated = {
        name: `finalizer of pool ${record.id}`,
        effect: Effect.suspend(() => finalizer(statusOf(record)))
      }
      if (record.released) return Effect.uninterruptible(runHere(inside, isolated))
      record.finalizers.push(isolated)
      return Effect.void
    })
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof PoolHandle && that.record === this.record
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }

  toString(): string {
    const { complete, state, total } = statusOf(this.record)
    return `TaskPool ${poolNameOf(this.record)}, ${state}, ${complete} of ${total} complete`
  }

  toJSON(): unknown {
    return { _id: "TaskPool", id: this.id, name: this.name, ...statusOf(this.record) }
  }
}

const statusOf = (pool: PoolRecord): PoolStatus => {
  const { canceled, complete, failed, queued, running, sleeping, total } = countsOf(pool)
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
  const found = new Set(runsOf(pool).map(({ task }) => task))
  for (const task of ended(pool.machine)) if (hasHeld(pool, task)) found.add(task)
  return inOrder(found)
}

/** The payload as the pool has it, else from the history. */
const toFailure = (pool: PoolRecord, failed: Failed): TaskFailure => {
  const { cause, job, path, taskId } = failed
  const own = pool.payloads === undefined ? -1 : pool.ownFailures.indexOf(failed)
  const payload = own >= 0 ? pool.payloads![own] : find(pool.machine, taskId)?.payload
  return new TaskFailure({ taskId, job, label: labelOfFailed(failed), payload, path, cause })
}

/** Why the join of a done pool fails. */
export const verdictOf = (pool: PoolRecord): ChildTaskFailed | PoolCanceled | undefined => {
  if (pool.isGlobal) return undefined
  const { cancelReason: reason, held: tasks, id: poolId, name: poolName, ownFailed: total } = pool
  const [first, ...rest] = pool.ownFailures.map((failed) => toFailure(pool, failed))
  if (first !== undefined) {
    return bare(() => new ChildTaskFailed({ poolId, poolName, failures: [first, ...rest], total, tasks }))
  }
  return pool.canceled ? bare(() => new PoolCanceled({ poolId, reason })) : undefined
}

const toConcurrency = toCount(1)

const poolOptions = {
  name: toText,
  onFailure: toWord("continue", "cancel"),
  concurrency: toConcurrency
} satisfies Checks<TaskPoolOptions>

/** Opens a pool in the current Scope. */
export const makePool = (options?: TaskPoolOptions): Effect.Effect<PoolHandle, never, WorkerPool | Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => makePoolIn(scope, options))

/** Opens a pool in this Scope. */
export const makePoolIn = (
  scope: Scope.Scope,
  options: TaskPoolOptions = {}
): Effect.Effect<PoolHandle, never, WorkerPool> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const machine = machineIn(fiber.context)
    const given = read(options, poolOptions, "TaskPool")
    const maker = runOf(fiber)
    const parent = maker === undefined ? undefined : parentBelow(maker.task)
    const pool = new PoolRecord(machine, machine.nextNumber(), maker?.task, parent, given)
    if (given.concurrency !== undefined) limitPool(pool, given.concurrency)
    const handle = new PoolHandle(pool)
    const own = pool.scope = Scope.forkUnsafe(scope)
    machine.pools.set(pool.number, pool)
    machine.emit(event.poolOpened, pool, parent, pool.openedAt)
    if (maker !== undefined) {
      const execution = maker.execution! // it has started: this is one of its fibers
      execution.pools ??= new Set()
      execution.pools.add(pool)
      extrasOf(maker.task).childPool = pool
    }
    if (machine.closed || maker?.marked) cancelPool(pool, "canceled")
    return Effect.as(Scope.addFinalizer(own, closePool(pool, "its scope has closed")), handle)
  }))
