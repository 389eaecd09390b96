/** What users give, checked before anything changes. A refusal names the option, its value and the mend. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { PlainSchema } from "../../Job.ts"
import type { CancelOptions } from "../../Task.ts"
import { nearest } from "./suggestion.ts"

/** Makes an error whose stack would show this library alone: without one. */
export const bare = <A>(make: () => A): A => {
  const { stackTraceLimit } = stacks
  stacks.stackTraceLimit = 0
  try {
    return make()
  } finally {
    stacks.stackTraceLimit = stackTraceLimit
  }
}

const stacks = Error as { stackTraceLimit?: number | undefined } // no engine minds one that it does not know

/** A misuse is a defect: types or documentation forbid it. */
export const refuse = (subject: string, option: string, value: unknown, mend: string): never => {
  throw new Error(`${subject}: ${option} cannot be ${show(value)}; ${mend}`)
}

export const subjectOf = (tag: string): string => `Job "${tag}"`

const longest = 100

/** A value in a message, whatever it is. */
const show = (value: unknown): string => {
  try {
    const text = typeof value === "string" || (typeof value === "object" && !Duration.isDuration(value))
      ? JSON.stringify(value, (_, part) => isShown(part) ? part : `[${part.name ?? part}]`)
      : String(value)
    return text.length > longest ? `${text.slice(0, longest)}…` : text
  } catch {
    return `a value of type ${typeof value}`
  }
}

/** JSON has no text for these, or the one of null. */
const isShown = (part: unknown): boolean =>
  typeof part !== "function" && (typeof part !== "number" || Number.isFinite(part))

/** Gives a value as it is used from now on, or refuses it. */
export type Check<A> = (value: unknown, option: string, subject: string) => A

/** A check of each option: one without a check does not compile, nor does a check without an option. */
export type Checks<Options> = { readonly [Name in keyof Options]-?: Check<unknown> }

type Checked<C> = { readonly [Name in keyof C]?: C[Name] extends Check<infer A> ? A : never }

/** Refuses what holds no options, and options that nobody knows. */
export const toOptions = <C extends Checks<{}>>(
  given: unknown,
  checks: C,
  subject: string,
  within?: string
): { readonly [Name in keyof C]?: unknown } => {
  const known: Record<string, Check<unknown>> = checks
  if (!isOptions(given, known)) {
    return refuse(subject, within ?? "the options", given, `give an object of ${Object.keys(known).join(", ")}`)
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) refuse(subject, pathOf(name, within), given[name], mendOf(name, known, within))
  }
  return given as {} // all its options are known
}

/** The options that are given, checked; those of an option that is an object stand `within` it. */
export const read = <C extends Checks<{}>>(given: unknown, checks: C, subject: string, within?: string): Checked<C> => {
  const options: Readonly<Record<string, unknown>> = toOptions(given, checks, subject, within)
  const checked: Record<string, unknown> = {}
  for (const [name, check] of Object.entries<Check<unknown>>(checks)) {
    const value = options[name]
    if (value !== undefined) checked[name] = check(value, pathOf(name, within), subject)
  }
  return checked as Checked<C>
}

const pathOf = (name: string, within: string | undefined): string => within === undefined ? name : `${within}.${name}`

const mendOf = (name: string, known: object, within: string | undefined): string => {
  const names = Object.keys(known)
  const meant = nearest(name, names)
  return meant === undefined
    ? `there is no such option, only ${names.join(", ")}`
    : `there is no such option, did you mean ${pathOf(meant, within)}?`
}

/** An object; one of a class too, when it has any of these. */
const isOptions = (value: unknown, known: object): value is Record<string, unknown> =>
  isPlain(value) || (Predicate.isObject(value) && Object.keys(known).some((name) => name in value))

