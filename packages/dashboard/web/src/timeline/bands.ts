/** What goes into which band: what is queued, what sleeps, what each worker does; and what nobody knows. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { page } from "../../../src/internal/limits.ts"
import type { Matching } from "../model/Matching.ts"
import type { Store } from "../model/Store.ts"
import { gutter } from "./layout.ts"
import type { Window } from "./TimeWindow.ts"

interface Stretch {
  readonly row: TaskRow
  /** Which of its segments. */
  readonly at: number
  readonly segment: Segment
  readonly to: number
}

export interface Bands {
  /** How many more or fewer are queued from one pixel to the next. */
  readonly queueSteps: Int32Array
  /** Those that are queued, unless they are too many to be told apart. */
  readonly queued: Array<Stretch>
  readonly asleep: Array<Stretch>
  readonly worked: Map<number, Array<Stretch>>
  /** Stretches of which nobody knows whether they ran or slept, nor where. */
  unknown: number
}

export interface View {
  readonly window: Window
  readonly width: number
  readonly now: number
  readonly x: (at: number) => number
}

/** The tasks that a window touches, sorted into bands, without asking all of them. */
export const collect = (store: Store, matching: Matching, view: View): Bands => {
  const bands: Bands = {
    queueSteps: new Int32Array(Math.max(1, Math.ceil(view.width - gutter)) + 1),
    queued: [],
    asleep: [],
    worked: new Map(),
    unknown: 0
  }
  const { from, to } = view.window
  const { exited } = store
  for (let i = firstAfter(exited, from - slack); i < exited.length; i++) {
    const row = exited[i]
    if (row.queuedAt < to && (row.finishedAt ?? 0) > from && matching.matches(row.id)) sort(bands, row, view)
  }
  for (const row of store.live.values()) if (row.queuedAt < to && matching.matches(row.id)) sort(bands, row, view)
  return bands
}

/** How far the order of ends may be off. */
const slack = 2_000

/** The first that ended after `at`; they are in the order of their ends, give or take a flush. */
const firstAfter = (rows: ReadonlyArray<TaskRow>, at: number): number => {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle].finishedAt ?? 0) < at) low = middle + 1
    else high = middle
  }
  return low
}

const sort = (bands: Bands, row: TaskRow, view: View): void => {
  const { from, to } = view.window
  const { segments } = row
  const end = row.finishedAt ?? view.now
  let worker: number | null = null
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at]
    const until = at + 1 < segments.length ? segments[at + 1].from : end
    if (segment.worker !== null) ({ worker } = segment)
    else if (segment.state === "Sleeping" || segment.state === "Unknown") worker = null
    if (until < from || segment.from > to) continue
    if (segment.state === "Queued") addQueued(bands, { row, at, segment, to: until }, view)
    else if (segment.state === "Unknown") bands.unknown++
    else if (worker !== null) addWorked(bands, { row, at, segment, to: until }, worker, view)
    else bands.asleep.push({ row, at, segment, to: until })
  }
}

const addQueued = ({ queueSteps, queued }: Bands, stretch: Stretch, { x }: View): void => {
  const size = queueSteps.length - 1
  const start = Math.max(0, Math.floor(x(stretch.segment.from) - gutter))
  const stop = Math.min(size, Math.max(start + 1, Math.floor(x(stretch.to) - gutter)))
  if (start >= size || stop <= 0) return
  queueSteps[start]++
  queueSteps[stop]--
  if (queued.length <= page.queued) queued.push(stretch)
}

/** Tasks come in the order of their ends: what falls on the same pixel as the one before is left out, unless it failed. */
const addWorked = ({ worked }: Bands, stretch: Stretch, lane: number, { x }: View): void => {
  let lanes = worked.get(lane)
  if (lanes === undefined) worked.set(lane, lanes = [])
  const before = lanes.at(-1)
  const right = x(stretch.to)
  const isNarrow = right - x(stretch.segment.from) < 1
  if (before !== undefined && isNarrow && right - x(before.to) < 1 && stretch.row.exitStatus !== "error") return
  lanes.push(stretch)
}
