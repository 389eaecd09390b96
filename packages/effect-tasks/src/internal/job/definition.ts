/** What `Job.make` was given, worked out once. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { AnyJobOptions, KeyedConcurrency, Persistence, PlainSchema, RetryOptions, Uniqueness } from "../../Job.ts"
import {
  type Check,
  type Checks,
  isPlain,
  read,
  refuse,
  subjectOf,
  toCount,
  toDelay,
  toFunction,
  toKey,
  toMillis,
  toPriority,
  toSchema,
  toText,
  toWord
} from "./checks.ts"
import { copierOf } from "./copy.ts"
import { keepingInstances } from "./instances.ts"
import { canonicalKeyOf } from "./key.ts"
import { keyed, LimitDefinition, toLimits, toRate } from "./limit.ts"
import { toSchema as schemaOf } from "./types.ts"

/** In milliseconds. */
export interface Timeouts {
  readonly timeout: number
  readonly queueTimeout: number
}

export interface Definition {
  readonly tag: string
  /** How a refusal names it. */
  readonly subject: string
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
  /** Its rates, its concurrency, and those that it shares with others. */
  readonly limits: ReadonlyArray<LimitDefinition>
  /** In milliseconds, where a dispatch gives none. */
  readonly delay: number
  /** In milliseconds: how long later dispatches of a key may put a queued task off. */
  readonly maxDelay: number
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

const toPayload: Check<PlainSchema> = (value, option, subject) => {
  if (Schema.isSchema(value)) return value as PlainSchema // the option's type admits no other Schema
  if (!isPlain(value)) return refuse(subject, option, value, "give a Schema, or fields such as { id: Schema.String }")
  for (const name of Reflect.ownKeys(value)) toSchema(value[name], `${option}.${String(name)}`, subject)
  return Schema.Struct(value as {}) as unknown as PlainSchema
}

const toPolicy = toWord("join", "reject", "supersede", "latest")

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
const keyedConcurrency = { limit: toLimit, key: toFunction } satisfies Checks<KeyedConcurrency<unknown>>

const toConcurrency: Check<LimitDefinition> = (value, option, subject) => {
  if (typeof value !== "object" || value === null) return new LimitDefinition(toLimit(value, option, subject))
  const {
    limit = toLimit(undefined, `${option}.limit`, subject),
    key = toFunction(undefined, `${option}.key`, subject)
  } = read(value, keyedConcurrency, subject, option)
  return new LimitDefinition(limit, undefined, keyed(key, `${option}.key`, subject))
}

const toRates: Check<ReadonlyArray<LimitDefinition>> = (value, option, subject) =>
  Array.isArray(value)
    ? value.map((rate, i) => toRate(rate, `${option}[${i}]`, subject))
    : [toRate(value, option, subject)]

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
  concurrency: toConcurrency,
  rate: toRates,
  limits: toLimits,
  delay: toDelay,
  maxDelay: toMillis
} satisfies Checks<AnyJobOptions>

/** Dies of an option that could never work. */
export const define = (tag: string, options: AnyJobOptions): Definition => {
  toText(tag, "the tag", "Job.make")
  const subject = subjectOf(tag)
  const given = read(options, jobOptions, subject)
  const { concurrency, delay = 0, key, maxDelay = Infinity, payload = Schema.Void, persistent: kept, unique } = given
  if (given.maxDelay !== undefined && unique !== "latest") {
    refuse(subject, "maxDelay", options.maxDelay, `it bounds what unique: "latest" puts off`)
  }
  if (maxDelay < delay) refuse(subject, "maxDelay", options.maxDelay, "give at least the delay")
  const make = making(payload)
  const copied = copying(payload)
  const wire = lazy(() => Schema.toCodecJson(payload as Schema.Codec<unknown, unknown>))
  const decode = lazy(() => Schema.decodeUnknownEffect(wire()))
  return {
    tag,
    subject,
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
    limits: [
      ...given.rate ?? [],
      ...concurrency === undefined || concurrency.limit === Infinity ? [] : [concurrency],
      ...given.limits ?? []
    ],
    delay,
    maxDelay,
    label: given.label,
    keyed: key !== undefined || unique !== undefined || kept !== undefined,
    keyOf: key === undefined
      ? canonicalKeyOf(tag, payload)
      : (value) => toKey(key(value), "key", subject),
    check: payload.ast._tag === "Void" ? checkNothing : (input) => copied(checkPayload(make, input)),
    decode: (encoded) => copied(synchronously(decode()(encoded)))
  }
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
  return kept === type ? (input) => payload.makeEffect(input as never) : SchemaParser.makeEffect(schemaOf(kept))
}

type Make = (input: unknown) => Effect.Effect<unknown, unknown>

/** Where every field is optional the payload is too: types let it be left out. */
const checkPayload = (make: Make, input: unknown): Exit.Exit<unknown, unknown> => {
  const checked = synchronously(make(input))
  if (input !== undefined || Exit.isSuccess(checked)) return checked
  const empty = synchronously(make({}))
  return Exit.isSuccess(empty) ? empty : checked
}

const synchronously = (effect: Effect.Effect<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isExit(effect) ? effect : Effect.runSyncExit(effect)

const lazy = <A>(make: () => A): () => A => {
  let value: { readonly it: A } | undefined
  return () => (value ??= { it: make() }).it
}
