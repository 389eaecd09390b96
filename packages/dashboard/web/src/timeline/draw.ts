/** Draws the timeline, once a frame at most. */
import { count, duration } from "../data/format.ts"
import { store } from "../data/store.ts"
import { color } from "../data/theme.ts"
import { noBands, sort } from "./bands.ts"
import { tasksIn } from "./collect.ts"
import { drawAxis, drawTicks } from "./drawAxis.ts"
import { drawLent } from "./drawLent.ts"
import { drawQueued } from "./drawQueued.ts"
import { drawSelected } from "./drawSelected.ts"
import { drawWorked } from "./drawWorked.ts"
import { axis, type Box, gutter, lane, laneCount, lanesTop, lent, queue } from "./layout.ts"
import type { Scene } from "./scene.ts"
import { current } from "./window.ts"

export interface Brush {
  readonly from: number
  readonly to: number
}

export const draw = (canvas: HTMLCanvasElement, top: number, brush: Brush | undefined): ReadonlyArray<Box> => {
  const context = canvas.getContext("2d")
  if (context === null) return []
  const { height, width } = resize(canvas, context)
  const window = current()
  const scale = (width - gutter) / (window.to - window.from)
  const x = (at: number) => gutter + (at - window.from) * scale
  const scene: Scene = { context, width, height, window, now: store.now, x, top, boxes: [] }
  context.fillStyle = color("panel")
  context.fillRect(0, 0, width, height)
  const lanes = laneCount()
  const lentTop = lanesTop + lanes * lane.height + lent.gap
  drawRails(scene, lanes, lentTop)
  drawTicks(scene)
  const bands = noBands(scene)
  tasksIn(window, (row) => sort(bands, row, scene))
  const peak = drawQueued(scene, bands)
  drawWorked(scene, bands.worked)
  const left = drawLent(scene, bands.lent, lentTop)
  drawSelected(scene)
  drawNow(scene)
  drawGutter(scene, lanes, lentTop, peak, left)
  drawAxis(scene)
  if (brush !== undefined) drawBrush(scene, brush)
  return scene.boxes
}

const resize = (canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) => {
  const { clientHeight: height, clientWidth: width } = canvas
  const ratio = devicePixelRatio
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w
    canvas.height = h
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  return { height, width }
}

const drawRails = ({ context, height, top, width }: Scene, lanes: number, lentTop: number): void => {
  context.fillStyle = color("raised")
  for (let i = 0; i < lanes; i++) {
    const y = lanesTop + i * lane.height - top
    if (y > height || y < -lane.height) continue
    context.fillRect(gutter, y + (lane.height - lane.bar) / 2, width, lane.bar)
  }
  context.fillStyle = color("border")
  context.fillRect(0, queue.top + queue.height + 4 - top, width, 1)
  context.fillRect(0, lentTop - 12 - top, width, 1)
}

const drawNow = ({ context, height, now, width, x }: Scene): void => {
  const at = x(now)
  if (at > width || at < gutter) return
  context.fillStyle = color("accent")
  context.fillRect(at, axis - 4, 1.5, height)
}

const drawGutter = (scene: Scene, lanes: number, lentTop: number, peak: number, left: number): void => {
  const { context, height, top } = scene
  context.fillStyle = color("panel")
  context.fillRect(0, axis, gutter - 4, height)
  context.font = "11.5px system-ui, sans-serif"
  context.textBaseline = "middle"
  const write = (text: string, y: number, dim = true) => {
    context.fillStyle = color(dim ? "dim" : "text")
    if (y > axis) context.fillText(text, 14, y - top)
  }
  write("Queued", queue.top + 10, false)
  if (peak > 0) write(`most ${count(peak)}`, queue.top + 26)
  for (let i = 0; i < lanes; i++) {
    const y = lanesTop + (i + 0.5) * lane.height
    if (y - top < height && y - top > axis) write(`Worker ${i}`, y)
  }
  write("Lent", lentTop + 6, false)
  write("asleep, holds", lentTop + 22)
  write("no worker", lentTop + 36)
  if (left > 0) write(`+ ${count(left)} more`, lentTop + 54)
}

/** What is brushed, and how long that is. */
const drawBrush = ({ context, height, width, window }: Scene, { from, to }: Brush): void => {
  const left = Math.min(from, to)
  const size = Math.abs(to - from)
  context.globalAlpha = 0.18
  context.fillStyle = color("accent")
  context.fillRect(left, axis, size, height)
  context.globalAlpha = 1
  context.font = "600 11px system-ui, sans-serif"
  context.textBaseline = "middle"
  context.fillText(duration(size / (width - gutter) * (window.to - window.from)), left + 6, axis + 10)
}
