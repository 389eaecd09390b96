/** The timeline on the screen: when it is drawn, what of it is where, and what pointer and keys do to it. */
import { effect, signal } from "@preact/signals"
import type { Model } from "../model/Model.ts"
import { type Brush, draw, type Packers } from "./draw.ts"
import { asleep, type Box, contentHeight, gutter, lanesOf, Packer, queue } from "./layout.ts"
import { Paints } from "./paints.ts"

interface Elements {
  readonly surface: HTMLElement
  readonly canvas: HTMLCanvasElement
  /** Gives the surface something to scroll. */
  readonly filler: HTMLElement
}

interface Hover {
  readonly box: Box
  readonly x: number
  readonly y: number
}

/** The least time between two pictures that nobody asked for, in milliseconds: drawing takes a fifteenth of it at most. */
const pauseAfter = (cost: number): number =>
  Math.max(matchMedia("(prefers-reduced-motion: reduce)").matches ? 1_000 : 80, cost * 15)

/** Less is a click. */
const leastDrag = 5

export class Surface {
  readonly hover = signal<Hover | undefined>(undefined)
  private readonly model: Model
  private readonly packers: Packers = { waiters: new Packer(queue.rows), sleepers: new Packer(asleep.most) }
  private boxes: ReadonlyArray<Box> = []
  private brush: Brush | undefined
  private isAsked = true
  private isDirty = false
  private drawnAt = 0
  private cost = 0

  constructor(model: Model) {
    this.model = model
  }

  /** Draws until stopped: at once when a person moves it, else as often as drawing is cheap. */
  start(elements: Elements): () => void {
    const { matching, place, store, theme, time } = this.model
    let paints = new Paints(this.model)
    let frame = 0
    const next = (now: number) => {
      frame = requestAnimationFrame(next)
      const isDue = (this.isDirty || (time.pinned.peek() && store.isReady)) &&
        now - this.drawnAt > pauseAfter(this.cost)
      if (this.isAsked || isDue) this.paint(elements, paints)
    }
    frame = requestAnimationFrame(next)
    const ask = () => {
      this.isAsked = true
    }
    const abort = this.listen(elements.surface, ask)
    const stops = [
      effect(() => {
        void [store.version.value, matching.version.value]
        matching.publish()
        this.isDirty = true
      }),
      effect(() => {
        void [theme.version.value, time.colorBy.value]
        paints = new Paints(this.model)
        ask()
      }),
      effect(() => {
        void [time.length.value, time.end.value, time.pinned.value, place.selected.value]
        ask()
      }),
      effect(() => time.bringIntoView(store.tasks.get(place.selected.value ?? "")))
    ]
    const observer = new ResizeObserver(ask)
    observer.observe(elements.surface)
    return () => {
      cancelAnimationFrame(frame)
      observer.disconnect()
      abort.abort()
      for (const stop of stops) stop()
    }
  }

  /** Keys, with the focus on the surface. */
  readonly keys: Readonly<Record<string, () => void>> = {
    "+": () => this.model.time.zoom(1 / 1.5, 0.5),
    "=": () => this.model.time.zoom(1 / 1.5, 0.5),
    "-": () => this.model.time.zoom(1.5, 0.5),
    "0": () => this.model.time.showAll(),
    ArrowLeft: () => this.model.time.pan(-0.2),
    ArrowRight: () => this.model.time.pan(0.2),
    Home: () => this.model.time.pin(),
    End: () => this.model.time.pin(),
    j: () => this.move(1),
    k: () => this.move(-1),
    ArrowDown: () => this.move(1),
    ArrowUp: () => this.move(-1)
  }

  private paint({ canvas, filler, surface }: Elements, paints: Paints): void {
    const start = performance.now()
    this.isAsked = this.isDirty = false
    const { clientHeight } = surface
    const lanes = lanesOf(this.model.store, this.packers.sleepers.used)
    canvas.style.height = `${clientHeight}px`
    filler.style.height = `${Math.max(0, contentHeight(lanes) - clientHeight)}px`
    this.boxes = draw(this.model, canvas, paints, this.packers, surface.scrollTop, this.brush)
    this.drawnAt = performance.now()
    this.cost = this.drawnAt - start
  }

