/** What is queued: a bar each while they fit, else how many there were. */
import { color } from "../data/theme.ts"
import { type Bands, most } from "./bands.ts"
import { gutter, Packer, queue } from "./layout.ts"
import { barColor } from "./paint.ts"
import { clip, type Scene } from "./scene.ts"

const rows = 11
const waiters = new Packer(rows)

/** Gives the most at one time. */
export const drawQueued = (scene: Scene, { queueSteps, queued }: Bands): number => {
  const depths = sum(queueSteps)
  const peak = depths.reduce((one, other) => Math.max(one, other), 0)
  if (peak > rows || queued.length > most.queued) drawDepths(scene, depths, peak)
  else drawWaiters(scene, queued)
  return peak
}

const sum = (steps: Int32Array): Int32Array => {
  let depth = 0
  return steps.map((step) => depth += step)
}

const drawDepths = ({ context, top }: Scene, depths: Int32Array, peak: number): void => {
  const bottom = queue.top + queue.height - top
  context.beginPath()
  context.moveTo(gutter, bottom)
  for (let i = 0; i < depths.length - 1; i++) context.lineTo(gutter + i, bottom - depths[i] / peak * queue.height)
  context.lineTo(gutter + depths.length - 1, bottom)
  context.closePath()
  context.globalAlpha = 0.3
  context.fillStyle = color("queued")
  context.fill()
  context.globalAlpha = 1
  context.strokeStyle = color("queued")
  context.lineWidth = 1
  context.stroke()
}

const drawWaiters = (scene: Scene, queued: Bands["queued"]): void => {
  waiters.begin()
  const height = 3
  for (const { at, row, segment, to } of queued.toSorted((one, other) => one.segment.from - other.segment.from)) {
    const place = waiters.place(row.id, segment.from, to)
    if (place === undefined) continue
    const { width, x } = clip(scene, segment.from, to)
    const y = queue.top + place * (height + 1) - scene.top
    scene.context.fillStyle = barColor(row, "Queued")
    scene.context.fillRect(x, y, Math.max(1, width), height)
    scene.boxes.push({ x, y: y - 1, width: Math.max(3, width), height: height + 2, row, segment: at })
  }
}
