/** The stretch of time on the screen: it ends now until a person moves it. */
import { signal } from "@preact/signals"
import type { TaskRow } from "../../../src/Contract.ts"
import type { Store } from "../model/Store.ts"

/** Room after "now". */
const ahead = 0.03
const shortest = 20
const longest = 24 * 3_600_000

export interface Window {
  readonly from: number
  readonly to: number
}

export class TimeWindow {
  readonly pinned = signal(true)
  readonly length = signal(30_000)
  /** Where it ends, unless pinned. */
  readonly end = signal(0)
  readonly colorBy = signal<"state" | "job">("state")
  private readonly store: Store

  constructor(store: Store) {
    this.store = store
  }

  get current(): Window {
    const length = this.length.peek()
    const to = this.pinned.peek() ? this.store.now + length * ahead : this.end.peek()
    return { from: to - length, to }
  }

  /** Zooms around a place from 0 (left) to 1; a pinned window stays pinned. */
  zoom(factor: number, at: number): void {
    const { from } = this.current
    const before = this.length.value
    const next = clamp(before * factor)
    if (!this.pinned.value) this.end.value = from + before * at - next * at + next
    this.length.value = next
  }

  /** Moves by a share of the window; at "now" it is pinned again. */
  pan(share: number): void {
    const next = this.current.to + this.length.value * share
    this.pinned.value = share > 0 && next >= this.store.now
    if (!this.pinned.value) this.end.value = next
  }

  show(from: number, to: number): void {
    this.length.value = clamp(to - from)
    this.end.value = from + this.length.value
    this.pinned.value = false
  }

  /** Moves to a task's run, unless some of it is on the screen. */
  bringIntoView(row: TaskRow | undefined): void {
    if (row === undefined) return
    const { from, to } = this.current
    const start = row.startedAt ?? row.queuedAt
    const stop = row.finishedAt ?? this.store.now
    if (start < to && stop > from) return
    this.end.value = (start + stop + this.length.peek()) / 2
    this.pinned.value = false
  }

  pin(): void {
    this.pinned.value = true
  }

  /** All that is known, up to now. */
  showAll(): void {
    let first = this.store.now - 1_000
    for (const row of this.store.tasks.values()) if (row.queuedAt < first) first = row.queuedAt
    this.length.value = clamp((this.store.now - first) * (1 + ahead) * 1.02)
    this.pinned.value = true
  }
}

const clamp = (millis: number): number => Math.min(longest, Math.max(shortest, millis))
