/** When the timeline is drawn: at once when a person moves it, else as often as drawing is cheap. */
import { effect } from "@preact/signals"
import { matchVersion, settleMatching } from "../data/matching.ts"
import { selected } from "../data/place.ts"
import { version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import { paint } from "../data/theme.ts"
import { type Brush, draw } from "./draw.ts"
import { drawn } from "./drawn.ts"
import { contentHeight } from "./layout.ts"
import { colorBy } from "./paint.ts"
import { startPointer } from "./pointer.ts"
import { bringIntoView, end, length, pinned } from "./window.ts"

interface Elements {
  readonly surface: HTMLElement
  readonly canvas: HTMLCanvasElement
  /** Gives the surface something to scroll. */
  readonly filler: HTMLElement
}

/** The least time between two pictures that nobody asked for, in milliseconds: drawing takes a fifth of it at most. */
const pauseAfter = (cost: number): number => Math.max(40, cost * 4)

export const startPainting = ({ canvas, filler, surface }: Elements): () => void => {
  let brush: Brush | undefined
  let isAsked = true
  let isDirty = false
  let drawnAt = 0
  let cost = 0
  const ask = () => {
    isAsked = true
  }
  const paintNow = () => {
    const start = performance.now()
    isAsked = isDirty = false
    canvas.style.height = `${surface.clientHeight}px`
    filler.style.height = `${Math.max(0, contentHeight() - surface.clientHeight)}px`
    drawn.boxes = draw(canvas, surface.scrollTop, brush)
    drawnAt = performance.now()
    cost = drawnAt - start
  }
  let frame = requestAnimationFrame(function next(now) {
    frame = requestAnimationFrame(next)
    const isDue = (isDirty || pinned.peek() && store.isReady) && now - drawnAt > pauseAfter(cost)
    if (isAsked || isDue) paintNow()
  })
  const stops = [
    effect(() => {
      void [version.value, matchVersion.value]
      settleMatching()
      isDirty = true
    }),
    effect(() => {
      void [length.value, end.value, pinned.value, colorBy.value, selected.value, paint.value]
      ask()
    }),
    effect(() => bringIntoView(store.tasks.get(selected.value ?? ""))),
    startPointer(surface, (next) => {
      brush = next
      ask()
    })
  ]
  const observer = new ResizeObserver(ask)
  observer.observe(surface)
  surface.addEventListener("scroll", ask)
  return () => {
    cancelAnimationFrame(frame)
    observer.disconnect()
    for (const stop of stops) stop()
  }
}
