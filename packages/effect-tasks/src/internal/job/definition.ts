/** What `Job.make` was given, worked out once. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { AnyJobOptions, KeyedConcurrency, PlainSchema, RetryOptions, Uniqueness } from "../../Job.ts"
import { refuse, subjectOf, toCount, toFunction, toKey, toMillis, toPriority, toWord } from "./checks.ts"
import { copierOf } from "./copy.ts"
import { keepingInstances } from "./instances.ts"
import { canonicalKeyOf } from "./key.ts"
import { toSchema } from "./types.ts"

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
  /** How a person names a task. */
  readonly label: ((payload: unknown) => string) | undefined
  readonly keyOf: (payload: unknown) => string
  /** Whether each dispatch works the key out; the canonical JSON is made only when something asks for it. */
  readonly keyed: boolean
  /** Checks the input of a dispatch and copies it. */
  readonly check: (input: unknown) => Exit.Exit<unknown, unknown>
  /** Reads a payload from its JSON form and copies it. */
  readonly decode: (encoded: unknown) => Exit.Exit<unknown, unknown>
}

/** Dies of an option that could never work. */
export const define = (tag: string, options: AnyJobOptions): Definition => {
  if (typeof tag !== "string") refuse("Job.make", "the tag", tag, "give a string")
  const payload = toPayload(options.payload)
  const { concurrency, persistent, retry } = options
  const key = toFunction(options.key, "key", tag)
  const unique = options.unique === true ? "join" : options.unique === false ? undefined : options.unique
  toWord(unique, ["join", "reject", "supersede"], "unique", subjectOf(tag))
  if (retry?.times !== undefined) toCount(retry.times, 0, "retry.times", tag)
  toFunction(retry?.while, "retry.while", tag)
  if (retry?.schedule !== undefined && !Schedule.isSchedule(retry.schedule)) {
    refuse(subjectOf(tag), "retry.schedule", retry.schedule, "give a Schedule")
  }
  const make = making(payload)
  const copied = copying(payload)
  const wire = lazy(() => Schema.toCodecJson(payload as Schema.Codec<unknown, unknown>))
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
    concurrency: concurrency === undefined ? undefined : limitOf(tag, concurrency),
    label: toFunction(options.label, "label", tag),
    keyed: key !== undefined || unique !== undefined || (persistent !== undefined && persistent !== false),
    keyOf: key === undefined
      ? canonicalKeyOf(tag, payload)
      : (value) => toKey(key(value), "key", tag),
    check: payload.ast._tag === "Void" ? checkNothing : (input) => copied(checkPayload(make, input)),
    decode: (encoded) => copied(synchronously(decode()(encoded)))
  }
}

const limitOf = (tag: string, concurrency: number | KeyedConcurrency<unknown>): Definition["concurrency"] => {
  if (typeof concurrency !== "object") return { limit: toCount(concurrency, 1, "concurrency", tag), key: undefined }
  const limit = toCount(concurrency.limit, 1, "concurrency.limit", tag)
  const key = toFunction(concurrency.key ?? null, "concurrency.key", tag)
  return { limit, key: (value) => toKey(key(value), "concurrency.key", tag) }
}

/** A Void Schema takes anything, and options put first would be ignored. */
const checkNothing = (input: unknown): Exit.Exit<undefined, string> =>
  input === undefined
    ? Exit.succeed(input)
    : Exit.fail("the job takes no payload; options are the second argument: dispatch(undefined, options)")

/** What is read stays its owner's: the task gets a copy. */
const copying = (payload: PlainSchema): (read: Exit.Exit<unknown, unknown>) => Exit.Exit<unknown, unknown> => {
  const copy = copierOf(payload.ast)
  return (read) => copy === undefined || Exit.isFailure(read) ? read : copy(read.value)
}

const making = (payload: PlainSchema): Make => {
  const type = SchemaAST.toType(payload.ast)
  const kept = keepingInstances(type)
  return kept === type ? (input) => payload.makeEffect(input as never) : SchemaParser.makeEffect(toSchema(kept))
}

type Make = (input: unknown) => Effect.Effect<unknown, unknown>

/** Where every field is optional the payload is too: types let it be left out. */
const checkPayload = (make: Make, input: unknown): Exit.Exit<unknown, unknown> => {
  const checked = synchronously(make(input))
  if (input !== undefined || Exit.isSuccess(checked)) return checked
  const empty = synchronously(make({}))
  return Exit.isSuccess(empty) ? empty : checked
}

const toPayload = (payload: unknown): PlainSchema =>
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
