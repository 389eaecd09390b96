/** What `Job.make` was given, worked out once. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { AnyJobOptions, KeyedConcurrency, Persistence, PlainSchema, RetryOptions, Uniqueness } from "../../Job.ts"
import {
  type Check,
  type Checks,
  isPlain,
  read,
  refuse,
  subjectOf,
  toCount,
  toFunction,
  toKey,
  toMillis,
  toPriority,
  toSchema,
  toText,
  toWord
} from "./checks.ts"
import { copierOf } from "./copy.ts"
import { canonicalKeyOf } from "./key.ts"

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
  /** Reads a payload from its JSON form. */
  readonly decode: (encoded: unknown) => Exit.Exit<unknown, unknown>
}

const toPayload: Check<PlainSchema> = (value, option, subject) => {
  if (Schema.isSchema(value)) return value as PlainSchema // the option's type admits no other Schema
  if (!isPlain(value)) return refuse(subject, option, value, "give a Schema, or fields such as { id: Schema.String }")
  for (const name of Reflect.ownKeys(value)) toSchema(value[name], `${option}.${String(name)}`, subject)
  return Schema.Struct(value as {}) as unknown as PlainSchema
}

const toPolicy = toWord("join", "reject", "supersede")

const toUniqueness: Check<Uniqueness | undefined> = (value, option, subject) =>
  value === true ? "join" : value === false ? undefined : toPolicy(value, option, subject)

const persistence = { timeToLive: toMillis, capacity: toCount(1) } satisfies Checks<Persistence>

const toKept: Check<Definition["kept"]> = (value, option, subject) =>
  value === false
    ? undefined
    : { capacity: 1000, timeToLive: Infinity, ...(value === true ? {} : read(value, persistence, subject, option)) }

const toSchedule: Check<RetryOptions<unknown>["schedule"]> = (value, option, subject) =>
  Schedule.isSchedule(value) ? value as Schedule.Schedule<unknown> : refuse(subject, option, value, "give a Schedule")

const retrying = { times: toCount(0), schedule: toSchedule, while: toFunction } satisfies Checks<RetryOptions<unknown>>

const toRetry: Check<RetryOptions<unknown>> = (value, option, subject) => read(value, retrying, subject, option)

const toLimit = toCount(1)
const keyed = { limit: toLimit, key: toFunction } satisfies Checks<KeyedConcurrency<unknown>>

const toConcurrency: Check<NonNullable<Definition["concurrency"]>> = (value, option, subject) => {
  if (typeof value !== "object" || value === null) return { limit: toLimit(value, option, subject), key: undefined }
  const {
    limit = toLimit(undefined, `${option}.limit`, subject),
    key = toFunction(undefined, `${option}.key`, subject)
  } = read(value, keyed, subject, option)
  return { limit, key: (payload) => toKey(key(payload), `${option}.key`, subject) }
}

const jobOptions = {
  payload: toPayload,
  success: toSchema,
  error: toSchema,
  progress: toSchema,
  message: toSchema,
  key: toFunction,
  unique: toUniqueness,
  persistent: toKept,
  priority: toPriority,
  label: toFunction,
  timeout: toMillis,
  queueTimeout: toMillis,
  retry: toRetry,
  concurrency: toConcurrency
} satisfies Checks<AnyJobOptions>

/** Dies of an option that could never work. */
export const define = (tag: string, options: AnyJobOptions): Definition => {
  toText(tag, "the tag", "Job.make")
  const subject = subjectOf(tag)
  const given = read(options, jobOptions, subject)
  const { key, payload = Schema.Void, persistent: kept, unique } = given
  const wire = lazy(() => Schema.toCodecJson(payload as Schema.Codec<unknown, unknown>))
  const decode = lazy(() => Schema.decodeUnknownEffect(wire()))
  return {
    tag,
    payload,
    success: given.success ?? Schema.Void,
    error: given.error ?? Schema.Never,
    progress: given.progress ?? Schema.Never,
    message: given.message ?? Schema.Never,
    unique,
    kept,
    priority: given.priority ?? 0,
    timeouts: { timeout: given.timeout ?? Infinity, queueTimeout: given.queueTimeout ?? Infinity },
    retry: given.retry,
    concurrency: given.concurrency,
    label: given.label,
    keyed: key !== undefined || unique !== undefined || kept !== undefined,
    keyOf: key === undefined
      ? canonicalKeyOf(tag, payload)
      : (value) => toKey(key(value), "key", subject),
    check: payload.ast._tag === "Void" ? checkNothing : copying(payload),
    decode: (encoded) => synchronously(decode()(encoded))
  }
}

/** A Void Schema takes anything, and options put first would be ignored. */
const checkNothing = (input: unknown): Exit.Exit<undefined, string> =>
  input === undefined
    ? Exit.succeed(input)
    : Exit.fail("the job takes no payload; options are the second argument: dispatch(undefined, options)")

/** Checks the input, which stays its owner's. */
const copying = (payload: PlainSchema): Definition["check"] => {
  const copy = copierOf(payload.ast)
  return copy === undefined
    ? (input) => checkPayload(payload, input)
    : (input) => Exit.map(checkPayload(payload, input), copy)
}

/** Where every field is optional the payload is too: types let it be left out. */
const checkPayload = (payload: PlainSchema, input: unknown): Exit.Exit<unknown, unknown> => {
  const checked = synchronously(payload.makeEffect(input as never))
  if (input !== undefined || Exit.isSuccess(checked)) return checked
  const empty = synchronously(payload.makeEffect({} as never))
  return Exit.isSuccess(empty) ? empty : checked
}

const synchronously = (effect: Effect.Effect<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isExit(effect) ? effect : Effect.runSyncExit(effect)

const lazy = <A>(make: () => A): () => A => {
  let value: { readonly it: A } | undefined
  return () => (value ??= { it: make() }).it
}
