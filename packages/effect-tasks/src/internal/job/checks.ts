/** What users give, checked before anything changes. A refusal names the option, its value and the mend. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { CancelOptions } from "../../Task.ts"

/** A misuse is a defect: types or documentation forbid it. */
export const refuse = (subject: string, option: string, value: unknown, mend: string): never => {
  throw new Error(`${subject}: ${option} cannot be ${show(value)}; ${mend}`)
}

/** A job, or the worker pool where there is no tag. */
export const subjectOf = (tag: string | undefined): string => tag === undefined ? "WorkerPool" : `Job "${tag}"`

const longest = 100

/** A value in a message, whatever it is. */
const show = (value: unknown): string => {
  try {
    const text = typeof value === "string" || (typeof value === "object" && !Duration.isDuration(value))
      ? JSON.stringify(value)
      : String(value)
    return text.length > longest ? `${text.slice(0, longest)}…` : text
  } catch {
    return `a value of type ${typeof value}`
  }
}

/** No duration is an infinite one, one below 0 counts as 0. Of a job, or of a worker pool when there is no tag. */
export const toMillis = (duration: Duration.Input | undefined, option = "the duration", tag?: string): number => {
  if (duration === undefined) return Infinity
  const millis = holdsNaN(duration) ? undefined : Duration.fromInput(duration)
  return millis?._tag === "Some"
    ? Math.max(0, Duration.toMillis(millis.value))
    : refuse(subjectOf(tag), option, duration, `give milliseconds or a duration such as "30 seconds"`)
}

/** Effect reads these as 0, which no one can have meant. */
const holdsNaN = (duration: unknown): boolean =>
  typeof duration === "number"
    ? Number.isNaN(duration)
    : Predicate.isObjectOrArray(duration) && !Duration.isDuration(duration) &&
      Object.values(duration).some(Number.isNaN)

/** How long a task is put off: what never ends would hang its pool for ever. */
export const toDelay = (delay: Duration.Input | undefined, tag: string): number => {
  if (delay === undefined) return 0
  const millis = toMillis(delay, "delay", tag)
  return millis < Infinity ? millis : refuse(`Job "${tag}"`, "delay", delay, "the task would never start")
}

/** A whole number of at least `least`, or no limit. */
export const toCount = (count: number, least: number, option: string, tag?: string): number =>
  (Number.isSafeInteger(count) && count >= least) || count === Infinity
    ? count
    : refuse(subjectOf(tag), option, count, `give an integer of at least ${least}, or Infinity`)

/** Anything else than an integer has no place in an order. */
export const toPriority = (priority: number, tag: string): number =>
  Number.isSafeInteger(priority)
    ? priority
    : refuse(`Job "${tag}"`, "priority", priority, "give an integer; higher runs first")

/** One of a few words, or nothing. */
export const toWord = <A extends string | undefined>(
  word: A,
  words: ReadonlyArray<string>,
  option: string,
  subject: string
): A =>
  word === undefined || words.includes(word)
    ? word
    : refuse(subject, option, word, `give ${words.map((each) => JSON.stringify(each)).join(" or ")}`)

/** A function of the user's, or none. */
export const toFunction = <A>(f: A, option: string, tag: string): A =>
  f === undefined || typeof f === "function" ? f : refuse(subjectOf(tag), option, f, "give a function")

/** A key that a function of the job has made. */
export const toKey = (key: unknown, option: string, tag: string): string =>
  typeof key === "string" ? key : refuse(`Job "${tag}"`, `the result of ${option}`, key, "return a string")

/** Why somebody cancels. */
export const toReason = ({ reason }: CancelOptions): string | undefined =>
  reason === undefined || typeof reason === "string"
    ? reason
    : refuse("cancel", "reason", reason, "give a string, or none")

/** What a function of the user returned. */
export const toEffect = <A extends Effect.Effect<any, any, any>>(effect: A, of: () => string): A =>
  Effect.isEffect(effect) ? effect : refuse(of(), "the result", effect, "return an Effect")
