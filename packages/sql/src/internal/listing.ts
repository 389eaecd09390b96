/** Rows for people: pages, counts, and what is done to all rows of a query. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Query, StoredTask } from "../Durable.ts"
import { storedKey } from "./ids.ts"
import type { Journal, SqlError } from "./journal.ts"
import { State, type StateName, stateNames } from "./schema.ts"

const mostListed = 1000

interface Row {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly key: string | null
  readonly state: number
  readonly priority: number
  readonly attempt: number
  readonly crashes: number
  readonly parent_id: string | null
  readonly owner: number | null
  readonly payload: string
  readonly exit: string | null
  readonly progress: string | null
  readonly created_at: number
  readonly due_at: number
  readonly finished_at: number | null
  readonly expires_at: number | null
}

const columns =
  "id, job, version, key, state, priority, attempt, crashes, parent_id, owner, payload, exit, progress, created_at, due_at, finished_at, expires_at"

/** Each condition is there only when it is asked for, so that the indexes serve. */
const conditionsOf = (query: Query): ReadonlyArray<readonly [condition: string, name: string, value: unknown]> => {
  const states = query.state === undefined ? undefined : [query.state].flat().map((name: StateName) => State[name])
  const all: ReadonlyArray<readonly [string, string, unknown]> = [
    ["job = CAST(:job AS text)", "job", query.job],
    ["key = CAST(:key AS text)", "key", query.key === undefined ? undefined : storedKey(query.key)],
    ["parent_id = CAST(:parent AS text)", "parent", query.parent],
    ["created_at >= CAST(:since AS bigint)", "since", query.since],
    ["created_at < CAST(:until AS bigint)", "until", query.until],
    ["id > CAST(:after AS text)", "after", query.after],
    [`state IN (${states?.join(", ")})`, "state", states]
  ]
  return all.filter(([, , value]) => value !== undefined)
}

const whereOf = (query: Query) => {
  const conditions = conditionsOf(query)
  return {
    where: ["namespace = CAST(:namespace AS text)", ...conditions.map(([condition]) => condition)].join(" AND "),
    parameters: Object.fromEntries(conditions.map(([, name, value]) => [name, value]))
  }
}

const limitOf = ({ limit = mostListed }: Query): number => Math.max(1, Math.min(mostListed, Math.floor(limit)))

export const list = (journal: Journal, query: Query): Effect.Effect<ReadonlyArray<StoredTask>, SqlError> => {
  const { parameters, where } = whereOf(query)
  const rows = journal.query<Row>(
    `SELECT ${columns} FROM ${journal.tables.tasks} WHERE ${where} ORDER BY id LIMIT CAST(:limit AS int)`
  )
  return Effect.map(rows({ ...parameters, limit: limitOf(query) }), (found) => found.map(toStoredTask))
}

export const counts = (journal: Journal, query: Query): Effect.Effect<Record<StateName, number>, SqlError> => {
  const { parameters, where } = whereOf(query)
  const rows = journal.query<{ readonly state: number, readonly n: number }>(
    `SELECT state, count(*) AS n FROM ${journal.tables.tasks} WHERE ${where} GROUP BY state`
  )
  return Effect.map(rows(parameters), (found) => {
    const none = Object.fromEntries(stateNames.map((name) => [name, 0])) as Record<StateName, number> // one of each
    for (const { n, state } of found) none[stateNames[state]] = Number(n)
    return none
  })
}

/** Does something to the rows of a query, a page at a time; how many it changed. */
export const forAll = (
  journal: Journal,
  query: Query,
  act: (ids: ReadonlyArray<string>) => Effect.Effect<number, SqlError>
): Effect.Effect<number, SqlError> =>
  Effect.gen(function*() {
    let changed = 0
    let left = query.limit ?? Infinity
    let after = query.after
    while (left > 0) {
      const page = yield* list(journal, {
        ...query,
        limit: Math.min(left, mostListed),
        ...after === undefined ? {} : { after }
      })
      if (page.length === 0) break
      changed += yield* act(page.map(({ id }) => id))
      left -= page.length
      after = page[page.length - 1].id
    }
    return changed
  })

const optional = (value: number | null): Option.Option<number> =>
  value === null ? Option.none() : Option.some(Number(value))

const parsed = (text: string | null): unknown => {
  try {
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return text // for a person to see
  }
}

const toStoredTask = (row: Row): StoredTask => ({
  id: row.id,
  job: row.job,
  version: row.version,
  key: Option.fromNullOr(row.key),
  state: stateNames[row.state],
  priority: Number(row.priority),
  attempt: row.attempt,
  crashes: row.crashes,
  parentId: Option.fromNullOr(row.parent_id),
  node: optional(row.owner),
  payload: parsed(row.payload),
  exit: parsed(row.exit),
  progress: parsed(row.progress),
  createdAt: Number(row.created_at),
  dueAt: Number(row.due_at),
  finishedAt: optional(row.finished_at),
  expiresAt: optional(row.expires_at)
})
