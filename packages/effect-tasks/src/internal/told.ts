/** What listeners are told, made only when there is one: functions of records, so that a transition makes no closure. */
import type { TaskEvent } from "../TaskEvent.ts"
import type { Machine } from "./machine.ts"
import type { WaitingFor } from "./model.ts"
import { exitStatusOf, isStop } from "./outcome.ts"
import type { PoolRecord, Run, TaskRecord, Verdict } from "./records.ts"

/** An event before the machine gives it number and time. */
export type Unstamped<E = TaskEvent> = E extends { readonly seq: number } ? Omit<E, "seq" | "at"> : never

const idsOf = (task: TaskRecord) => ({ taskId: task.id, job: task.job.tag, poolId: task.pool.id })

export const queued = (task: TaskRecord): Unstamped => ({
  _tag: "TaskQueued",
  ...idsOf(task),
  ...(task.parentId === undefined ? {} : { parentTaskId: task.parentId }),
  priority: task.priority
})

export const joined = (task: TaskRecord, pool: PoolRecord): Unstamped => ({
  _tag: "TaskJoined",
  ...idsOf(task),
  poolId: pool.id
})

export const reused = (task: TaskRecord, pool: PoolRecord): Unstamped => ({
  _tag: "TaskReused",
  ...idsOf(task),
  poolId: pool.id
})

export const started = ({ task }: Run): Unstamped => ({
  _tag: "TaskStarted",
  ...idsOf(task),
  worker: task.worker!,
  attempt: task.attempt
})

export const slept = ({ task }: Run, waitingFor: WaitingFor): Unstamped => ({
  _tag: "TaskSlept",
  ...idsOf(task),
  waitingFor
})

export const resumed = ({ task }: Run): Unstamped => ({
  _tag: "TaskResumed",
  ...idsOf(task),
  worker: task.worker!
})

export const retrying = (task: TaskRecord, error: unknown): Unstamped => ({
  _tag: "TaskRetrying",
  ...idsOf(task),
  attempt: task.attempt,
  error
})

export const progressed = (task: TaskRecord): Unstamped => ({
  _tag: "TaskProgressed",
  ...idsOf(task),
  progress: task.extras?.progress?.latest
})

export const stopping = (task: TaskRecord): Unstamped => ({
  _tag: "TaskStopping",
  ...idsOf(task),
  why: whyOf(task.verdict!)
})

const whyOf = (verdict: Verdict) => (isStop(verdict) ? verdict._tag : "result")

export const exited = (task: TaskRecord): Unstamped => ({
  _tag: "TaskExited",
  ...idsOf(task),
  exitStatus: exitStatusOf(task)
})

export const poolOpened = (pool: PoolRecord): Unstamped => ({
  _tag: "PoolOpened",
  poolId: pool.id,
  name: pool.name,
  ...(pool.parent === undefined ? {} : { parentPoolId: pool.parent.id }),
  ...(pool.createdBy === undefined ? {} : { createdBy: pool.createdBy.id })
})

export const poolSealed = (pool: PoolRecord): Unstamped => ({
  _tag: "PoolSealed",
  poolId: pool.id,
  canceled: pool.canceled
})

export const poolDone = (pool: PoolRecord): Unstamped => ({ _tag: "PoolDone", poolId: pool.id })

export const workersChanged = ({ paused, slots }: Machine): Unstamped => ({
  _tag: "WorkersChanged",
  workers: slots.limit,
  paused
})
