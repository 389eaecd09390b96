/** Where things are on the timeline, in pixels. */
import type { TaskRow } from "../../../src/Contract.ts"
import { page } from "../../../src/internal/limits.ts"
import type { Store } from "../model/Store.ts"

export const gutter = 104
export const axis = 24
export const queue = { top: axis + 6, height: 46, rows: 11 }
/** What sleeps stands right below what is queued: below hundreds of lanes nobody would find it. */
export const asleep = { top: queue.top + queue.height + 12, row: 19, bar: 15, most: 14 }

/** A rectangle that stands for a stretch of a task. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly row: TaskRow
  /** Which of its segments. */
  readonly segment: number
}

export interface Lanes {
  readonly top: number
  readonly count: number
  /** Workers that have no lane, because there are too many. */
  readonly left: number
  /** Few lanes are higher. */
  readonly height: number
  readonly bar: number
}

export const lanesOf = ({ live, pulse }: Store, sleepers: number): Lanes => {
  const workers = pulse?.workers ?? 1
  let used = 0
  for (const { worker } of live.values()) if (worker !== null && worker >= used) used = worker + 1
  // a pool without a limit has as many workers as have been needed
  const wanted = workers > page.lanes ? used : Math.max(workers, used)
  const count = Math.max(1, Math.min(page.lanes, wanted))
  const height = count <= 8 ? 32 : count <= 16 ? 26 : 20
  const top = asleep.top + Math.max(1, sleepers) * asleep.row + 14
  return { top, count, left: Math.max(0, wanted - count), height, bar: height - 7 }
}

export const contentHeight = ({ count, height, top }: Lanes): number => top + count * height + 20

/** Rows of bars that do not overlap; each task keeps its row while it is shown. */
export class Packer {
  /** How many rows have been needed. */
  used = 0
  private readonly rows = new Map<string, number>()
  private readonly ends: Array<number> = []
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  begin(): void {
    this.ends.length = 0
    if (this.rows.size > 20_000) this.rows.clear()
  }

  /** The row of a bar, or undefined when all are taken. Bars come in the order of their beginnings. */
  place(id: string, from: number, to: number): number | undefined {
    const known = this.rows.get(id)
    if (known !== undefined && (this.ends[known] ?? 0) <= from) {
      this.ends[known] = to
      return known
    }
    for (let row = 0; row < this.most; row++) {
      if ((this.ends[row] ?? 0) > from) continue
      this.ends[row] = to
      this.rows.set(id, row)
      this.used = Math.max(this.used, row + 1)
      return row
    }
    return undefined
  }
}
