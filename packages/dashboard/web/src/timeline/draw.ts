/** Draws the timeline. */
import type { Segment } from "../../../src/Contract.ts"
import { page } from "../../../src/internal/limits.ts"
import { clock, clockMillis, count, duration } from "../model/format.ts"
import type { Model } from "../model/Model.ts"
import { keyText } from "../model/words.ts"
import { type Bands, collect, type View } from "./bands.ts"
import { asleep, axis, type Box, gutter, type Lanes, lanesOf, type Packer, queue } from "./layout.ts"
import { inkOf, Paints } from "./paints.ts"

export interface Brush {
  readonly from: number
  readonly to: number
}

interface Scene extends View {
  readonly model: Model
  readonly context: CanvasRenderingContext2D
  readonly paints: Paints
  /** How far it is scrolled down, and how high the canvas is. */
  readonly top: number
  readonly height: number
  readonly boxes: Array<Box>
}

export interface Packers {
  readonly waiters: Packer
  readonly sleepers: Packer
}

export const draw = (
  model: Model,
  canvas: HTMLCanvasElement,
  paints: Paints,
  packers: Packers,
  top: number,
  brush: Brush | undefined
): ReadonlyArray<Box> => {
  const context = canvas.getContext("2d")
  if (context === null) return []
  const { height, width } = resize(canvas, context)
  const { store, theme, time } = model
  const window = time.current
  const scale = (width - gutter) / (window.to - window.from)
  const x = (at: number) => gutter + (at - window.from) * scale
  const scene: Scene = { model, context, paints, width, height, window, now: store.now, x, top, boxes: [] }
  const lanes = lanesOf(store, packers.sleepers.used)
  context.fillStyle = theme.color("panel")
  context.fillRect(0, 0, width, height)
  const bands = collect(store, model.matching, scene)
  drawRails(scene, lanes)
  const notes = drawUnwatched(scene, bands.unknown)
  drawTicks(scene)
  const peak = drawQueued(scene, bands, packers.waiters)
  const left = drawAsleep(scene, bands, packers.sleepers)
  drawWorked(scene, bands, lanes)
  for (const note of notes) note()
  drawSelected(scene)
  drawNow(scene)
  drawGutter(scene, lanes, peak, left)
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

const font = (weight = "") => `${weight} 11px system-ui, sans-serif`.trim()

/** Where a stretch of time is, as far as it is on the canvas. */
const clip = (scene: Scene, from: number, to: number): { readonly x: number, readonly width: number } => {
  const x = Math.max(gutter - 2, scene.x(from))
  return { x, width: Math.min(scene.width + 2, scene.x(to)) - x }
}

const drawRails = ({ context, height, model: { theme }, top, width }: Scene, lanes: Lanes): void => {
  context.fillStyle = theme.color("raised")
  for (let i = 0; i < lanes.count; i++) {
    const y = lanes.top + i * lanes.height - top
    if (y > height || y < -lanes.height) continue
    context.fillRect(gutter, y + (lanes.height - lanes.bar) / 2, width, lanes.bar)
  }
  context.fillStyle = theme.color("border")
  for (const y of [asleep.top - 7, lanes.top - 7]) context.fillRect(0, y - top, width, 1)
}

/** A blank lane would say that a worker was idle. Gives what is to be written on top of the bars. */
const drawUnwatched = (scene: Scene, unknown: number): ReadonlyArray<() => void> => {
  const notes: Array<() => void> = []
  const { context, height, model: { store, theme }, paints, window } = scene
  const blind = [{ from: -Infinity, to: store.watchedSince }, ...store.gaps]
  for (const { from, to } of blind) {
    if (to <= window.from || from >= window.to) continue
    const { width, x } = clip(scene, Math.max(from, window.from), to)
    if (width <= 0) continue
    context.globalAlpha = 0.13
    context.fillStyle = paints.hatch(context, theme.color("dim"))
    context.fillRect(x, axis, width, height)
    context.globalAlpha = 1
    if (width >= 90) notes.push(() => writeUnwatched(scene, x + width - 6, width, unknown))
  }
  return notes
}

const writeUnwatched = (
  { context, model: { theme } }: Scene,
  right: number,
  width: number,
  unknown: number
): void => {
  const text = unknown === 0 ? "not watched" : `not watched: where ${count(unknown)} more ran and slept is not known`
  context.font = font()
  context.textBaseline = "middle"
  const length = Math.min(width - 12, context.measureText(text).width + 10)
  context.fillStyle = theme.color("panel")
  context.fillRect(right - length, axis + 5, length, 16)
  context.fillStyle = theme.color("text")
  context.fillText(text, right - length + 5, axis + 13, length - 10)
}

/** Gives the most that were queued at one time. */
const drawQueued = (scene: Scene, { queued, queueSteps }: Bands, waiters: Packer): number => {
  let depth = 0
  const depths = queueSteps.map((step) => depth += step)
  const peak = depths.reduce((one, other) => Math.max(one, other), 0)
  if (peak > queue.rows || queued.length > page.queued) {
    drawDepths(scene, depths, peak)
    return peak
  }
  const height = 3
  waiters.begin()
  for (const { at, row, segment, to } of queued.toSorted((one, other) => one.segment.from - other.segment.from)) {
    const place = waiters.place(row.id, segment.from, to)
    if (place === undefined) continue
    const { width, x } = clip(scene, segment.from, to)
    const y = queue.top + place * (height + 1) - scene.top
    scene.context.fillStyle = scene.paints.bar(row, "Queued")
    scene.context.fillRect(x, y, Math.max(1, width), height)
    scene.boxes.push({ x, y: y - 1, width: Math.max(3, width), height: height + 2, row, segment: at })
  }
  return peak
}

const drawDepths = ({ context, model: { theme }, top }: Scene, depths: Int32Array, peak: number): void => {
  const bottom = queue.top + queue.height - top
  context.beginPath()
  context.moveTo(gutter, bottom)
  for (let i = 0; i < depths.length - 1; i++) context.lineTo(gutter + i, bottom - depths[i] / peak * queue.height)
  context.lineTo(gutter + depths.length - 1, bottom)
  context.closePath()
  context.globalAlpha = 0.3
  context.fillStyle = theme.color("queued")
  context.fill()
  context.globalAlpha = 1
  context.strokeStyle = theme.color("queued")
  context.lineWidth = 1
  context.stroke()
}

/** Gives how many bars found no row. */
const drawAsleep = (scene: Scene, { asleep: stretches }: Bands, sleepers: Packer): number => {
  let left = Math.max(0, stretches.length - page.asleep)
  sleepers.begin()
  const byStart = stretches.slice(0, page.asleep).toSorted((one, other) => one.segment.from - other.segment.from)
  for (const { at, row, segment, to } of byStart) {
    const place = sleepers.place(row.id, segment.from, to)
    if (place === undefined) {
      left++
      continue
    }
    const { width, x } = clip(scene, segment.from, to)
    const y = asleep.top + place * asleep.row - scene.top
    const box = { x, y, width: Math.max(1.5, width - 1), height: asleep.bar, row, segment: at }
    drawSleeper(scene, box, scene.paints.bar(row, segment.state), segment.state)
    scene.boxes.push(box)
  }
  return left
}

/** Slanted lines: the time is the task's, no worker is. */
const drawSleeper = (scene: Scene, box: Box, fill: string, state: Segment["state"]): void => {
  const { context, model: { theme }, paints } = scene
  const { height, width, x, y } = box
  context.fillStyle = fill
  context.globalAlpha = 0.22
  context.fillRect(x, y, width, height)
  if (state === "Sleeping") {
    context.globalAlpha = 0.4
    context.fillStyle = paints.hatch(context, fill)
    context.fillRect(x, y, width, height)
    context.globalAlpha = 1
    context.fillStyle = fill
    context.fillRect(x, y, Math.min(2, width), height)
  }
  context.globalAlpha = 1
  if (width > 60) label(scene, box, theme.color("text"))
}

const drawWorked = (scene: Scene, { worked }: Bands, lanes: Lanes): void => {
  const { context, paints } = scene
  const ink = inkOf(scene.model)
  for (const [worker, stretches] of worked) {
    const y = lanes.top + worker * lanes.height + (lanes.height - lanes.bar) / 2 - scene.top
    if (worker >= lanes.count || y < -lanes.height || y > scene.height) continue
    for (const { at, row, segment, to } of stretches) {
      const { width, x } = clip(scene, segment.from, to)
      const box = { x, y, width: Math.max(1, width > 3 ? width - 1 : width), height: lanes.bar, row, segment: at }
      context.fillStyle = paints.bar(row, segment.state)
      context.fillRect(x, y, box.width, lanes.bar)
      scene.boxes.push(box)
      if (width > 60) label(scene, box, ink)
    }
  }
}

/** The job and, where there is room, the key. */
const label = ({ context, paints }: Scene, { height, row, width, x, y }: Box, ink: string): void => {
  context.font = font("600")
  const length = paints.width(context, row.job)
  if (length > width - 12 && width < 120) return
  const middle = y + height / 2 + 0.5
  context.fillStyle = ink
  context.textBaseline = "middle"
  context.fillText(fitting(row.job, width - 12), x + 6, middle)
  const after = x + 12 + length
  if (row.key === "" || after > x + width - 20) return
  context.font = font()
  context.fillText(fitting(keyText(row), x + width - 4 - after), after, middle)
}

/** As much of a text as has room, by the width of a letter: to measure each or to clip would take most of the time. */
const fitting = (text: string, width: number): string => {
  const most = Math.floor(width / 6)
  return text.length <= most ? text : most < 2 ? "" : `${text.slice(0, most - 1)}…`
}

/** The selected task: outlined, with a line from where it was queued to where it began. Its children are underlined. */
const drawSelected = (scene: Scene): void => {
  const { boxes, context, model: { place, theme } } = scene
  const id = place.selected.peek()
  if (id === undefined) return
  context.fillStyle = theme.color("text")
  for (const { height, row, width, x, y } of boxes) {
    if (row.parentTaskId === id) context.fillRect(x, y + height - 2, width, 2)
  }
  const own = boxes.filter(({ row }) => row.id === id)
  context.strokeStyle = theme.color("text")
  context.lineWidth = 2
  for (const { height, width, x, y } of own) if (y > axis - 10) context.strokeRect(x, y - 1, width, height + 2)
  const first = own.find(({ row, segment }) => row.segments[segment].state === "Running")
  if (first === undefined || first.row.startedAt === null) return
  const { width, x } = clip(scene, first.row.queuedAt, first.row.startedAt)
  if (width < 0) return
  const y = queue.top + queue.height + 1 - scene.top
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x + width, y)
  context.lineTo(x + width, first.y)
  context.lineWidth = 1.5
  context.stroke()
}

