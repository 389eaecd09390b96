/** Notices when a fiber runs in the middle of a transition, in which nothing of a user may. */
import type * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"
import type { Directory } from "../record/directory.ts"

export class StepGuard implements Scheduler {
  /** What ran although a transition was not over. */
  readonly found = new Set<string>()
  readonly executionMode: "sync" | "async"
  private readonly inner: Scheduler
  private readonly workerPools: Iterable<Directory>

  constructor(inner: Scheduler, workerPools: Iterable<Directory>) {
    this.inner = inner
    this.executionMode = inner.executionMode
    this.workerPools = workerPools
  }

  /** Asked before each operation of a fiber; the library's own, which sleep until a deadline or offer a message, may run. */
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    for (const { machine } of this.workerPools) {
      if (machine.inStep > 0 && fiber.context !== machine.context) {
        this.found.add("a fiber that ran in the middle of a transition")
      }
    }
    return this.inner.shouldYield(fiber)
  }

  makeDispatcher(): SchedulerDispatcher {
    return this.inner.makeDispatcher()
  }
}
