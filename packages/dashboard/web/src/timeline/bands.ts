/** What goes into which band: what is queued, what each worker does, what has lent its worker. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { gutter } from "./layout.ts"
import type { Scene } from "./scene.ts"

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
  readonly worked: Map<number, Array<Stretch>>
  readonly lent: Array<Stretch>
}

/** More are not placed one by one. */
export const most = { queued: 2_000, lent: 3_000 }

export const noBands = ({ width }: Scene): Bands => ({
  queueSteps: new Int32Array(Math.max(1, Math.ceil(width - gutter)) + 1),
  queued: [],
  worked: new Map(),
  lent: []
})

/** Puts the stretches of a task into their bands. A hundred thousand tasks leave little: only what can be seen is kept. */
export const sort = (bands: Bands, row: TaskRow, scene: Scene): void => {
  const { from, to } = scene.window
  const { segments } = row
  const end = row.finishedAt ?? scene.now
  let worker: number | null = null
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at]
    const until = at + 1 < segments.length ? segments[at + 1].from : end
    if (segment.worker !== null) ({ worker } = segment)
    else if (segment.state === "Sleeping") worker = null
    if (until < from || segment.from > to) continue
    const stretch = { row, at, segment, to: until }
    if (segment.state === "Queued") addQueued(bands, stretch, scene)
    else if (worker === null) bands.lent.push(stretch)
    else addWorked(bands, stretch, worker, scene)
  }
}

const addQueued = ({ queueSteps, queued }: Bands, stretch: Stretch, { x }: Scene): void => {
  const size = queueSteps.length - 1
  const start = Math.max(0, Math.floor(x(stretch.segment.from) - gutter))
  const stop = Math.min(size, Math.max(start + 1, Math.floor(x(stretch.to) - gutter)))
  if (start >= size || stop <= 0) return
  queueSteps[start]++
  queueSteps[stop]--
  if (queued.length <= most.queued) queued.push(stretch)
}

/** Tasks come in the order of their ends: what falls on the same pixel as the one before is left out, unless it failed. */
const addWorked = ({ worked }: Bands, stretch: Stretch, lane: number, { x }: Scene): void => {
  let lanes = worked.get(lane)
  if (lanes === undefined) worked.set(lane, lanes = [])
  const before = lanes.at(-1)
  const right = x(stretch.to)
  const isNarrow = right - x(stretch.segment.from) < 1
  if (before !== undefined && isNarrow && right - x(before.to) < 1 && stretch.row.exitStatus !== "error") return
  lanes.push(stretch)
}