const drawNow = ({ context, height, model: { theme }, now, width, x }: Scene): void => {
  const at = x(now)
  if (at > width || at < gutter) return
  context.fillStyle = theme.color("accent")
  context.fillRect(at, axis - 4, 1.5, height)
}

const drawGutter = ({ context, height, model: { theme }, top }: Scene, lanes: Lanes, peak: number, left: number) => {
  context.fillStyle = theme.color("panel")
  context.fillRect(0, axis, gutter - 4, height)
  context.font = "11.5px system-ui, sans-serif"
  context.textBaseline = "middle"
  const write = (text: string, y: number, dim = true) => {
    if (y - top < axis || y - top > height) return
    context.fillStyle = theme.color(dim ? "dim" : "text")
    context.fillText(text, 14, y - top)
  }
  write("Queued", queue.top + 10, false)
  if (peak > 0) write(`most ${count(peak)}`, queue.top + 26)
  write("Asleep", asleep.top + 7, false)
  if (left > 0) write(`+ ${count(left)} more`, asleep.top + 23)
  for (let i = 0; i < lanes.count; i++) write(`Worker ${i}`, lanes.top + (i + 0.5) * lanes.height)
  if (lanes.left > 0) write(`+ ${count(lanes.left)} workers`, lanes.top + lanes.count * lanes.height + 8)
}

