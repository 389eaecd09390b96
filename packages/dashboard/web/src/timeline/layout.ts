/** Where things are on the timeline, in pixels. */
import type { TaskRow } from "../../../src/Contract.ts"
import { store } from "../data/store.ts"

export const gutter = 104
export const axis = 24
export const queue = { top: axis + 6, height: 46 }
export const lanesTop = queue.top + queue.height + 10
/** Few lanes are higher. */
export const lane = { height: 22, bar: 16 }
export const lent = { row: 19, bar: 15, most: 14, gap: 24 }

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

export const laneCount = (): number => {
  let most = store.pulse?.workers ?? 1
  for (const row of store.live.values()) if (row.worker !== null && row.worker >= most) most = row.worker + 1
  lane.height = most <= 8 ? 32 : most <= 16 ? 26 : 20
  lane.bar = lane.height - 7
  return most
}

export const contentHeight = (): number => lanesTop + laneCount() * lane.height + lent.gap + lent.most * lent.row + 20

/** Rows of bars that do not overlap; each task keeps its row while it is shown. */
export class Packer {
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
      return row
    }
    return undefined
  }
}
