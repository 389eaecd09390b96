/**
 * What a transition leaves for the turn: all that may run a user's code, and what must not happen in the middle of a step.
 * `run/turn.ts` delivers it.
 */
import type * as Exit from "effect/Exit"
import type * as Queue from "effect/Queue"
import type { Failed, PoolRecord } from "./pool.ts"
import type { PendingWait, Run } from "./run.ts"
import type { Waiter } from "./source.ts"
import type { TaskRecord } from "./task.ts"

export type Message =
  /** What they waited for is ready. */
  | { readonly _tag: "wake", readonly waiters: Iterable<Waiter> }
  /** The fibers of a task whose waits have ended go on. */
  | { readonly _tag: "goOn", readonly run: Run, readonly waits: ReadonlyArray<PendingWait> }
  /** A stop has reached these. */
  | { readonly _tag: "interrupt", readonly runs: ReadonlyArray<Run> }
  /** A task of a pool that fails fast has failed. */
  | { readonly _tag: "cancel", readonly pool: PoolRecord, readonly reason: string }
  /** The failed attempt of a task is closed and its delay has passed. */
  | { readonly _tag: "attempt", readonly run: Run, readonly failed: Exit.Exit<unknown, unknown> }
  /** A task has ended but for its hooks. */
  | { readonly _tag: "hooks", readonly run: Run }
  /** A pool is done but for its finalizers. */
  | { readonly _tag: "finalizers", readonly pool: PoolRecord }
  /** A failed task needs its label, which a user's function may make. */
  | { readonly _tag: "label", readonly failed: Failed }
  /** A task has failed and nobody could have seen it. */
  | { readonly _tag: "unseen", readonly task: TaskRecord }
  /** Nobody will read these messages. */
  | { readonly _tag: "shutdown", readonly inbox: Queue.Queue<any> }
  /** Nobody will read the rest. */
  | { readonly _tag: "close", readonly items: Iterator<unknown> }
  /** Dispatchers that wait for room may need none any more, or wait in vain. */
  | { readonly _tag: "admit", readonly dispatches: Iterable<SuspendedDispatch> }

/** A dispatcher that waits for room. */
export interface SuspendedDispatch {
  readonly hasRoom: () => boolean
  /** In how many milliseconds time alone gives room to a limit that has none. */
  readonly opensIn: () => number
  /** Calls for a turn then. */
  readonly lookAgain: (millis: number) => void
  /** Tries once more; whether it went on, accepted or refused. */
  readonly admit: (hasRoom: boolean) => boolean
}
