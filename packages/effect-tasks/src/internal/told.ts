/**
 * What listeners are told, made only when there is one: functions of records, so that a transition makes no closure. Each
 * event is one literal: copying a part into it would cost more than all the rest.
 */
import type { TaskEvent } from "../TaskEvent.ts"
import type { Machine } from "./machine.ts"
import type { WaitingFor } from "./model.ts"
import { exitStatusOf, isStop } from "./outcome.ts"
import type { PoolRecord, TaskRecord, Verdict } from "./records.ts"

export const queued = (task: TaskRecord, seq: number): TaskEvent => {
  const { id: taskId, job: { tag: job }, machine: { timers }, parentId, pool, priority } = task
  const at = timers.date(task.queuedAt)
  return parentId === undefined
    ? { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, priority }
    : { _tag: "TaskQueued", seq, at, taskId, job, poolId: pool.id, parentTaskId: parentId, priority }
}

export const joined = (task: TaskRecord, seq: number, pool: PoolRecord): TaskEvent => ({
  _tag: "TaskJoined",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: pool.id
})

export const reused = (task: TaskRecord, seq: number, pool: PoolRecord): TaskEvent => ({
  _tag: "TaskReused",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: pool.id
})

export const started = (task: TaskRecord, seq: number): TaskEvent => ({
  _tag: "TaskStarted",
  seq,
  at: task.machine.timers.date(task.startedAt),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  worker: task.worker!,
  attempt: task.attempt
})

export const slept = (task: TaskRecord, seq: number, waitingFor: WaitingFor): TaskEvent => ({
  _tag: "TaskSlept",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  waitingFor
})

export const resumed = (task: TaskRecord, seq: number): TaskEvent => ({
  _tag: "TaskResumed",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  worker: task.worker!
})

export const retrying = (task: TaskRecord, seq: number, error: unknown): TaskEvent => ({
  _tag: "TaskRetrying",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  attempt: task.attempt,
  error
})

export const progressed = (task: TaskRecord, seq: number): TaskEvent => ({
  _tag: "TaskProgressed",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  progress: task.extras?.progress?.latest
})

export const stopping = (task: TaskRecord, seq: number): TaskEvent => ({
  _tag: "TaskStopping",
  seq,
  at: task.machine.timers.date(),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  why: whyOf(task.verdict!)
})

const whyOf = (verdict: Verdict) => (isStop(verdict) ? verdict._tag : "result")

export const exited = (task: TaskRecord, seq: number): TaskEvent => ({
  _tag: "TaskExited",
  seq,
  at: task.machine.timers.date(task.finishedAt),
  taskId: task.id,
  job: task.job.tag,
  poolId: task.pool.id,
  exitStatus: exitStatusOf(task)
})

export const poolOpened = (pool: PoolRecord, seq: number): TaskEvent => ({
  _tag: "PoolOpened",
  seq,
  at: pool.machine.timers.date(pool.openedAt),
  poolId: pool.id,
  name: pool.name,
  ...(pool.parent === undefined ? {} : { parentPoolId: pool.parent.id }),
  ...(pool.createdBy === undefined ? {} : { createdBy: pool.createdBy.id })
})

export const poolSealed = (pool: PoolRecord, seq: number): TaskEvent => ({
  _tag: "PoolSealed",
  seq,
  at: pool.machine.timers.date(),
  poolId: pool.id,
  canceled: pool.canceled
})

export const poolDone = (pool: PoolRecord, seq: number): TaskEvent => ({
  _tag: "PoolDone",
  seq,
  at: pool.machine.timers.date(pool.doneAt),
  poolId: pool.id
})

export const workersChanged = ({ paused, slots, timers }: Machine, seq: number): TaskEvent => ({
  _tag: "WorkersChanged",
  seq,
  at: timers.date(),
  workers: slots.limit,
  paused
})
