/** What programs do, with everything named by its number: tasks and pools in the order in which they came to be. */
import type { JobName } from "./jobs.ts"

export type Outcome = "success" | "fail" | "die"
export type HookKind = "onFailure" | "onExit" | "onSuccess"

export interface Dispatch {
  readonly _tag: "Dispatch"
  readonly job: JobName
  readonly key: string
  readonly pool: number
  readonly priority: number
  readonly delay: number | undefined
  readonly timeout: number | undefined
  readonly queueTimeout: number | undefined
  /** How the handler ends at once; without it, it does what it is told. */
  readonly instant: Outcome | undefined
  /** Hooks of each kind; a slow one holds its task until a gate opens. */
  readonly hooks: "none" | "plain" | "slow"
}

/** Dispatches and awaits; interrupted, or dead of a ring, it gives up its hold. */
export interface Run {
  readonly _tag: "Run"
  readonly job: JobName
  readonly key: string
  readonly pool: number
  readonly instant: Outcome | undefined
}

/** What both the driver and a handler can do. */
export type Act =
  | Dispatch
  | Run
  | {
    readonly _tag: "MakePool",
    readonly cancelOnFailure: boolean,
    readonly finalizer: boolean,
    readonly concurrency: number | undefined
  }
  /** To no limit with Infinity. */
  | { readonly _tag: "ResizePool", readonly pool: number, readonly concurrency: number }
  | { readonly _tag: "Seal" | "Join" | "Settled" | "CancelPool", readonly pool: number, readonly through: boolean }
  | { readonly _tag: "Close", readonly pool: number }
  | { readonly _tag: "Await", readonly task: number, readonly through: boolean }
  | { readonly _tag: "Cancel" | "Recompute" | "ClearTimeout", readonly task: number }
  | { readonly _tag: "SetTimeout", readonly task: number, readonly millis: number }
  | { readonly _tag: "SetPriority", readonly task: number, readonly priority: number }
  | { readonly _tag: "Send", readonly task: number, readonly count: number }
  | { readonly _tag: "Hook", readonly task: number, readonly kind: HookKind, readonly slow: boolean }

/** What only a handler does. */
export type HandlerAct =
  | Act
  | { readonly _tag: "End", readonly outcome: Outcome }
  | { readonly _tag: "Snooze", readonly millis: number, readonly hold: boolean }
  | { readonly _tag: "Sleep" }
  | { readonly _tag: "Report", readonly progress: number }
  | { readonly _tag: "Read" }
  | { readonly _tag: "OwnHook", readonly kind: HookKind, readonly slow: boolean }
  | { readonly _tag: "Finalizer", readonly kind: "slow" | "die" }
  | { readonly _tag: "WaitingFinalizer", readonly task: number }
  /** Fibers of a handler are named by their numbers; 0 is the handler itself. */
  | { readonly _tag: "Fork" | "JoinFiber" | "InterruptFiber", readonly fiber: number }

/** What only the driver does. */
export type DriverAct =
  | Act
  | { readonly _tag: "Pause" | "Resume" | "Drain" }
  | { readonly _tag: "Resize", readonly workers: number }
  | { readonly _tag: "PauseJob", readonly job: JobName, readonly millis: number | undefined }
  | { readonly _tag: "ResumeJob", readonly job: JobName }
  | { readonly _tag: "InterruptRun", readonly op: number }
