/** What `Limit.permits` and `Limit.rate` make: a limit as a value, the same in every worker pool. */
import * as Effect from "effect/Effect"
import { type Check, type Checks, read, refuse, toFunction, toInteger, toKey, toMillis } from "./checks.ts"

/** Where a worker pool learns that a limit has another size. */
export interface Resized {
  resized(): void
}

/** One limit: of so many tasks at once, or of so many starts in a window of time. */
export class LimitDefinition {
  readonly "~effect-tasks/Limit" = "~effect-tasks/Limit" as const
  limit: number
  /** In milliseconds; none where it limits the running tasks. */
  readonly window: number | undefined
  readonly keyOf: ((payload: unknown) => string) | undefined
  /** The worker pools in which tasks stand behind it, none of which it keeps. */
  readonly users = new Set<WeakRef<Resized>>()

  constructor(limit: number, window?: number, keyOf?: (payload: unknown) => string) {
    this.limit = limit
    this.window = window
    this.keyOf = keyOf
  }

  resize(limit: number): Effect.Effect<void> {
    return Effect.sync(() => {
      this.limit = toSize(limit, "the limit", "Limit")
      for (const user of this.users) user.deref()?.resized()
    })
  }

  toString(): string {
    return this.window === undefined
      ? `Limit of ${this.limit} tasks`
      : `Limit of ${this.limit} starts in ${this.window} ms`
  }
}

/** How many may be, or start. */
export const toSize = toInteger(1)

export const toLimits: Check<ReadonlyArray<LimitDefinition>> = (value, option, subject) =>
  Array.isArray(value)
    ? value.map((limit, i) =>
      limit instanceof LimitDefinition
        ? limit
        : refuse(subject, `${option}[${i}]`, limit, "give what Limit.permits or Limit.rate makes")
    )
    : refuse(subject, option, value, "give a list of limits")

const toWindow: Check<number> = (value, option, subject) => {
  const millis = toMillis(value, option, subject)
  return millis > 0 && millis < Infinity ? millis : refuse(subject, option, value, "give a time above 0 that ends")
}

const rate = { limit: toSize, window: toWindow, key: toFunction } satisfies Checks<RateOptions>

interface RateOptions {
  readonly limit: number
  readonly window: unknown
  readonly key?: unknown
}

export const toRate: Check<LimitDefinition> = (value, option, subject) => {
  const given = read(value, rate, subject, option)
  const limit = given.limit ?? toSize(undefined, `${option}.limit`, subject)
  const window = given.window ?? toWindow(undefined, `${option}.window`, subject)
  return new LimitDefinition(limit, window, keyed(given.key, `${option}.key`, subject))
}

/** A function of the user's whose results are checked. */
export const keyed = (
  key: ((payload: unknown) => unknown) | undefined,
  option: string,
  subject: string
): ((payload: unknown) => string) | undefined =>
  key === undefined ? undefined : (payload) => toKey(key(payload), option, subject)
