/**
 * Constructors of events, called when a listener takes them: functions of records, so that a transition makes nothing. What
 * may be another by then is their detail. Each event is one literal: copying a part into it would cost more than all the rest.
 */
import type { WaitingFor } from "../../Task.ts"
import type { TaskEvent } from "../../TaskEvent.ts"
import type { Machine } from "../record/machine.ts"
import { causeOf, exitStatusOf, isStop } from "../record/outcome.ts"
import type { PoolRecord } from "../record/pool.ts"
import type { TaskRecord, Verdict } from "../record/task.ts"

export const queued = (
  { id: taskId, job: { tag: job }, machine, parentId, pool }: TaskRecord,
  seq: number,
  moment: number,
  priority: number
): TaskEvent => {
  const at = machine.timers.date(moment)
  return parentId === undefined
    ? { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, priority }
    : { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, parentTaskId: parentId, priority }
}

export const joined = (
  { id: taskId, job: { tag: job }, machine: { timers } }: TaskRecord,
  seq: number,
  moment: number,
  { id: poolId }: PoolRecord
): TaskEvent => ({ _tag: "TaskJoined", seq, at: timers.date(moment), taskId, job, poolId })

export const replaced = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number
): TaskEvent => ({ _tag: "TaskReplaced", seq, at: timers.date(moment), taskId, job, poolId })

export const reused = (
  { id: taskId, job: { tag: job }, machine: { timers } }: TaskRecord,
  seq: number,
  moment: number,
  { id: poolId }: PoolRecord
): TaskEvent => ({ _tag: "TaskReused", seq, at: timers.date(moment), taskId, job, poolId })

/** A task that starts is at its first attempt. */
export const started = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  worker: number
): TaskEvent => ({ _tag: "TaskStarted", seq, at: timers.date(moment), taskId, job, poolId, worker, attempt: 1 })

export const slept = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  waitingFor: WaitingFor
): TaskEvent => ({ _tag: "TaskSlept", seq, at: timers.date(moment), taskId, job, poolId, waitingFor })

export const resumed = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  worker: number
): TaskEvent => ({ _tag: "TaskResumed", seq, at: timers.date(moment), taskId, job, poolId, worker })

export const retrying = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  { attempt, error }: { readonly attempt: number, readonly error: unknown }
): TaskEvent => ({ _tag: "TaskRetrying", seq, at: timers.date(moment), taskId, job, poolId, attempt, error })

export const progressed = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  progress: unknown
): TaskEvent => ({ _tag: "TaskProgressed", seq, at: timers.date(moment), taskId, job, poolId, progress })

export const stopping = (
  { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } }: TaskRecord,
  seq: number,
  moment: number,
  verdict: Verdict
): TaskEvent => ({ _tag: "TaskStopping", seq, at: timers.date(moment), taskId, job, poolId, why: whyOf(verdict) })

const whyOf = (verdict: Verdict) => (isStop(verdict) ? verdict._tag : "result")

export const exited = (task: TaskRecord, seq: number, moment: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } } = task
  const at = timers.date(moment)
  const exitStatus = exitStatusOf(task)
  return exitStatus === "error"
    ? { _tag: "TaskExited", seq, at, taskId, job, poolId, exitStatus, cause: causeOf(task) }
    : { _tag: "TaskExited", seq, at, taskId, job, poolId, exitStatus }
}

export const poolOpened = (
  { id: poolId, machine, makerId, name }: PoolRecord,
  seq: number,
  moment: number,
  parent: PoolRecord | undefined
): TaskEvent => ({
  _tag: "PoolOpened",
  seq,
  at: machine.timers.date(moment),
  poolId,
  name,
  ...(parent === undefined ? {} : { parentPoolId: parent.id }),
  ...(makerId === undefined ? {} : { createdBy: makerId })
})

export const poolSealed = (
  { id: poolId, machine: { timers } }: PoolRecord,
  seq: number,
  moment: number,
  canceled: boolean
): TaskEvent => ({ _tag: "PoolSealed", seq, at: timers.date(moment), poolId, canceled })

export const poolDone = ({ id: poolId, machine: { timers } }: PoolRecord, seq: number, moment: number): TaskEvent => ({
  _tag: "PoolDone",
  seq,
  at: timers.date(moment),
  poolId
})

export const workersChanged = (
  { timers }: Machine,
  seq: number,
  moment: number,
  { paused, workers }: { readonly workers: number, readonly paused: boolean }
): TaskEvent => ({ _tag: "WorkersChanged", seq, at: timers.date(moment), workers, paused })
