/**
 * Shows a run while it happens: a bar, counts for each job, what is running now, and failures as they come.
 *
 * It knows nothing of tasks: it is given a plain `ViewState` several times a second. On a terminal it redraws a few lines
 * in place, with failures scrolling by above them; anywhere else it writes a plain line every few seconds.
 */
import { Effect, Exit, Schedule } from "effect"
import { createLogUpdate } from "log-update"
import * as Line from "./Line.ts"
import * as Numbers from "./Numbers.ts"
import * as Palette from "./Palette.ts"

export interface ViewState {
  readonly root: string
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
  readonly canceled: number
}

/** How the run has ended, once it has. */
type Ending = "ended" | "interrupted"

interface Style extends Line.Style {
  /** In lines. */
  readonly height: number
}

/** The lines of the live view, those that matter most first: what does not fit into the height is left out. */
export const render = (state: ViewState, { color, width, height }: Style, ending?: Ending): ReadonlyArray<string> => {
  const palette = Palette.make(color)
  const title = palette.strong(Line.withPath(width, "Indexing ", state.root))
  const rest = [
    ...state.jobs.map((job) => jobLine(job, palette)),
    ...state.running.slice(0, runningToShow).map((task) => runningLine(task, width, palette))
  ]
  const progressLine = bar(state, width, palette) + progress(state, ending)
  return (height < 2 ? [progressLine] : [title, progressLine, ...rest].slice(0, height))
    .map((line) => Line.fit(line, width))
}

/** The one line for where there is no terminal. */
export const renderPlain = (state: ViewState, ending?: Ending): string =>
  `${progress(state, ending)}, ${Numbers.counted(state.failures.length, "failure")}`

const renderFailure = ({ path, reason }: ViewState["failures"][number], { color, width }: Line.Style): string =>
  Line.withPath(width, `${Palette.make(color).bad("✗")} `, path, `: ${reason}`)

/**
 * Shows the state on the stream until the Scope closes, which draws the last state and leaves it there. Says that the run
 * is being stopped when `stopping` ends.
 */
export const show = Effect.fnUntraced(function*(
  state: Effect.Effect<ViewState>,
  stream: NodeJS.WriteStream,
  color: boolean,
  stopping: Effect.Effect<void>
) {
  const screen = stream.isTTY ? makeLive(stream, color) : makePlain(stream)
  const draw = (ending?: Ending) => Effect.map(state, (state) => screen.draw(state, ending))
  yield* Effect.addFinalizer((exit) =>
    Effect.andThen(draw(Exit.hasInterrupts(exit) ? "interrupted" : "ended"), Effect.sync(screen.close))
  )
  yield* draw().pipe(Effect.repeat(Schedule.spaced(screen.interval)), Effect.forkScoped)
  yield* Effect.forkScoped(Effect.andThen(
    stopping,
    Effect.sync(() => screen.say("Stopping; what is indexed is kept. Ctrl-C again quits at once."))
  ))
})

const runningToShow = 4

/** Gives way to the numbers beside it, which tell more. */
const bar = ({ done, total }: ViewState, width: number, palette: Palette.Palette): string => {
  const cells = width >= 100 ? 24 : width >= 80 ? 10 : 0
  const filled = total === 0 ? 0 : Math.floor((done / total) * cells)
  return palette.good("█".repeat(filled)) + palette.faint("░".repeat(cells - filled)) + (cells === 0 ? "" : " ")
}

const progress = (state: ViewState, ending: Ending | undefined): string => {
  const { done, total, bytes, elapsedMillis, discovering } = state
  const seconds = Math.max(elapsedMillis / 1_000, 0.001)
  return [
    `${Numbers.count(done)}/${Numbers.count(total)}${discovering ? "+" : ""} files`,
    ending === undefined ? timeLeft(state) : endingOf(state, ending),
    `${Numbers.count(done / seconds)} files/s`,
    `${Numbers.bytes(bytes / seconds)}/s`,
    Numbers.millis(elapsedMillis)
  ].join(", ")
}

const endingOf = ({ jobs }: ViewState, ending: Ending): string => {
  if (ending === "interrupted") return "interrupted"
  return jobs.some(({ canceled }) => canceled > 0) ? "some cancelled" : "done"
}

const timeLeft = ({ done, total, elapsedMillis, discovering, allFound }: ViewState): string => {
  if (discovering) return "still finding files"
  if (done >= total) return "done"
  if (allFound === undefined || done === allFound.done) return "time left unknown"
  const millisPerFile = (elapsedMillis - allFound.elapsedMillis) / (done - allFound.done)
  return `${Numbers.millis(millisPerFile * (total - done))} left`
}

const jobLine = (
  { name, queued, running, waiting, done, failed, canceled }: JobCounts,
  palette: Palette.Palette
): string => {
  const counts = [
    palette.busy(`${Numbers.count(running)} running`),
    `${Numbers.count(waiting)} waiting`,
    `${Numbers.count(queued)} queued`,
    palette.good(`${Numbers.count(done)} done`),
    failed === 0 ? palette.faint("0 failed") : palette.bad(`${Numbers.count(failed)} failed`),
    ...(canceled === 0 ? [] : [`${Numbers.count(canceled)} cancelled`])
  ]
  return `  ${name.padEnd(14)} ${counts.join(palette.faint(" · "))}`
}

const runningLine = (
  { job, what, millis }: ViewState["running"][number],
  width: number,
  palette: Palette.Palette
): string => palette.faint(Line.withPath(width, `  ${job} `, what, ` (${Numbers.millis(millis)})`))

interface Screen {
  readonly interval: "100 millis" | "2 seconds"
  readonly draw: (state: ViewState, ending: Ending | undefined) => void
  readonly say: (text: string) => void
  readonly close: () => void
}

const makeLive = (stream: NodeJS.WriteStream, color: boolean): Screen => {
  const log = createLogUpdate(stream)
  const newFailures = failuresSince()
  return {
    interval: "100 millis",
    draw: (state, ending) => {
      // the cursor stands in the line below the view
      const style = { width: Line.widthOf(stream), height: (stream.rows || 24) - 1, color }
      for (const failure of newFailures(state)) log.persist(renderFailure(failure, style))
      log(render(state, style, ending).join("\n"))
    },
    say: (text) => log.persist(text),
    close: () => log.done()
  }
}

const makePlain = (stream: NodeJS.WriteStream): Screen => {
  const say = (text: string) => void stream.write(`${text}\n`)
  const newFailures = failuresSince()
  return {
    interval: "2 seconds",
    draw: (state, ending) => {
      for (const failure of newFailures(state)) say(renderFailure(failure, { width: Infinity, color: false }))
      say(renderPlain(state, ending))
    },
    say,
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
