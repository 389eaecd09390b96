/** Many writers, one statement: while one batch is written the next one gathers. No timer: a lone write waits for one yield. */
import * as Effect from "effect/Effect"
import type { SqlError } from "./journal.ts"

const most = 500
const firstPause = 50
const longestPause = 1000

export interface GroupCommit<A> {
  readonly add: (item: A) => void
  /** Takes back what is not on its way yet; whether it did. */
  readonly withdraw: (item: A) => boolean
}

interface Options<A> {
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Writes all of them and tells each what has become of it. */
  readonly write: (items: ReadonlyArray<A>) => Effect.Effect<void, SqlError>
  /** The database does not take this one, whatever is tried; whether it shall be tried again. */
  readonly refused: (item: A, error: SqlError) => boolean
  /** Whether it still is to be written. */
  readonly isWanted: (item: A) => boolean
  /** The database is away. */
  readonly failing: (items: ReadonlyArray<A>, error: SqlError) => Effect.Effect<void>
}

export const groupCommit = <A>({ failing, fork, isWanted, refused, write }: Options<A>): GroupCommit<A> => {
  const waiting: Array<A> = []
  let busy = false

  /** One that the database does not take is found by halves, and spares the others. */
  const attempt = (items: ReadonlyArray<A>, pause: number): Effect.Effect<void> =>
    Effect.catch(write(items), (error) => {
      if (items.length > 1 && !isAway(error)) {
        const middle = Math.floor(items.length / 2)
        return Effect.andThen(attempt(items.slice(0, middle), firstPause), attempt(items.slice(middle), firstPause))
      }
      if (!isAway(error) && !refused(items[0], error)) return Effect.void
      return Effect.andThen(Effect.andThen(failing(items, error), Effect.sleep(pause)), again(items, pause))
    })
  const again = (items: ReadonlyArray<A>, pause: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const left = items.filter(isWanted)
      return left.length === 0 ? Effect.void : attempt(left, Math.min(longestPause, pause * 2))
    })

  const flush: Effect.Effect<void> = Effect.suspend(() => {
    const items = waiting.splice(0, most)
    busy = items.length > 0
    if (!busy) return Effect.void
    const survived = Effect.catchCause(
      attempt(items, firstPause),
      (cause) => Effect.logError("A batch was not written", cause)
    )
    return Effect.andThen(survived, flush)
  })

  return {
    add: (item) => {
      waiting.push(item)
      if (busy) return
      busy = true
      fork(Effect.andThen(Effect.yieldNow, flush))
    },
    withdraw: (item) => {
      const at = waiting.indexOf(item)
      if (at >= 0) waiting.splice(at, 1)
      return at >= 0
    }
  }
}

const awayCodes = new Set([5, 6, 8, 10, 13, 14]) // busy, locked, read-only, input and output, full, cannot open

/** Whether the database, not the statement, is at fault. */
const isAway = ({ cause, isRetryable, reason }: SqlError): boolean => {
  const code = (cause as { readonly cause?: { readonly errcode?: number } } | undefined)?.cause?.errcode
  return isRetryable || reason._tag === "AuthenticationError" || (code !== undefined && awayCodes.has(code & 0xff))
}

export const whyOf = ({ message, reason }: SqlError): string => reason.message ?? message
