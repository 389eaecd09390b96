/** The stretch of time on the screen: it ends now until a person moves it. */
import { signal } from "@preact/signals"
import type { TaskRow } from "../../../src/Contract.ts"
import { store } from "../data/store.ts"

export const pinned = signal(true)
export const length = signal(30_000)
/** Where it ends, unless pinned. */
export const end = signal(0)
/** Room after "now". */
const ahead = 0.03

const shortest = 20
const longest = 24 * 3_600_000

export interface Window {
  readonly from: number
  readonly to: number
}

export const current = (): Window => {
  const to = pinned.peek() ? store.now + length.peek() * ahead : end.peek()
  return { from: to - length.peek(), to }
}

const clampLength = (millis: number): number => Math.min(longest, Math.max(shortest, millis))

/** Zooms around a place from 0 (left) to 1; a pinned window stays pinned. */
export const zoom = (factor: number, at: number): void => {
  const { from } = current()
  const next = clampLength(length.value * factor)
  if (!pinned.value) end.value = from + length.value * at - next * at + next
  length.value = next
}

/** Moves by a share of the window; at "now" it is pinned again. */
export const pan = (share: number): void => {
  const { to } = current()
  const next = to + length.value * share
  if (share > 0 && next >= store.now) {
    pinned.value = true
    return
  }
  end.value = next
  pinned.value = false
}

export const show = (from: number, to: number): void => {
  length.value = clampLength(to - from)
  end.value = from + length.value
  pinned.value = false
}

/** Moves to a task's run, unless some of it is on the screen. */
export const bringIntoView = (row: TaskRow | undefined): void => {
  if (row === undefined) return
  const { from, to } = current()
  const start = row.startedAt ?? row.queuedAt
  const stop = row.finishedAt ?? store.now
  if (start < to && stop > from) return
  end.value = (start + stop + length.peek()) / 2
  pinned.value = false
}

export const pin = (): void => {
  pinned.value = true
}

/** All that is known, up to now. */
export const showAll = (): void => {
  let first = store.now - 1_000
  for (const row of store.tasks.values()) if (row.queuedAt < first) first = row.queuedAt
  length.value = clampLength((store.now - first) * (1 + ahead) * 1.02)
  pinned.value = true
}
