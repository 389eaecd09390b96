/** The timeline by mouse: the wheel zooms, a drag brushes, a click selects. */
import { signal } from "@preact/signals"
import { select } from "../data/selection.ts"
import type { Brush } from "./draw.ts"
import { boxAt } from "./drawn.ts"
import { type Box, gutter } from "./layout.ts"
import { current, pan, show, zoom } from "./window.ts"

interface Hover {
  readonly box: Box
  readonly x: number
  readonly y: number
}

export const hover = signal<Hover | undefined>(undefined)

/** The pointer on the surface. */
const place = (surface: HTMLElement, event: MouseEvent) => {
  const { left, top } = surface.getBoundingClientRect()
  return { x: event.clientX - left, y: event.clientY - top, width: surface.clientWidth }
}

const onWheel = (surface: HTMLElement) => (event: WheelEvent): void => {
  const { width, x } = place(surface, event)
  if (x < gutter) return
  event.preventDefault()
  const sideways = event.shiftKey ? event.deltaY : event.deltaX
  if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) pan(sideways / width)
  else zoom(Math.exp(event.deltaY * 0.0015), (x - gutter) / (width - gutter))
}

/** Less is a click. */
const leastDrag = 5

export const startPointer = (surface: HTMLElement, brush: (brush: Brush | undefined) => void): () => void => {
  let start: number | undefined
  const abort = new AbortController()
  const { signal } = abort
  surface.addEventListener("wheel", onWheel(surface), { passive: false, signal })
  surface.addEventListener("pointerdown", (event) => {
    const { x } = place(surface, event)
    if (event.button !== 0 || x < gutter || x > surface.clientWidth) return
    start = x
    surface.setPointerCapture(event.pointerId)
  }, { signal })
  surface.addEventListener("pointermove", (event) => {
    const { x, y } = place(surface, event)
    if (start !== undefined && Math.abs(x - start) > leastDrag) {
      hover.value = undefined
      brush({ from: start, to: Math.max(gutter, x) })
      return
    }
    const box = boxAt(x, y)
    hover.value = box === undefined ? undefined : { box, x: event.clientX, y: event.clientY }
    surface.style.cursor = box === undefined ? "crosshair" : "pointer"
  }, { signal })
  surface.addEventListener("pointerup", (event) => {
    if (start === undefined) return
    const { width, x, y } = place(surface, event)
    if (Math.abs(x - start) > leastDrag) zoomTo(start, Math.max(gutter, x), width)
    else {
      const box = boxAt(x, y)
      if (box !== undefined) select(box.row.id)
    }
    start = undefined
    brush(undefined)
  }, { signal })
  surface.addEventListener("pointerleave", () => hover.value = undefined, { signal })
  return () => abort.abort()
}

const zoomTo = (one: number, other: number, width: number): void => {
  const { from, to } = current()
  const at = (x: number) => from + (x - gutter) / (width - gutter) * (to - from)
  show(at(Math.min(one, other)), at(Math.max(one, other)))
}
