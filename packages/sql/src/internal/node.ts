/**
 * This process among others on Postgres: it lives while its session holds its lock, which the server lets go of when the
 * process dies. Others then give its rows back, after a grace in which a broken session may be mended.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { reach } from "./fault.ts"
import type { SqlError } from "./journal.ts"
import { forever } from "./notifier.ts"
import { State } from "./schema.ts"
import { chunks, dueLater, ended, mostIds, type Store, taken } from "./store.ts"

const pingEvery = "1 second"
const reapEvery = "1 second"
const watchEvery = "250 millis"
/** A frozen process loses its session after 30 seconds, one whose machine or network is gone after 15. */
const sessionSettings = [
  "idle_session_timeout = '30s'",
  "tcp_keepalives_idle = 5",
  "tcp_keepalives_interval = 5",
  "tcp_keepalives_count = 2"
]

/** The two numbers of an advisory lock are 32 bits each: whose table, and which node. */
const locksOf = (schema: string, table: string): number =>
  createHash("sha256").update(`${schema}.${table}`).digest().readUInt32BE() >>> 1

interface Options {
  readonly grace: number
  /** This node was taken for dead, or may have been: what it runs is no longer its own. */
  readonly cutOff: () => void
}

/** Joins; others see it from now on until the Scope closes. */
export const join = (store: Store, options: Options): Effect.Effect<void, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const { journal } = store
    const [{ name: schema }] = yield* journal.schemaName()
    const locks = locksOf(schema, journal.tables.tasks)
    yield* enter(store)
    const locked = yield* Deferred.make<void>()
    let lostAt: number | undefined
    let isCutOff = false

    const rejoin = Effect.gen(function*() {
      yield* leave(store)
      yield* enter(store)
    })

    const cut = () => {
      isCutOff = true
      options.cutOff()
    }

    const session = Effect.scoped(Effect.gen(function*() {
      const connection = yield* journal.client.reserve
      const run = (sql: string) => connection.executeRaw(sql, [])
      for (const setting of sessionSettings) yield* run(`SET ${setting}`)
      if (isCutOff) yield* rejoin
      yield* run(`SELECT pg_advisory_lock(${locks}, ${store.me})`)
      if ((yield* journal.hasNode({ node: store.me })).length === 0) { // others have buried it
        if (!isCutOff) cut()
        return // and join anew
      }
      isCutOff = false
      lostAt = undefined
      yield* Deferred.succeed(locked, undefined)
      yield* Effect.forever(Effect.delay(run("SELECT 1"), pingEvery))
    })).pipe(Effect.ensuring(Effect.sync(() => {
      lostAt ??= performance.now()
    })))

    yield* Effect.forkScoped(forever("The session that says that this node lives", session))
    yield* Deferred.await(locked)

    // cut off for longer than the grace, others run what this node has
    yield* Effect.forkScoped(Effect.forever(Effect.delay(
      Effect.sync(() => {
        if (lostAt !== undefined && !isCutOff && performance.now() - lostAt > options.grace) cut()
      }),
      watchEvery
    )))
    if (!store.isClient) yield* Effect.forkScoped(reaping(store, locks, options.grace))
  })

/** Gets an id that nobody else has or had. */
export const enter = (store: Store): Effect.Effect<void, SqlError> =>
  Effect.map(store.journal.addNode({ name: `${hostname()}:${process.pid}` }), ([{ id }]) => {
    store.me = Number(id)
  })

/** What it still has goes back, which is no crash; it claims nothing any more. */
export const leave = (store: Store): Effect.Effect<void, SqlError> =>
  Effect.suspend(() => {
    const { journal, me: node, tell } = store
    const left = journal.client.withTransaction(Effect.andThen(journal.dropNode({ node }), journal.leave({ node })))
    return Effect.map(left, ({ length }) => {
      if (length > 0) tell(taken)
    })
  })

/** Looks for nodes that are gone, and gives back what they have claimed. */
const reaping = (store: Store, locks: number, grace: number): Effect.Effect<never> => {
  const missing = new Map<number, number>()
  const look = Effect.gen(function*() {
    const gone = new Set((yield* store.journal.goneNodes({ locks })).map(({ id }) => Number(id)))
    for (const id of missing.keys()) if (!gone.has(id)) missing.delete(id)
    for (const id of gone) {
      const since = missing.get(id) ?? performance.now()
      missing.set(id, since)
      if (performance.now() - since < grace) continue
      missing.delete(id)
      yield* bury(store, id)
    }
  })
  return forever("Looking for dead nodes", Effect.forever(Effect.delay(look, reapEvery)))
}

/** One of those who look does it, in one transaction. */
const bury = (store: Store, node: number): Effect.Effect<void, SqlError> => {
  const { journal, tell } = store
  const buried = journal.client.withTransaction(Effect.gen(function*() {
    reach("before-reap")
    if ((yield* journal.dropNode({ node })).length === 0) return []
    reach("in-reap")
    return yield* journal.releaseOf({ node })
  }))
  return Effect.flatMap(buried, (rows) => {
    if (rows.length === 0) return Effect.void
    const over = rows.filter(({ state }) => state >= State.success).map(({ id }) => id)
    for (const some of chunks(over, mostIds)) tell(ended(some))
    tell(taken)
    tell(dueLater)
    return Effect.logWarning(`Node ${node} has died: its ${rows.length} tasks are given to others`)
  })
}
