/** The pools that viewers see. Their counts are read from the runtime when something in them has moved. */
import type { TaskEvent, TaskPool } from "effect-tasks"
import * as Option from "effect/Option"
import type { PoolRow } from "../Rows.ts"
import { bounded, nameText } from "./text.ts"

/** How many done pools are kept. */
const mostDone = 5_000

interface Entry {
  row: PoolRow
  /** Until it is done. */
  pool: TaskPool.TaskPool | undefined
}

/** Reads of the runtime that take no time. */
export interface PoolLookup {
  readonly pool: (id: string) => TaskPool.TaskPool | undefined
  readonly poolStatus: (pool: TaskPool.TaskPool) => TaskPool.PoolStatus
}

export class Pools {
  private readonly entries = new Map<string, Entry>()
  private readonly dirty = new Set<string>()
  private readonly changed = new Set<string>()
  private readonly done: Array<string> = []
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
      this.put(pool, pool === undefined ? openedRow(event) : rowOf(pool, this.lookup.poolStatus(pool), event.at))
    }
    const entry = this.entries.get(event.poolId)
    if (event._tag === "PoolDone" && entry !== undefined) this.end(entry, event.at)
  }

  load(pool: TaskPool.TaskPool, now: number): void {
    const known = this.entries.get(pool.id)
    const row = rowOf(pool, this.lookup.poolStatus(pool), now, known?.row)
    this.put(pool, row)
    if (row.state === "done") this.end(this.entries.get(pool.id)!, row.doneAt ?? now)
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
      if (entry?.pool !== undefined) {
        this.put(entry.pool, rowOf(entry.pool, this.lookup.poolStatus(entry.pool), now, entry.row))
      }
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
    if (entry === undefined) this.entries.set(row.id, { row, pool })
    else if (same(entry.row, row)) return
    else entry.row = row
    this.changed.add(row.id)
  }

  private end(entry: Entry, at: number): void {
    const { id, state } = entry.row
    if (entry.pool === undefined && state === "done") return
    const last = entry.pool === undefined
      ? entry.row
      : rowOf(entry.pool, this.lookup.poolStatus(entry.pool), at, entry.row)
    entry.row = { ...last, state: "done", doneAt: entry.row.doneAt ?? at }
    entry.pool = undefined
    this.changed.add(id)
    this.done.push(id)
    if (this.done.length <= mostDone) return
    const oldest = this.done.shift()!
    for (const set of [this.entries, this.changed, this.dirty]) set.delete(oldest)
    this.removed.push(oldest)
  }
}

const openedRow = (event: Extract<TaskEvent.TaskEvent, { readonly _tag: "PoolOpened" }>): PoolRow => ({
  id: event.poolId,
  name: bounded(event.name, nameText),
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
  doneAt: null
})

export const rowOf = (
  pool: TaskPool.TaskPool,
  status: TaskPool.PoolStatus,
  now: number,
  before?: PoolRow | undefined
): PoolRow => {
  const { runTime, ...counts } = status
  const openedAt = before?.openedAt ?? now - runTime
  return {
    id: pool.id,
    name: bounded(pool.name, nameText),
    parentId: Option.getOrNull(Option.map(pool.parent, ({ id }) => id)),
    createdBy: Option.getOrNull(Option.map(pool.createdBy, ({ id }) => id)),
    ...counts,
    openedAt,
    doneAt: counts.state === "done" ? before?.doneAt ?? openedAt + runTime : null
  }
}

const same = (a: PoolRow, b: PoolRow): boolean =>
  (Object.keys(b) as Array<keyof PoolRow>).every((field) => a[field] === b[field])
