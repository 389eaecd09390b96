/** The axis of time, and its ticks behind the bars. */
import { clock, clockMillis } from "../data/format.ts"
import { color } from "../data/theme.ts"
import { axis, gutter } from "./layout.ts"
import type { Scene } from "./scene.ts"

/** Between two ticks, in milliseconds. */
const steps = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  15_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
  1_800_000,
  3_600_000,
  7_200_000,
  21_600_000
]

const ticksOf = ({ width, window: { from, to } }: Scene): { readonly step: number, readonly first: number } => {
  const most = Math.max(2, (width - gutter) / 110)
  const step = steps.find((each) => (to - from) / each <= most) ?? steps.at(-1)!
  return { step, first: Math.ceil(from / step) * step }
}

export const drawTicks = (scene: Scene): void => {
  const { context, height, window: { to } } = scene
  const { first, step } = ticksOf(scene)
  context.fillStyle = color("border")
  context.globalAlpha = 0.6
  for (let at = first; at <= to; at += step) context.fillRect(Math.round(scene.x(at)), axis, 1, height)
  context.globalAlpha = 1
}

export const drawAxis = (scene: Scene): void => {
  const { context, width, window: { to } } = scene
  const { first, step } = ticksOf(scene)
  context.fillStyle = color("panel")
  context.fillRect(0, 0, width, axis)
  context.fillStyle = color("dim")
  context.font = "11px system-ui, sans-serif"
  context.textAlign = "center"
  context.textBaseline = "middle"
  for (let at = first; at <= to; at += step) {
    const x = scene.x(at)
    if (x > gutter + 20 && x < width - 30) context.fillText(step < 1_000 ? clockMillis(at) : clock(at), x, axis / 2)
  }
  context.textAlign = "left"
  context.fillStyle = color("border")
  context.fillRect(0, axis - 1, width, 1)
}
