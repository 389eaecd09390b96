/** Reads of the runtime that take no time, as plain functions. */
import type { Explanation, Task, TaskPool, WorkerPoolService, WorkerPoolStatus } from "effect-tasks"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Payloads } from "./payload.ts"

export interface Runtime {
  readonly task: (id: string) => Task.Any | undefined
  readonly tasks: () => ReadonlyArray<Task.Any>
  readonly pool: (id: string) => TaskPool.TaskPool | undefined
  readonly pools: () => ReadonlyArray<TaskPool.TaskPool>
  readonly taskStatus: (task: Task.Any) => Task.Status
  /** The tasks with these ids, and what many tasks are: in one run, which costs a fraction of one run for each. */
  readonly find: (ids: ReadonlyArray<string>) => ReadonlyArray<Task.Any | undefined>
  readonly taskStatuses: (tasks: ReadonlyArray<Task.Any>) => ReadonlyArray<Task.Status>
  readonly poolStatus: (pool: TaskPool.TaskPool) => TaskPool.PoolStatus
  readonly childPool: (task: Task.Any) => TaskPool.TaskPool | undefined
  readonly poolTasks: (pool: TaskPool.TaskPool) => ReadonlyArray<Task.Any>
  readonly explain: (id: string) => Explanation | undefined
  readonly jobs: () => Effect.Success<WorkerPoolService["jobs"]>
  readonly status: () => WorkerPoolStatus
  /** What of their values may be sent. */
  readonly payloads: Payloads
}

/** Lookups and statuses never suspend, so they may run where a whole batch of events is taken in one step. */
export const runtimeOf = (workerPool: WorkerPoolService): Runtime => {
  const jobs = () => Effect.runSync(workerPool.jobs)
  return {
    task: (id) => Option.getOrUndefined(Effect.runSync(workerPool.task(id))),
    tasks: () => Effect.runSync(workerPool.tasks),
    pool: (id) => Option.getOrUndefined(Effect.runSync(workerPool.pool(id))),
    pools: () => Effect.runSync(workerPool.pools),
    taskStatus: (task) => Effect.runSync(task.status),
    find: (ids) => Effect.runSync(Effect.forEach(ids, workerPool.task)).map(Option.getOrUndefined),
    taskStatuses: (tasks) => Effect.runSync(Effect.forEach(tasks, ({ status }) => status)),
    poolStatus: (pool) => Effect.runSync(pool.status),
    childPool: (task) => Option.getOrUndefined(Effect.runSync(task.childPool)),
    poolTasks: (pool) => Effect.runSync(pool.tasks),
    explain: (id) => Option.getOrUndefined(Effect.runSync(workerPool.explain(id))),
    jobs,
    status: () => Effect.runSync(workerPool.status),
    payloads: new Payloads(jobs)
  }
}
