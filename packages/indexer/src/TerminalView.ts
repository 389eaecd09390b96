/**
 * Shows a run while it happens: a bar, counts for each job, what is running now, and failures as they come.
 *
 * It knows nothing of tasks: it is given a plain `ViewState` several times a second. On a terminal it redraws a few lines
 * in place, with failures scrolling by above them; anywhere else it writes a plain line every few seconds.
 */
import cliTruncate from "cli-truncate"
import { Effect, Schedule } from "effect"
import { createLogUpdate } from "log-update"
import * as Numbers from "./Numbers.ts"
import * as Palette from "./Palette.ts"

export interface ViewState {
  readonly title: string
  /** Whether the total can still grow. */
  readonly discovering: boolean
  readonly total: number
  readonly done: number
  readonly bytes: number
  readonly elapsedMillis: number
  /** When every file was found, and how many were done by then: the time left is told by the speed since. */
  readonly allFound: { readonly elapsedMillis: number, readonly done: number } | undefined
  readonly jobs: ReadonlyArray<JobCounts>
  readonly running: ReadonlyArray<{ readonly job: string, readonly what: string, readonly millis: number }>
  /** All so far, oldest first: those beyond the number shown last time are new. */
  readonly failures: ReadonlyArray<{ readonly path: string, readonly reason: string }>
}

export interface JobCounts {
  readonly name: string
  readonly queued: number
  readonly running: number
  readonly waiting: number
  readonly done: number
  readonly failed: number
}

export interface Style {
  readonly width: number
  readonly color: boolean
}

/** The lines of the live view. */
export const render = (state: ViewState, style: Style): ReadonlyArray<string> => {
  const palette = Palette.make(style.color)
  return [
    `${palette.strong(state.title)}`,
    `${bar(state, palette)} ${progress(state)}`,
    ...state.jobs.map((job) => jobLine(job, palette)),
    ...state.running.slice(0, runningToShow).map((task) => runningLine(task, palette))
  ].map((line) => cliTruncate(line, style.width))
}

/** The one line for where there is no terminal. */
export const renderPlain = (state: ViewState): string =>
  `${progress(state)}, ${Numbers.counted(state.failures.length, "failure")}`

const renderFailure = ({ path, reason }: ViewState["failures"][number], color: boolean): string =>
  `${Palette.make(color).bad("✗")} ${path}: ${reason}`

/** Shows the state on the stream until the Scope closes, which draws the last state and leaves it there. */
export const show = Effect.fnUntraced(function*(
  state: Effect.Effect<ViewState>,
  stream: NodeJS.WriteStream,
  color: boolean
) {
  const screen = stream.isTTY ? makeLive(stream, color) : makePlain(stream)
  const draw = Effect.map(state, screen.draw)
  yield* Effect.addFinalizer(() => Effect.andThen(draw, Effect.sync(screen.close)))
  yield* draw.pipe(Effect.repeat(Schedule.spaced(screen.interval)), Effect.forkScoped)
})

const runningToShow = 4
const barWidth = 24

const bar = ({ done, total }: ViewState, palette: Palette.Palette): string => {
  const filled = total === 0 ? 0 : Math.floor((done / total) * barWidth)
  return palette.good("█".repeat(filled)) + palette.faint("░".repeat(barWidth - filled))
}

const progress = (state: ViewState): string => {
  const { done, total, bytes, elapsedMillis, discovering } = state
  const seconds = Math.max(elapsedMillis / 1_000, 0.001)
  return [
    `${Numbers.count(done)}/${Numbers.count(total)}${discovering ? "+" : ""} files`,
    `${Numbers.count(done / seconds)} files/s`,
    `${Numbers.bytes(bytes / seconds)}/s`,
    Numbers.millis(elapsedMillis),
    timeLeft(state)
  ].join(", ")
}

const timeLeft = ({ done, total, elapsedMillis, discovering, allFound }: ViewState): string => {
  if (discovering) return "still finding files"
  if (done >= total) return "done"
  if (allFound === undefined || done === allFound.done) return "time left unknown"
  const millisPerFile = (elapsedMillis - allFound.elapsedMillis) / (done - allFound.done)
  return `${Numbers.millis(millisPerFile * (total - done))} left`
}

const jobLine = ({ name, queued, running, waiting, done, failed }: JobCounts, palette: Palette.Palette): string => {
  const counts = [
    palette.busy(`${Numbers.count(running)} running`),
    `${Numbers.count(waiting)} waiting`,
    `${Numbers.count(queued)} queued`,
    palette.good(`${Numbers.count(done)} done`),
    failed === 0 ? palette.faint("0 failed") : palette.bad(`${Numbers.count(failed)} failed`)
  ]
  return `  ${name.padEnd(14)} ${counts.join(palette.faint(" · "))}`
}

const runningLine = ({ job, what, millis }: ViewState["running"][number], palette: Palette.Palette): string =>
  palette.faint(`  ${job} ${what} (${Numbers.millis(millis)})`)

interface Screen {
  readonly interval: "100 millis" | "2 seconds"
  readonly draw: (state: ViewState) => void
  readonly close: () => void
}

const makeLive = (stream: NodeJS.WriteStream, color: boolean): Screen => {
  const log = createLogUpdate(stream)
  const newFailures = failuresSince()
  return {
    interval: "100 millis",
    draw: (state) => {
      for (const failure of newFailures(state)) log.persist(renderFailure(failure, color))
      log(render(state, { width: stream.columns || 80, color }).join("\n"))
    },
    close: () => log.done()
  }
}

const makePlain = (stream: NodeJS.WriteStream): Screen => {
  const newFailures = failuresSince()
  return {
    interval: "2 seconds",
    draw: (state) => {
      for (const failure of newFailures(state)) stream.write(`${renderFailure(failure, false)}\n`)
      stream.write(`${renderPlain(state)}\n`)
    },
    close: () => {}
  }
}

const failuresSince = () => {
  let shown = 0
  return ({ failures }: ViewState): ViewState["failures"] => {
    const fresh = failures.slice(shown)
    shown = failures.length
    return fresh
  }
}
