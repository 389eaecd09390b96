/** What `Job.make` was given, worked out once. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { refuse, toCount, toKey, toMillis, toPriority } from "./checks.ts"
import type { AnyJobOptions, PlainSchema, RetryOptions, Uniqueness } from "./model.ts"

/** In milliseconds. */
export interface Timeouts {
  readonly timeout: number
  readonly queueTimeout: number
}

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
  readonly timeouts: Timeouts
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

/** Dies of an option that could never work. */
export const define = (tag: string, options: AnyJobOptions): Definition => {
  const payload = toSchema(options.payload)
  const { concurrency, key, persistent, retry } = options
  const unique = options.unique === true ? "join" : options.unique === false ? undefined : options.unique
  if (unique !== undefined && !["join", "reject", "supersede"].includes(unique)) {
    refuse(`Job "${tag}"`, "unique", unique, "give \"join\", \"reject\" or \"supersede\"")
  }
  if (retry?.times !== undefined) toCount(retry.times, 0, "retry.times", tag)
  if (retry?.schedule !== undefined && !Schedule.isSchedule(retry.schedule)) {
    refuse(`Job "${tag}"`, "retry.schedule", retry.schedule, "give a Schedule")
  }
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
    unique,
    kept: persistent === undefined || persistent === false
      ? undefined
      : {
        capacity: persistent === true ? 1000 : toCount(persistent.capacity ?? 1000, 1, "persistent.capacity", tag),
        timeToLive: persistent === true ? Infinity : toMillis(persistent.timeToLive, "persistent.timeToLive", tag)
      },
    priority: options.priority === undefined ? 0 : toPriority(options.priority, tag),
    timeouts: {
      timeout: toMillis(options.timeout, "timeout", tag),
      queueTimeout: toMillis(options.queueTimeout, "queueTimeout", tag)
    },
    retry,
    concurrency: concurrency === undefined
      ? undefined
      : typeof concurrency === "object"
      ? {
        limit: toCount(concurrency.limit, 1, "concurrency.limit", tag),
        key: (value) => toKey(concurrency.key(value), "concurrency.key", tag)
      }
      : { limit: toCount(concurrency, 1, "concurrency", tag), key: undefined },
    keyed: key !== undefined || unique !== undefined || (persistent !== undefined && persistent !== false),
    keyOf: key === undefined
      ? (value) => canonicalKey(tag, () => encode()(value))
      : (value) => toKey(key(value), "key", tag),
    check: payload.ast._tag === "Void" ? checkNothing : (input) => checkPayload(payload, input),
    decode: (encoded) => synchronously(decode()(encoded))
  }
}

/** A Void Schema takes anything, and options put first would be ignored. */
const checkNothing = (input: unknown): Exit.Exit<undefined, string> =>
  input === undefined
    ? Exit.succeed(input)
    : Exit.fail("the job takes no payload; options are the second argument: dispatch(undefined, options)")

/** Where every field is optional the payload is too: types let it be left out. */
const checkPayload = (payload: PlainSchema, input: unknown): Exit.Exit<unknown, unknown> => {
  const checked = synchronously(payload.makeEffect(input as never))
  if (input !== undefined || Exit.isSuccess(checked)) return checked
  const empty = synchronously(payload.makeEffect({} as never))
  return Exit.isSuccess(empty) ? empty : checked
}

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
const canonicalKey = (tag: string, encode: () => unknown): string => {
  try {
    return JSON.stringify(encode(), sorted) ?? ""
  } catch (cause) {
    throw new Error(`Job "${tag}": this payload has no JSON form to make a key of; give the job a key`, { cause })
  }
}

const sorted = (_: string, part: unknown): unknown => {
  if (losesItself(part)) throw new Error(`JSON cannot tell ${Object.prototype.toString.call(part)} from others`)
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part
  return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** What `Schema.Any` lets through and JSON would leave out or empty: unlike payloads would have like keys. */
const losesItself = (part: unknown): boolean => {
  switch (typeof part) {
    case "function":
    case "symbol":
      return true
    case "number":
      return !Number.isFinite(part)
    case "object":
      return part !== null && !Array.isArray(part) && Object.prototype.toString.call(part) !== "[object Object]"
    default:
      return false
  }
}
