/** What is queued, what sleeps, and a lane for each worker, over time. */
import { useEffect, useMemo, useRef } from "preact/hooks"
import type { TaskRow } from "../../../src/Contract.ts"
import { clockMillis, duration } from "../model/format.ts"
import { type Model, useModel } from "../model/Model.ts"
import {
  keyText,
  runTime,
  sleepTime,
  stateName,
  statusOf,
  statusText,
  statusWord,
  waitingWords,
  waitTime
} from "../model/words.ts"
import { commandOf } from "../ui/keys.ts"
import { jobColor } from "./paints.ts"
import { Surface } from "./Surface.ts"

export const Timeline = () => {
  const model = useModel()
  const surface = useMemo(() => new Surface(model), [model])
  const element = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const filler = useRef<HTMLDivElement>(null)
  useEffect(
    () => surface.start({ surface: element.current!, canvas: canvas.current!, filler: filler.current! }),
    [surface]
  )
  return (
    <div class="timeline">
      <Tools />
      <div
        id="timeline"
        class="surface"
        ref={element}
        tabIndex={0}
        role="group"
        aria-label="Timeline of the workers. Plus and minus zoom, the arrows move, Home goes to now, j and k select. The tree has the same tasks as text."
        onKeyDown={(event) => commandOf(model, event, surface.keys)}
      >
        <canvas ref={canvas} aria-hidden="true" />
        <div ref={filler} />
      </div>
      <Tip surface={surface} />
    </div>
  )
}

const Tools = () => {
  const { time } = useModel()
  return (
    <div class="tools">
      <button
        type="button"
        aria-pressed={time.pinned.value}
        class={time.pinned.value ? "primary" : ""}
        onClick={() => time.pin()}
      >
        {time.pinned.value ? "Pinned to now" : "Go to now"}
      </button>
      <button type="button" aria-label="Zoom out" onClick={() => time.zoom(1.6, 0.5)}>−</button>
      <button type="button" aria-label="Zoom in" onClick={() => time.zoom(1 / 1.6, 0.5)}>+</button>
      <button type="button" onClick={() => time.showAll()}>All</button>
      <span class="dim">{duration(time.length.value)}</span>
      <span class="grow" />
      <Legend />
      <button type="button" onClick={() => time.colorBy.value = time.colorBy.value === "state" ? "job" : "state"}>
        Colour by {time.colorBy.value === "state" ? "job" : "state"}
      </button>
    </div>
  )
}

const states = ["queued", "running", "sleeping", "stopping", "success", "error", "canceled"]
const mostInLegend = 10

const Legend = () => {
  const model = useModel()
  void model.store.version.value
  const jobs = [...model.store.jobs.keys()]
  return (
    <span class="legend">
      {model.time.colorBy.value === "state"
        ? states.map((state) => (
          <span key={state} class={state}>
            <i />
            {statusWord(state)}
          </span>
        ))
        : jobs.slice(0, mostInLegend).map((job) => (
          <span key={job}>
            <i style={{ background: jobColor(model, job) }} />
            <bdi>{job}</bdi>
          </span>
        ))}
      {model.time.colorBy.value === "job" && jobs.length > mostInLegend
        ? <span>+ {jobs.length - mostInLegend} in the same colours</span>
        : null}
    </span>
  )
}

const room = { width: 430, height: 170 }

const Tip = ({ surface }: { readonly surface: Surface }) => {
  const { store } = useModel()
  const over = surface.hover.value
  if (over === undefined) return null
  void store.version.value
  const row = store.tasks.get(over.box.row.id) ?? over.box.row
  const left = Math.min(over.x + 14, innerWidth - room.width)
  const top = over.y + room.height > innerHeight ? over.y - room.height + 20 : over.y + 16
  return (
    <div class="tip" style={{ left: `${Math.max(8, left)}px`, top: `${top}px` }}>
      <p>
        <b>{row.job}</b> <span class={`pill ${statusOf(row)}`}>{statusText(row)}</span> <code>{row.id}</code>
      </p>
      {row.key === "" ? null : (
        <p class="dim">
          <bdi>{keyText(row)}</bdi>
        </p>
      )}
      <p>
        waited {duration(waitTime(row, store.now))}
        {timesOf(store, row)}
      </p>
      <p class="dim">{segmentText(store, row, over.box.segment)}</p>
      {row.error === null ? null : (
        <p class="bad">
          <bdi>{row.error}</bdi>
        </p>
      )}
    </div>
  )
}

type Store = Model["store"]

const timesOf = (store: Store, row: TaskRow): string => {
  const run = runTime(row, store.now)
  if (run === undefined) return ""
  const slept = sleepTime(row, store.now)
  const ran = `, ${row.finishedAt === null ? "has run" : "ran"} ${duration(run)}`
  return slept === 0 ? ran : `${ran}, slept ${duration(slept)}`
}

const segmentText = (store: Store, row: TaskRow, at: number): string => {
  const segment = row.segments[at]
  if (segment === undefined) return ""
  const end = row.segments[at + 1]?.from ?? row.finishedAt
  const length = duration((end ?? store.now) - segment.from)
  const worker = segment.worker === null ? "" : ` on worker ${segment.worker}`
  const why = segment.waitingFor === null ? "" : `, ${waitingWords[segment.waitingFor]}`
  const when = end === null ? `since ${clockMillis(segment.from)}` : `from ${clockMillis(segment.from)}, ${length}`
  return `${stateName(segment.state)} ${when}${worker}${why}`
}
