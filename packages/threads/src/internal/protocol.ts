/**
 * What travels between two ends that run tasks for each other. Both directions are alike: the thread runs the handlers of
 * the main side, the main side runs what those handlers dispatch and ask of their task. Values are in their encoded form.
 */
import type * as LogLevel from "effect/LogLevel"

export interface Request {
  /** A job's tag, or an operation on the task that asks: see `operations`. */
  readonly job: string
  readonly payload: unknown
  readonly id: string
  readonly attempt: number
  /** The call of the other end whose handler asks. */
  readonly by?: number | undefined
  /** Whether it outlives whoever asks. */
  readonly detached?: boolean | undefined
  readonly priority?: number | undefined
  /** What an earlier attempt has reported last. */
  readonly progress?: readonly [unknown] | undefined
  readonly span?: { readonly traceId: string, readonly spanId: string, readonly sampled: boolean } | undefined
  /** The least level that is logged, where it is not the usual one. */
  readonly logLevel?: LogLevel.LogLevel | undefined
}

export type Outcome =
  | readonly [ok: true, success: unknown]
  | readonly [ok: false, cause: unknown]

export interface LogLine {
  readonly level: LogLevel.LogLevel
  readonly message: ReadonlyArray<unknown>
  readonly cause: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  readonly spans: ReadonlyArray<[label: string, timestamp: number]>
}

/** `call` is numbered by the end that asks; that end sends the first four. */
export type Message =
  | readonly [tag: "Run", call: number, request: Request]
  | readonly [tag: "Cancel", call: number]
  | readonly [tag: "Message", call: number, message: unknown]
  | readonly [tag: "Seen", call: number]
  | readonly [tag: "Taken", call: number]
  | readonly [tag: "Progress", call: number, progress: unknown]
  | readonly [tag: "Log", call: number | undefined, line: LogLine]
  | readonly [tag: "Exit", call: number, outcome: Outcome]
  | readonly [tag: "Ready"]
  | readonly [tag: "Failed", why: string]

/** What a handler asks of its own task, as a payload of the job `operation`; a job cannot be named so by accident. */
export const operation = "~operation"

export type Operation =
  | readonly [name: "setTimeout", millis: number]
  | readonly [name: "clearTimeout"]
  | readonly [name: "sleep"]
