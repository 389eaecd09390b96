/** The pools that viewers see. Their counts are read from the runtime when something in them has moved. */
import type { TaskEvent, TaskPool } from "effect-tasks"
import * as Option from "effect/Option"
import type { PoolRow } from "../Rows.ts"
import { kept, leastForEta, rateWindow, text } from "./limits.ts"
import { type Payloads, scrub } from "./payload.ts"
import { bounded } from "./text.ts"

interface Entry {
  row: PoolRow
  /** Until it is done. */
  pool: TaskPool.TaskPool | undefined
  /** How many tasks had ended when, at most once a second, over the window of rates. */
  readonly ends: Array<{ readonly at: number, readonly complete: number }>
}

/** Reads of the runtime that take no time. */
export interface PoolLookup {
  readonly pool: (id: string) => TaskPool.TaskPool | undefined
  readonly poolStatus: (pool: TaskPool.TaskPool) => TaskPool.PoolStatus
  readonly payloads: Payloads
}

export class Pools {
  private readonly entries = new Map<string, Entry>()
  /** How many of the tasks that are kept are in a pool: it stays for as long as there are any. */
  private readonly members = new Map<string, number>()
  private readonly dirty = new Set<string>()
  private readonly changed = new Set<string>()
  /** Done, and without such tasks, oldest first. */
  private readonly empty = new Set<string>()
  private removed: Array<string> = []
  private sweeper: Iterator<string> | undefined
  private readonly lookup: PoolLookup

  constructor(lookup: PoolLookup) {
    this.lookup = lookup
  }

  get rows(): ReadonlyArray<PoolRow> {
    return Array.from(this.entries.values(), ({ row }) => row)
  }

  row(id: string): PoolRow | undefined {
    return this.entries.get(id)?.row
  }

  /** Something in this pool has moved. */
  mark(id: string): void {
    this.dirty.add(id)
  }

  apply(event: Extract<TaskEvent.TaskEvent, { readonly _tag: "PoolOpened" | "PoolSealed" | "PoolDone" }>): void {
    this.mark(event.poolId)
    if (event._tag === "PoolOpened" && !this.entries.has(event.poolId)) {
      const pool = this.lookup.pool(event.poolId)
      this.put(pool, pool === undefined ? openedRow(event) : rowOf(this.lookup, pool, event.at))
    }
    const entry = this.entries.get(event.poolId)
    if (event._tag === "PoolDone" && entry !== undefined) this.end(entry, event.at)
  }

  load(pool: TaskPool.TaskPool, now: number): void {
    const known = this.entries.get(pool.id)
    const row = rowOf(this.lookup, pool, now, known?.row)
    this.put(pool, row)
    if (row.state === "done") this.end(this.entries.get(pool.id)!, row.doneAt ?? now)
  }

  /** A task of this pool is kept. The runtime may have let go of a pool whose tasks it still has. */
  enter(id: string, pool: TaskPool.TaskPool | undefined, now: number): void {
    this.members.set(id, (this.members.get(id) ?? 0) + 1)
    this.empty.delete(id)
    if (pool !== undefined && !this.entries.has(id)) this.load(pool, now)
  }

  /** A task of this pool is kept no longer. */
  leave(id: string): void {
    const left = (this.members.get(id) ?? 0) - 1
    if (left > 0) {
      this.members.set(id, left)
      return
    }
    this.members.delete(id)
    const entry = this.entries.get(id)
    if (entry !== undefined && entry.pool === undefined) this.release(id)
  }

  /** What is open here and unknown to the runtime is done. */
  lose(now: number): void {
    for (const entry of this.entries.values()) {
      if (entry.pool !== undefined && this.lookup.pool(entry.row.id) === undefined) this.end(entry, now)
    }
  }

  /** Reads a few open pools again: a task that several pools hold moves all of them, and tells of one. */
  sweep(count: number): void {
    for (let i = 0; i < count; i++) {
      const next = (this.sweeper ??= this.entries.keys()).next()
      if (next.done === true) {
        this.sweeper = undefined
        return
      }
      if (this.entries.get(next.value)?.pool !== undefined) this.mark(next.value)
    }
  }