/** Whether it is an object of no class; those of other realms are like ours. */
export const isPlain = (value: unknown): value is Record<PropertyKey, unknown> => {
  if (!Predicate.isObject(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

/** No duration is an infinite one, one below 0 counts as 0. */
export const toMillis: Check<number> = (duration, option, subject) => {
  const millis = isClear(duration) ? Duration.fromInput(duration) : undefined
  if (millis?._tag === "Some") return Math.max(0, Duration.toMillis(millis.value))
  const mend = isPlain(duration)
    ? `give numbers of ${Object.keys(units).join(", ")}`
    : `give milliseconds or a duration such as "30 seconds"`
  return refuse(subject, option, duration, mend)
}

/** Their names alone count. */
const units = {
  weeks: null,
  days: null,
  hours: null,
  minutes: null,
  seconds: null,
  milliseconds: null,
  microseconds: null,
  nanoseconds: null
} satisfies Record<keyof Duration.DurationObject, null>

/** Effect reads NaN, no units and unknown ones as 0, which no one can have meant. */
const isClear = (duration: unknown): duration is Duration.Input => {
  if (!Predicate.isObjectOrArray(duration) || Duration.isDuration(duration)) return !Number.isNaN(duration)
  if (isPlain(duration) && !Object.keys(duration).every((unit) => Object.hasOwn(units, unit))) return false
  const parts = Array.isArray(duration) ? duration : Object.keys(units).map((unit) => Reflect.get(duration, unit))
  const given = parts.filter((part) => part !== undefined)
  return given.length > 0 && given.every((part) => typeof part === "number" && !Number.isNaN(part))
}

/** How long a task is put off: what never ends would hang its pool for ever. */
export const toDelay: Check<number> = (delay, option, subject) => {
  const millis = toMillis(delay, option, subject)
  return millis < Infinity ? millis : refuse(subject, option, delay, "the task would never start")
}

/** A whole number of at least `least`. */
export const isInteger = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least // a safe integer is a number

/** A whole number of at least `least`. */
export const toInteger = (least: number): Check<number> => (value, option, subject) =>
  isInteger(value, least) ? value : refuse(subject, option, value, `give an integer of at least ${least}`)

/** A whole number of at least `least`, or no limit. */
export const toCount = (least: number): Check<number> => (value, option, subject) =>
  value === Infinity || isInteger(value, least)
    ? value
    : refuse(subject, option, value, `give an integer of at least ${least}, or Infinity`)

/** Anything else than a finite number has no place in an order. */
export const toPriority: Check<number> = (value, option, subject) =>
  Number.isFinite(value)
    ? value as number // a finite number is one
    : refuse(subject, option, value, "give a finite number; higher runs first")

/** One of a few words. */
export const toWord =
  <const Word extends string>(...words: ReadonlyArray<Word>): Check<Word> => (value, option, subject) =>
    words.find((word) => word === value) ??
      refuse(subject, option, value, `give ${words.map((word) => JSON.stringify(word)).join(" or ")}`)

export const toBoolean: Check<boolean> = (value, option, subject) =>
  typeof value === "boolean" ? value : refuse(subject, option, value, "give true or false")

export const toText: Check<string> = (value, option, subject) =>
  typeof value === "string" ? value : refuse(subject, option, value, "give a string")

export const toFunction: Check<(...args: ReadonlyArray<any>) => any> = (value, option, subject) =>
  typeof value === "function" ? value as () => any : refuse(subject, option, value, "give a function")

export const toEffect: Check<Effect.Effect<any, any, any>> = (value, option, subject) =>
  Effect.isEffect(value) ? value : refuse(subject, option, value, "give an Effect")

export const toSchema: Check<PlainSchema> = (value, option, subject) =>
  Schema.isSchema(value)
    ? value as PlainSchema // the options' types admit no other Schema
    : refuse(subject, option, value, "give a Schema, such as Schema.Struct({ … })")

/** Why somebody cancels. */
export const toReason = (given: string | CancelOptions = {}): string | undefined =>
  typeof given === "string" ? given : read(given, cancelOptions, "cancel").reason

const cancelOptions = { reason: toText } satisfies Checks<CancelOptions>

/** A key that a function of the job has made. */
export const toKey: Check<string> = (key, option, subject) =>
  typeof key === "string" ? key : refuse(subject, `the result of ${option}`, key, "return a string")

/** What a function of the user has returned. */
export const toResult = <A extends Effect.Effect<any, any, any>>(effect: A, of: () => string): A =>
  Effect.isEffect(effect) ? effect : refuse(of(), "the result", effect, "return an Effect")
