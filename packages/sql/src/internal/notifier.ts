/** What processes tell each other: LISTEN and NOTIFY on Postgres, a look at the version of the file on SQLite. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import { embeddedIn } from "./embedded.ts"
import { groupCommit } from "./groupCommit.ts"
import type { Journal } from "./journal.ts"

export interface Notifier {
  readonly tell: (text: string) => void
  /** Hears what others tell, until the Scope closes. */
  readonly listen: (hear: (text: string) => void) => Effect.Effect<void, never, Scope.Scope>
}

/** Anything may have changed. */
export const anything = "*"

/** What `@effect/sql-pg` adds to a SqlClient. */
interface Listening {
  readonly listen: (
    channel: string
  ) => Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>
}

const longestName = 63
const lookEvery = "25 millis"
const pollEvery = "250 millis"

const channelOf = (table: string, namespace: string): string => {
  const name = `${table}_${namespace}`
  const plain = /^[a-z_][a-z0-9_]*$/.test(name) && name.length <= longestName
  return plain ? name : `${table.slice(0, 20)}_${createHash("sha256").update(name).digest("hex").slice(0, 32)}`
}

interface Options {
  readonly journal: Journal
  readonly namespace: string
  readonly notify: boolean
  readonly fork: (effect: Effect.Effect<void>) => void
}

export const make = ({ fork, journal, namespace, notify }: Options): Notifier => {
  if (!journal.isPostgres) return embedded(journal)
  if (!notify) return polling
  const channel = channelOf(journal.tables.tasks, namespace)
  const told = groupCommit<string>({
    fork,
    write: (texts) => Effect.asVoid(journal.notify(channel, [...new Set(texts)])),
    refused: () => false,
    isWanted: () => false, // a lost hint is made good by a look
    failing: () => Effect.void
  })
  return { tell: told.add, listen: (hear) => listening(journal.client as unknown as Listening, channel, hear) }
}

/** After each new LISTEN anything may have been missed. */
const listening = (client: Listening, channel: string, hear: (text: string) => void) =>
  Effect.asVoid(Effect.forkScoped(forever(
    "Listening for notifications",
    Effect.scoped(Effect.flatMap(client.listen(channel), (queue) => {
      hear(anything)
      return Effect.forever(Effect.map(Queue.takeAll(queue), (all) => {
        for (const text of new Set(all.map(({ payload }) => payload))) hear(text)
      }))
    }))
  )))

const embedded = (journal: Journal): Notifier => {
  const { isShared = false, version } = embeddedIn(journal.client) ?? {}
  if (!isShared || version === undefined) return { tell: () => {}, listen: () => Effect.void }
  return {
    tell: () => {}, // the version of the file tells
    listen: (hear) =>
      Effect.flatMap(version, (first) => {
        let last = first
        const look = Effect.map(version, (now) => {
          if (last !== now) hear(anything)
          last = now
        })
        return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(look, lookEvery))))
      })
  }
}

const polling: Notifier = {
  tell: () => {},
  listen: (hear) =>
    Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(Effect.sync(() => hear(anything)), pollEvery))))
}

/** Again and again, whatever becomes of it. */
export const forever = (what: string, effect: Effect.Effect<unknown, SqlError>): Effect.Effect<never> =>
  Effect.forever(
    Effect.catchCause(effect, (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.andThen(Effect.logDebug(`${what} begins again`, cause), Effect.sleep("100 millis")))
  )
