/** A lane for each worker; above it what is queued, below it what has lent its worker. */
import { useEffect, useRef } from "preact/hooks"
import { duration } from "../data/format.ts"
import { store } from "../data/store.ts"
import { colorBy, jobColor } from "./paint.ts"
import { startPainting } from "./painter.ts"
import { Tip } from "./Tip.tsx"
import { length, pin, pinned, showAll, zoom } from "./window.ts"

export const Timeline = () => {
  const surface = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const filler = useRef<HTMLDivElement>(null)
  useEffect(
    () => startPainting({ surface: surface.current!, canvas: canvas.current!, filler: filler.current! }),
    []
  )
  return (
    <div class="timeline">
      <Tools />
      <div
        id="timeline"
        class="surface"
        ref={surface}
        tabIndex={0}
        role="group"
        aria-label="Timeline of the workers. Plus and minus zoom, the arrows move, Home goes to now, j and k select. The tree has the same tasks as text."
      >
        <canvas ref={canvas} aria-hidden="true" />
        <div ref={filler} />
      </div>
      <Tip />
    </div>
  )
}

const Tools = () => (
  <div class="tools">
    <button type="button" aria-pressed={pinned.value} class={pinned.value ? "primary" : ""} onClick={pin}>
      {pinned.value ? "Pinned to now" : "Go to now"}
    </button>
    <button type="button" aria-label="Zoom out" onClick={() => zoom(1.6, 0.5)}>−</button>
    <button type="button" aria-label="Zoom in" onClick={() => zoom(1 / 1.6, 0.5)}>+</button>
    <button type="button" onClick={showAll}>All</button>
    <span class="dim">{duration(length.value)}</span>
    <span class="grow" />
    <Legend />
    <button type="button" onClick={() => colorBy.value = colorBy.value === "state" ? "job" : "state"}>
      Colour by {colorBy.value === "state" ? "job" : "state"}
    </button>
  </div>
)

const states = ["queued", "running", "sleeping", "stopping", "success", "error", "canceled"]

const Legend = () => (
  <span class="legend">
    {colorBy.value === "state"
      ? states.map((state) => (
        <span key={state} class={state}>
          <i />
          {state === "error" ? "failed" : state}
        </span>
      ))
      : [...store.jobs.keys()].slice(0, 10).map((job) => (
        <span key={job}>
          <i style={{ background: jobColor(job) }} />
          {job}
        </span>
      ))}
  </span>
)