  /** The topmost box at a place, with a pixel to spare. */
  private boxAt(x: number, y: number): Box | undefined {
    return this.boxes.findLast((box) =>
      x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y && y <= box.y + box.height
    )
  }

  /** Selects the task beside in the order in which they were drawn: what is queued, what sleeps, then lane by lane. */
  private move(step: 1 | -1): void {
    const { place, tree } = this.model
    const id = place.selected.peek()
    const ids = [...new Set(this.boxes.map(({ row }) => row.id))]
    const at = id === undefined ? -1 : ids.indexOf(id)
    const next = at === -1 ? ids.at(step === 1 ? 0 : -1) : ids[at + step]
    if (next !== undefined) tree.select(next)
  }

  /** The wheel zooms, a drag brushes (a finger's moves), a click selects. */
  private listen(surface: HTMLElement, ask: () => void): AbortController {
    const { time, tree } = this.model
    const abort = new AbortController()
    const { signal } = abort
    let start: { readonly x: number, last: number } | undefined
    const place = (event: MouseEvent) => {
      const { left, top } = surface.getBoundingClientRect()
      return { x: event.clientX - left, y: event.clientY - top, width: surface.clientWidth }
    }
    surface.addEventListener("scroll", ask, { signal })
    surface.addEventListener("wheel", (event) => {
      const { width, x } = place(event)
      if (x < gutter) return
      event.preventDefault()
      const sideways = event.shiftKey ? event.deltaY : event.deltaX
      if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) time.pan(sideways / width)
      else time.zoom(Math.exp(event.deltaY * 0.0015), (x - gutter) / (width - gutter))
    }, { passive: false, signal })
    surface.addEventListener("pointerdown", (event) => {
      const { x } = place(event)
      if (event.button !== 0 || x < gutter || x > surface.clientWidth) return
      start = { x, last: x }
      surface.setPointerCapture(event.pointerId)
    }, { signal })
    surface.addEventListener("pointermove", (event) => {
      const { width, x, y } = place(event)
      if (start !== undefined && Math.abs(x - start.x) > leastDrag) {
        this.hover.value = undefined
        if (event.pointerType === "touch") time.pan((start.last - x) / (width - gutter))
        else this.setBrush({ from: start.x, to: Math.max(gutter, x) }, ask)
        start.last = x
        return
      }
      const box = this.boxAt(x, y)
      this.hover.value = box === undefined ? undefined : { box, x: event.clientX, y: event.clientY }
      surface.style.cursor = box === undefined ? "crosshair" : "pointer"
    }, { signal })
    surface.addEventListener("pointerup", (event) => {
      if (start === undefined) return
      const { width, x, y } = place(event)
      const isDrag = Math.abs(x - start.x) > leastDrag
      if (isDrag && event.pointerType !== "touch") this.zoomTo(start.x, Math.max(gutter, x), width)
      const box = this.boxAt(x, y)
      if (!isDrag && box !== undefined) tree.select(box.row.id)
      start = undefined
      this.setBrush(undefined, ask)
    }, { signal })
    const leave = () => {
      start = undefined
      this.hover.value = undefined
    }
    surface.addEventListener("pointercancel", leave, { signal })
    surface.addEventListener("pointerleave", () => this.hover.value = undefined, { signal })
    return abort
  }

  private setBrush(brush: Brush | undefined, ask: () => void): void {
    this.brush = brush
    ask()
  }

  private zoomTo(one: number, other: number, width: number): void {
    const { from, to } = this.model.time.current
    const at = (x: number) => from + (x - gutter) / (width - gutter) * (to - from)
    this.model.time.show(at(Math.min(one, other)), at(Math.max(one, other)))
  }
}