/** What is brushed, and how long that is. */
const drawBrush = ({ context, height, model: { theme }, width, window }: Scene, { from, to }: Brush): void => {
  const left = Math.min(from, to)
  const size = Math.abs(to - from)
  context.globalAlpha = 0.18
  context.fillStyle = theme.color("accent")
  context.fillRect(left, axis, size, height)
  context.globalAlpha = 1
  context.font = font("600")
  context.textBaseline = "middle"
  context.fillText(duration(size / (width - gutter) * (window.to - window.from)), left + 6, axis + 10)
}

/** Between two ticks, in milliseconds. */
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600].map((seconds) => seconds * 1_000)
)

const ticksOf = ({ width, window: { from, to } }: Scene): { readonly step: number, readonly first: number } => {
  const most = Math.max(2, (width - gutter) / 110)
  const step = steps.find((each) => (to - from) / each <= most) ?? steps.at(-1)!
  return { step, first: Math.ceil(from / step) * step }
}

const drawTicks = (scene: Scene): void => {
  const { context, height, model: { theme }, window: { to } } = scene
  const { first, step } = ticksOf(scene)
  context.fillStyle = theme.color("border")
  context.globalAlpha = 0.6
  for (let at = first; at <= to; at += step) context.fillRect(Math.round(scene.x(at)), axis, 1, height)
  context.globalAlpha = 1
}

const drawAxis = (scene: Scene): void => {
  const { context, model: { theme }, width, window: { to } } = scene
  const { first, step } = ticksOf(scene)
  context.fillStyle = theme.color("panel")
  context.fillRect(0, 0, width, axis)
  context.fillStyle = theme.color("dim")
  context.font = font()
  context.textAlign = "center"
  context.textBaseline = "middle"
  for (let at = first; at <= to; at += step) {
    const x = scene.x(at)
    if (x > gutter + 20 && x < width - 30) context.fillText(step < 1_000 ? clockMillis(at) : clock(at), x, axis / 2)
  }
  context.textAlign = "left"
  context.fillStyle = theme.color("border")
  context.fillRect(0, axis - 1, width, 1)
}
