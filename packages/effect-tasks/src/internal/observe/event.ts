/**
 * Constructors of events, called only when somebody listens: functions of records, so that a transition makes no closure.
 * Each event is one literal: copying a part into it would cost more than all the rest.
 */
import type { WaitingFor } from "../../Task.ts"
import type { TaskEvent } from "../../TaskEvent.ts"
import type { Machine } from "../record/machine.ts"
import { causeOf, exitStatusOf, isStop } from "../record/outcome.ts"
import type { PoolRecord } from "../record/pool.ts"
import type { TaskRecord, Verdict } from "../record/task.ts"

export const queued = (task: TaskRecord, seq: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine: { timers }, parentId, pool, priority } = task
  const at = timers.date(task.queuedAt)
  return parentId === undefined
    ? { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, priority }
    : { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, parentTaskId: parentId, priority }
}

export const joined = (
  { id: taskId, job: { tag: job }, machine }: TaskRecord,
  seq: number,
  pool: PoolRecord
): TaskEvent => {
  const at = machine.timers.date()
  return { _tag: "TaskJoined", seq, at, taskId, job, poolId: pool.id }
}

export const reused = (
  { id: taskId, job: { tag: job }, machine }: TaskRecord,
  seq: number,
  pool: PoolRecord
): TaskEvent => {
  const at = machine.timers.date()
  return { _tag: "TaskReused", seq, at, taskId, job, poolId: pool.id }
}

export const started = (task: TaskRecord, seq: number): TaskEvent => {
  const { attempt, id: taskId, job: { tag: job }, machine, pool: { id: poolId }, worker } = task
  const at = machine.timers.date(task.startedAt)
  return { _tag: "TaskStarted", seq, at, taskId, job, poolId, worker: worker!, attempt } // it has its slot
}

export const slept = (task: TaskRecord, seq: number, waitingFor: WaitingFor): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine, pool: { id: poolId } } = task
  return { _tag: "TaskSlept", seq, at: machine.timers.date(), taskId, job, poolId, waitingFor }
}

export const resumed = (task: TaskRecord, seq: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine, pool: { id: poolId }, worker } = task
  return { _tag: "TaskResumed", seq, at: machine.timers.date(), taskId, job, poolId, worker: worker! } // it has its slot
}

export const retrying = (task: TaskRecord, seq: number, error: unknown): TaskEvent => {
  const { attempt, id: taskId, job: { tag: job }, machine, pool: { id: poolId } } = task
  return { _tag: "TaskRetrying", seq, at: machine.timers.date(), taskId, job, poolId, attempt, error }
}

export const progressed = (task: TaskRecord, seq: number): TaskEvent => {
  const { extras, id: taskId, job: { tag: job }, machine, pool: { id: poolId } } = task
  const progress = extras?.progress?.latest
  return { _tag: "TaskProgressed", seq, at: machine.timers.date(), taskId, job, poolId, progress }
}

export const stopping = (task: TaskRecord, seq: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine, pool: { id: poolId }, verdict } = task
  const why = whyOf(verdict!) // it has fallen
  return { _tag: "TaskStopping", seq, at: machine.timers.date(), taskId, job, poolId, why }
}

const whyOf = (verdict: Verdict) => (isStop(verdict) ? verdict._tag : "result")

export const exited = (task: TaskRecord, seq: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine: { timers }, pool: { id: poolId } } = task
  const at = timers.date(task.finishedAt)
  const exitStatus = exitStatusOf(task)
  return exitStatus === "error"
    ? { _tag: "TaskExited", seq, at, taskId, job, poolId, exitStatus, cause: causeOf(task) }
    : { _tag: "TaskExited", seq, at, taskId, job, poolId, exitStatus }
}

export const poolOpened = (pool: PoolRecord, seq: number): TaskEvent => ({
  _tag: "PoolOpened",
  seq,
  at: pool.machine.timers.date(pool.openedAt),
  poolId: pool.id,
  name: pool.name,
  ...(pool.parent === undefined ? {} : { parentPoolId: pool.parent.id }),
  ...(pool.makerId === undefined ? {} : { createdBy: pool.makerId })
})

export const poolSealed = ({ canceled, id: poolId, machine }: PoolRecord, seq: number): TaskEvent => {
  return { _tag: "PoolSealed", seq, at: machine.timers.date(), poolId, canceled }
}

export const poolDone = ({ doneAt, id: poolId, machine }: PoolRecord, seq: number): TaskEvent => {
  return { _tag: "PoolDone", seq, at: machine.timers.date(doneAt), poolId }
}

export const workersChanged = ({ paused, slots, timers }: Machine, seq: number): TaskEvent => {
  return { _tag: "WorkersChanged", seq, at: timers.date(), workers: slots.limit, paused }
}
