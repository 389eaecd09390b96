/** Colours and patterns of bars. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import type { Model } from "../model/Model.ts"
import { stateName } from "../model/words.ts"

/** Told apart by hue and by lightness, on dark and on light. */
const hues = [
  "#5b9dff",
  "#41bd88",
  "#e2ad45",
  "#d870c4",
  "#4fc3d6",
  "#ff9360",
  "#a991ff",
  "#9fbf4d",
  "#e2708a",
  "#7c93b8"
]

/** By the order in which jobs were first seen. */
export const jobColor = ({ store }: Model, job: string): string => {
  let at = 0
  for (const name of store.jobs.keys()) {
    if (name === job) return hues[at % hues.length]
    at++
  }
  return hues[0]
}

/** What can be read on a bar: the colours of jobs are the same on dark and on light. */
export const inkOf = ({ theme, time }: Model): string =>
  time.colorBy.peek() === "job" ? "#0b0f15" : theme.color("on-fill")

/** What does not change from bar to bar is worked out once. */
export class Paints {
  private readonly model: Model
  private readonly hatches = new Map<string, CanvasPattern>()
  private readonly widths = new Map<string, number>()
  private readonly jobs = new Map<string, string>()

  constructor(model: Model) {
    this.model = model
  }

  /** A finished task's run shows how it ended. */
  bar(row: TaskRow, state: Segment["state"]): string {
    const { theme, time } = this.model
    if (time.colorBy.peek() === "job" && state !== "Stopping") return this.job(row.job)
    if (state === "Running" && row.state === "Exited") return theme.color(row.exitStatus ?? "unknown")
    return theme.color(stateName(state))
  }

  width(context: CanvasRenderingContext2D, text: string): number {
    const width = this.widths.get(text) ?? context.measureText(text).width
    this.widths.set(text, width)
    return width
  }

  /** Slanted lines. */
  hatch(context: CanvasRenderingContext2D, stroke: string): CanvasPattern | string {
    const known = this.hatches.get(stroke)
    if (known !== undefined) return known
    const tile = document.createElement("canvas")
    tile.width = tile.height = 12
    const pen = tile.getContext("2d")!
    pen.strokeStyle = stroke
    pen.lineWidth = 3
    for (const x of [-12, -6, 0, 6, 12]) {
      pen.moveTo(x, 12)
      pen.lineTo(x + 12, 0)
    }
    pen.stroke()
    const pattern = context.createPattern(tile, "repeat")
    if (pattern === null) return stroke
    pattern.setTransform(new DOMMatrix().scale(0.5))
    this.hatches.set(stroke, pattern)
    return pattern
  }

  private job(name: string): string {
    const known = this.jobs.get(name)
    if (known !== undefined) return known
    const color = jobColor(this.model, name)
    if (this.model.store.jobs.has(name)) this.jobs.set(name, color)
    return color
  }
}