  /** The rows that changed, at most so many; the others come next time. */
  flush(now: number, count: number): { readonly pools: Array<PoolRow>, readonly removedPools: ReadonlyArray<string> } {
    this.markAncestors()
    for (const id of this.dirty) {
      const entry = this.entries.get(id)
      if (entry?.pool === undefined) continue
      const row = rowOf(this.lookup, entry.pool, now, entry.row)
      this.put(entry.pool, { ...row, eta: timeLeft(entry.ends, row, now) })
    }
    this.dirty.clear()
    const pools: Array<PoolRow> = []
    for (const id of this.changed) {
      if (pools.length >= count) break
      this.changed.delete(id)
      const row = this.row(id)
      if (row !== undefined) pools.push(row)
    }
    const removedPools = this.removed
    this.removed = []
    return { pools, removedPools }
  }

  private markAncestors(): void {
    for (const id of this.dirty) {
      let parent = this.row(id)?.parentId ?? null
      while (parent !== null && !this.dirty.has(parent)) {
        this.dirty.add(parent)
        parent = this.row(parent)?.parentId ?? null
      }
    }
  }

  private put(pool: TaskPool.TaskPool | undefined, row: PoolRow): void {
    const entry = this.entries.get(row.id)
    if (entry === undefined) this.entries.set(row.id, { row, pool, ends: [] })
    else if (same(entry.row, row)) return
    else entry.row = row
    this.changed.add(row.id)
  }

  private end(entry: Entry, at: number): void {
    const { id, state } = entry.row
    if (entry.pool === undefined && state === "done") return
    const last = entry.pool === undefined
      ? entry.row
      : rowOf(this.lookup, entry.pool, at, entry.row)
    entry.row = { ...last, state: "done", doneAt: entry.row.doneAt ?? at, eta: null }
    entry.pool = undefined
    this.changed.add(id)
    if (!this.members.has(id)) this.release(id)
  }

  private release(id: string): void {
    this.empty.add(id)
    if (this.empty.size <= kept.emptyPools) return
    const oldest = this.empty.values().next().value!
    for (const set of [this.empty, this.entries, this.changed, this.dirty]) set.delete(oldest)
    this.removed.push(oldest)
  }
}

/** By the ends of the last seconds; null while nobody can tell. Rounded, so that it is told again only when it differs. */
const timeLeft = (ends: Entry["ends"], { complete, state, total }: PoolRow, now: number): number | null => {
  const latest = ends.at(-1)
  if (latest === undefined || now - latest.at >= 1_000) ends.push({ at: now, complete })
  while (ends.length > 1 && ends[1].at <= now - rateWindow) ends.shift()
  const watched = now - ends[0].at
  const ended = complete - ends[0].complete
  if (state === "done" || watched < leastForEta.time || ended < leastForEta.ends) return null
  return Math.ceil((total - complete) * watched / ended / 1_000) * 1_000
}

const openedRow = (event: Extract<TaskEvent.TaskEvent, { readonly _tag: "PoolOpened" }>): PoolRow => ({
  id: event.poolId,
  name: bounded(event.name, text.name),
  parentId: event.parentPoolId ?? null,
  createdBy: event.createdBy ?? null,
  state: "open",
  total: 0,
  queued: 0,
  running: 0,
  sleeping: 0,
  complete: 0,
  failed: 0,
  canceled: 0,
  progress: 0,
  openedAt: event.at,
  doneAt: null,
  eta: null
})

export const rowOf = (
  lookup: PoolLookup,
  pool: TaskPool.TaskPool,
  now: number,
  before?: PoolRow | undefined
): PoolRow => {
  const { runTime, ...counts } = lookup.poolStatus(pool)
  const openedAt = before?.openedAt ?? now - runTime
  return {
    id: pool.id,
    name: before?.name ?? nameOf(lookup.payloads, pool),
    parentId: Option.getOrNull(Option.map(pool.parent, ({ id }) => id)),
    createdBy: Option.getOrNull(Option.map(pool.createdBy, ({ id }) => id)),
    ...counts,
    openedAt,
    doneAt: counts.state === "done" ? before?.doneAt ?? openedAt + runTime : null,
    eta: before?.eta ?? null
  }
}

/** Without the secrets of the task that made it. */
const nameOf = (payloads: Payloads, pool: TaskPool.TaskPool): string => {
  const secrets = Option.match(pool.createdBy, { onNone: () => [], onSome: (task) => payloads.secretsOf(task) })
  return bounded(scrub(pool.name, secrets), text.name)
}

const same = (a: PoolRow, b: PoolRow): boolean =>
  (Object.keys(b) as Array<keyof PoolRow>).every((field) => a[field] === b[field])
