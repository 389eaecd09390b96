/** What is drawn on: a canvas, a window of time, and the boxes that were drawn so far. */
import { keyText } from "../data/node.ts"
import { type Box, gutter } from "./layout.ts"
import type { Window } from "./window.ts"

export interface Scene {
  readonly context: CanvasRenderingContext2D
  readonly width: number
  readonly window: Window
  readonly now: number
  readonly x: (at: number) => number
  /** How far it is scrolled down, and how high the canvas is. */
  readonly top: number
  readonly height: number
  readonly boxes: Array<Box>
}

/** Where a stretch of time is, as far as it is on the canvas. */
export const clip = (scene: Scene, from: number, to: number): { readonly x: number, readonly width: number } => {
  const x = Math.max(gutter - 2, scene.x(from))
  return { x, width: Math.min(scene.width + 2, scene.x(to)) - x }
}

/** The job and, where there is room, the key. */
export const label = ({ context }: Scene, { height, row, width, x, y }: Box, ink: string): void => {
  context.font = "600 11px system-ui, sans-serif"
  const length = context.measureText(row.job).width
  if (length > width - 12 && width < 120) return
  context.save()
  context.beginPath()
  context.rect(x + 5, y, width - 9, height)
  context.clip()
  context.fillStyle = ink
  context.textBaseline = "middle"
  context.fillText(row.job, x + 6, y + height / 2 + 0.5)
  const after = x + 12 + length
  if (row.key !== "" && after < x + width - 20) {
    context.font = "11px system-ui, sans-serif"
    context.fillText(keyText(row).slice(0, 80), after, y + height / 2 + 0.5)
  }
  context.restore()
}
