/** What `Job.make` was given, worked out once. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { AnyJobOptions, PlainSchema, RetryOptions, Uniqueness } from "./model.ts"

export interface Definition {
  readonly tag: string
  readonly payload: PlainSchema
  readonly success: PlainSchema
  readonly error: PlainSchema
  readonly progress: PlainSchema
  readonly message: PlainSchema
  readonly unique: Uniqueness | undefined
  readonly kept: { readonly capacity: number, readonly timeToLive: number } | undefined
  readonly priority: number
  readonly timeout: number
  readonly queueTimeout: number
  readonly retry: RetryOptions<unknown> | undefined
  readonly concurrency: { readonly limit: number, readonly key: ((payload: unknown) => string) | undefined } | undefined
  readonly keyOf: (payload: unknown) => string
  /** Whether each dispatch works the key out; the canonical JSON is made only when something asks for it. */
  readonly keyed: boolean
  /** Checks the input of a dispatch and copies it. */
  readonly check: (input: unknown) => Exit.Exit<unknown, unknown>
  /** Reads a payload from its JSON form. */
  readonly decode: (encoded: unknown) => Exit.Exit<unknown, unknown>
}

export const define = (tag: string, options: AnyJobOptions): Definition => {
  const payload = toSchema(options.payload)
  const { concurrency, key, persistent, unique } = options
  const wire = lazy(() => Schema.toCodecJson(payload as Schema.Codec<unknown, unknown>))
  const encode = lazy(() => Schema.encodeUnknownSync(wire()))
  const decode = lazy(() => Schema.decodeUnknownEffect(wire()))
  return {
    tag,
    payload,
    success: options.success ?? Schema.Void,
    error: options.error ?? Schema.Never,
    progress: options.progress ?? Schema.Never,
    message: options.message ?? Schema.Never,
    unique: unique === true ? "join" : unique === false ? undefined : unique,
    kept: persistent === undefined || persistent === false
      ? undefined
      : {
        capacity: persistent === true ? 1000 : atLeastOne(persistent.capacity ?? 1000),
        timeToLive: persistent === true ? Infinity : toMillis(persistent.timeToLive)
      },
    priority: options.priority ?? 0,
    timeout: toMillis(options.timeout),
    queueTimeout: toMillis(options.queueTimeout),
    retry: options.retry,
    concurrency: concurrency === undefined
      ? undefined
      : typeof concurrency === "number"
      ? { limit: atLeastOne(concurrency), key: undefined }
      : { limit: atLeastOne(concurrency.limit), key: concurrency.key },
    keyed: key !== undefined || (unique !== undefined && unique !== false) ||
      (persistent !== undefined && persistent !== false),
    keyOf: key ?? ((value) => canonicalJson(encode()(value))),
    check: (input) => synchronously(payload.makeEffect(input as never)),
    decode: (encoded) => synchronously(decode()(encoded))
  }
}

/** No duration is an infinite one. */
export const toMillis = (duration: Duration.Input | undefined): number =>
  duration === undefined ? Infinity : Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(duration)))

/** Counts below 1, and NaN, count as 1. */
export const atLeastOne = (count: number): number => (count >= 1 ? Math.floor(count) : 1)

const toSchema = (payload: unknown): PlainSchema =>
  payload === undefined
    ? Schema.Void
    : Schema.isSchema(payload)
    ? payload as PlainSchema // the option's type admits no other Schema
    : Schema.Struct(payload as {}) as unknown as PlainSchema

const synchronously = (effect: Effect.Effect<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isExit(effect) ? effect : Effect.runSyncExit(effect)

const lazy = <A>(make: () => A): () => A => {
  let value: { readonly it: A } | undefined
  return () => (value ??= { it: make() }).it
}

/** JSON with sorted keys, so that equal payloads have equal keys. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part) ?? ""
