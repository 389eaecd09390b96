/** Many dispatches as one entry of the ready queue, as the rest of the machine sees it. */
import type { Exit } from "effect/Exit"
import type { DispatchErrorReason } from "../../TaskError.ts"
import type { Entry } from "../queue/readyQueue.ts"
import type { PoolRecord } from "./pool.ts"
import type { Node } from "./source.ts"

export interface BulkEntry extends Entry {
  readonly pool: PoolRecord
  /** Where its tasks stand. */
  readonly orderOfTasks: number
  /** How many of its items are counted as queued though they are no tasks yet. */
  counted: number
  /** Who dispatches. */
  readonly from: Node | undefined
  /** How many of its tasks have not started. */
  readonly unstarted: number
  /** Whether as many of its tasks wait unstarted as may. */
  readonly isFull: boolean
  /** Its turn has come: makes its next task. It runs a user's code. */
  pull(): void
  /** One of its tasks has started, or never will. */
  taken(): void
  /** Makes no more; the items that it has not made are canceled. */
  end(result: Exit<void, unknown>): void
  /** It is refused if its pool, its job's layer or the worker pool has closed. */
  reconsider(): void
  /** Ends it with this refusal. */
  refuse(reason: DispatchErrorReason): void
}
