/** What sleeps has lent its worker: it stands below the lanes, and in none of them. */
import type { Segment } from "../../../src/Contract.ts"
import { color } from "../data/theme.ts"
import { type Bands, most } from "./bands.ts"
import { type Box, lent, Packer } from "./layout.ts"
import { barColor, hatch } from "./paint.ts"
import { clip, label, type Scene } from "./scene.ts"

const sleepers = new Packer(lent.most)
/** Gives how many bars found no row. */
export const drawLent = (scene: Scene, stretches: Bands["lent"], top: number): number => {
  let left = Math.max(0, stretches.length - most.lent)
  sleepers.begin()
  const byStart = stretches.slice(0, most.lent).toSorted((one, other) => one.segment.from - other.segment.from)
  for (const { at, row, segment, to } of byStart) {
    const place = sleepers.place(row.id, segment.from, to)
    if (place === undefined) {
      left++
      continue
    }
    const { width, x } = clip(scene, segment.from, to)
    const box = {
      x,
      y: top + place * lent.row - scene.top,
      width: Math.max(1.5, width - 1),
      height: lent.bar,
      row,
      segment: at
    }
    drawSleeper(scene, box, barColor(row, segment.state), segment.state)
    scene.boxes.push(box)
  }
  return left
}

/** Slanted lines for time without a worker; what ran before anybody watched, nobody knows where, is faint. */
const drawSleeper = (scene: Scene, box: Box, fill: string, state: Segment["state"]): void => {
  const { context } = scene
  const { height, width, x, y } = box
  context.fillStyle = fill
  context.globalAlpha = 0.22
  context.fillRect(x, y, width, height)
  if (state === "Sleeping") {
    context.globalAlpha = 0.4
    context.fillStyle = hatch(context, fill)
    context.fillRect(x, y, width, height)
    context.globalAlpha = 1
    context.fillStyle = fill
    context.fillRect(x, y, Math.min(2, width), height)
  }
  context.globalAlpha = 1
  if (width > 60) label(scene, box, color("text"))
}
