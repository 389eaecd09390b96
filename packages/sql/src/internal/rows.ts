/** Rows as statements take and give them. */
import type { ColumnType } from "./dialect.ts"

/** Times are milliseconds; null for none. */
export interface NewRow {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly key: string | null
  readonly uniq: 0 | 1
  state: number
  readonly priority: number
  readonly depth: number
  readonly delay: number
  owner: number | null
  claim: number
  readonly max_crashes: number
  readonly parent_id: string | null
  /** The task that it stands behind, while it is blocked. */
  readonly behind: string | null
  readonly owned: 0 | 1
  readonly timeout: number | null
  readonly queue_timeout: number | null
  readonly keep_success: number | null
  readonly keep_error: number | null
  readonly payload: string
}

export const newRow: Record<keyof NewRow, ColumnType> = {
  id: "text",
  job: "text",
  version: "bigint",
  key: "text",
  uniq: "bigint",
  state: "bigint",
  priority: "double precision",
  depth: "bigint",
  delay: "bigint",
  owner: "bigint",
  claim: "bigint",
  max_crashes: "bigint",
  parent_id: "text",
  behind: "text",
  owned: "bigint",
  timeout: "bigint",
  queue_timeout: "bigint",
  keep_success: "bigint",
  keep_error: "bigint",
  payload: "text"
}

export interface ClaimedRow {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly key: string | null
  readonly priority: number
  readonly depth: number
  readonly due_at: number
  readonly claim: number
  readonly attempt: number
  readonly restarts: number
  readonly crashes: number
  readonly parent_id: string | null
  readonly origin: number
  readonly timeout: number | null
  /** What is left of it. */
  readonly queue_timeout: number | null
  readonly payload: string
  readonly has_mail: boolean
}

/** How a claimed row goes on: an outcome, or back to the queue. */
export interface Outcome {
  readonly id: string
  readonly claim: number
  readonly state: number
  readonly exit: string | null
  readonly attempt: number
  readonly restarts: number
  /** How long a success is kept for its key; below 0 for ever. */
  readonly keep: number | null
  readonly progress: string | null
}

/** What has become of an outcome: `exit` where it is canceled; whether rows stand behind it. */
export interface RecordedRow {
  readonly id: string
  readonly state: number
  readonly origin: number
  readonly frees: boolean | number
  readonly exit: string | null
}

/** What changes about a claimed row while it runs; null for what does not. */
export interface Note {
  readonly id: string
  readonly claim: number
  readonly attempt: number | null
  readonly restarts: number | null
  readonly delay: number | null
  readonly progress: string | null
}

/** What somebody who waits for a task looks at. */
export interface Seen {
  readonly id: string
  readonly job: string
  readonly key: string | null
  readonly uniq: number
  readonly kept: number
  /** Whether it is kept for its key longer than it should be. */
  readonly is_stale: boolean
  readonly state: number
  readonly owner: number | null
  readonly claim: number
  readonly attempt: number
  readonly restarts: number
  readonly crashes: number
  readonly queue_timeout: number | null
  readonly exit: string | null
  readonly cancel: string | null
  readonly progress: string | null
}

/** Everything that makes a task of it. */
export interface FullRow extends Seen {
  readonly priority: number
  readonly parent_id: string | null
  readonly version: number
  readonly payload: string
}

const orNull = (value: unknown): number | null => value === null ? null : Number(value)

/** A driver may give whole numbers as bigint, and SQLite has no booleans. */
export const toClaimed = (row: ClaimedRow): ClaimedRow => ({
  ...row,
  priority: Number(row.priority),
  depth: Number(row.depth),
  due_at: Number(row.due_at),
  origin: Number(row.origin),
  timeout: orNull(row.timeout),
  queue_timeout: orNull(row.queue_timeout),
  has_mail: Boolean(row.has_mail)
})

export const toSeen = (row: Seen): Seen => ({
  ...row,
  owner: orNull(row.owner),
  queue_timeout: orNull(row.queue_timeout),
  is_stale: Boolean(row.is_stale)
})

/** What UPDATE … RETURNING gives has no order. */
export const inOrder = (a: ClaimedRow, b: ClaimedRow): number =>
  b.priority - a.priority || b.depth - a.depth || a.due_at - b.due_at || (a.id < b.id ? -1 : 1)
