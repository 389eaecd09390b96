/** Colours and patterns of bars. */
import { signal } from "@preact/signals"
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { stateName } from "../data/node.ts"
import { store } from "../data/store.ts"
import { color, paint } from "../data/theme.ts"

export const colorBy = signal<"state" | "job">("state")

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

export const jobColor = (job: string): string => {
  let at = 0
  for (const name of store.jobs.keys()) {
    if (name === job) return hues[at % hues.length]
    at++
  }
  return hues[0]
}

/** A finished task's run shows how it ended. */
export const barColor = (row: TaskRow, state: Segment["state"]): string => {
  if (colorBy.peek() === "job" && state !== "Stopping") return jobColor(row.job)
  if (state === "Running" && row.state === "Exited") {
    return color(row.exitStatus === "unknown" || row.exitStatus === null ? "canceled" : row.exitStatus)
  }
  return color(state === "Unknown" ? "dim" : stateName(state))
}

/** What can be read on a bar: the colours of jobs are the same on dark and on light. */
export const inkColor = (): string => colorBy.peek() === "job" ? "#0b0f15" : color("on-fill")

let hatches = new Map<string, CanvasPattern>()
let hatchedFor = -1

/** Slanted lines: the time is the task's, the worker is not. */
export const hatch = (context: CanvasRenderingContext2D, stroke: string): CanvasPattern | string => {
  if (hatchedFor !== paint.peek()) {
    hatches = new Map()
    hatchedFor = paint.peek()
  }
  const known = hatches.get(stroke)
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
  hatches.set(stroke, pattern)
  return pattern
}
