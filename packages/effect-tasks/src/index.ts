/**
 * Tasks, task pools and worker pools for Effect.
 *
 * @since 0.1.0
 */
export * as Job from "./Job.ts"
export * as JobRegistry from "./JobRegistry.ts"
export * as Limit from "./Limit.ts"
export * as Task from "./Task.ts"
export * from "./TaskError.ts"
export * as TaskEvent from "./TaskEvent.ts"
export * as TaskPool from "./TaskPool.ts"
export {
  type CronSchedule,
  type Explanation,
  type KnownJob,
  type LimitStatus,
  type Unhandled,
  WorkerPool,
  type WorkerPoolOptions,
  type WorkerPoolService,
  type WorkerPoolStatus
} from "./WorkerPool.ts"
