/** What can be waited for, and who waits. */
import type { PoolRecord } from "./pool.ts"
import type { TaskRecord } from "./task.ts"

/** What waits for whom is asked between these: a task, its hooks included, or a pool with its finalizers. */
export type Node = TaskRecord | PoolRecord

/** Who waits, as the wait graph sees it, and how to wake him. */
export interface Waiter {
  readonly from: Node | undefined
  /** Whether it gets to see how the task ends. */
  readonly sees?: boolean | undefined
  wake(): void
}

/** What has waiters. */
export interface Waited {
  waiters: Set<Waiter> | undefined
}

/** What can be waited for. */
export interface Source extends Waited {
  readonly ready: boolean
}

/** Takes all that wait: each is woken once. */
export const takeWaiters = (source: Waited): Iterable<Waiter> => {
  const { waiters } = source
  source.waiters = undefined
  return waiters ?? []
}

/** A value that changes, for readers who want the latest: `version` counts the changes. */
export class Reports implements Waited {
  version = 0
  ended: boolean
  waiters: Set<Waiter> | undefined

  constructor(ended = false) {
    this.ended = ended
  }
}

/** What a task has reported. */
export class Progress extends Reports {
  first: unknown
  latest: unknown
}
