/**
 * Tools for tests of applications that run effect-tasks.
 *
 * @since 0.1.0
 */
export * from "./Assertions.ts"
export * as Explore from "./Explore.ts"
export * from "./Leaks.ts"
export * as TestTask from "./TestTask.ts"
export * as TestWorkerPool from "./TestWorkerPool.ts"
