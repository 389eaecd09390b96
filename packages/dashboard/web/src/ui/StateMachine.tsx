/** Which states a task went through, when, and for how long. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { kept } from "../../../src/internal/limits.ts"
import { clock, clockMillis, duration } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { sleepTime, stateName, statusOf, statusText, waitingWords } from "../model/words.ts"
import { Section } from "./Section.tsx"

const states = ["Queued", "Running", "Sleeping", "Stopping", "Exited"] as const

export const StateMachine = ({ row }: { readonly row: TaskRow }) => {
  const { store } = useModel()
  const end = row.finishedAt ?? store.now
  return (
    <Section name="States">
      <ol class="machine">
        {states.map((state) => <Stage key={state} state={state} row={row} end={end} />)}
      </ol>
      <Ribbon row={row} end={end} />
      <details class="moves" open={row.segments.length <= 4}>
        <summary>
          {row.segments.length} {row.segments.length === 1 ? "segment" : "segments"}
          {row.segments.length < kept.segments ? "" : ": those in the middle are left out"}
        </summary>
        <ol class="rows">
          {row.segments.map((segment, i) => (
            <li key={i}>
              <span class="dim">{clockMillis(segment.from)}</span>{" "}
              <span class={`pill ${stateName(segment.state)}`}>
                {segment.state === "Unknown" ? "not watched" : stateName(segment.state)}
              </span>{" "}
              {duration(lengthOf(row.segments, i, end))}
              <span class="dim">
                {segment.worker === null ? "" : ` on worker ${segment.worker}`}
                {segment.waitingFor === null ? "" : ` ${waitingWords[segment.waitingFor]}`}
              </span>
            </li>
          ))}
        </ol>
      </details>
    </Section>
  )
}

const lengthOf = (segments: ReadonlyArray<Segment>, i: number, end: number): number =>
  Math.max(0, (segments[i + 1]?.from ?? end) - segments[i].from)

interface StageProps {
  readonly state: typeof states[number]
  readonly row: TaskRow
  readonly end: number
}

/** What was not watched may have been running or sleeping: then the runtime's own sums are what is known. */
const timeIn = (row: TaskRow, state: StageProps["state"], end: number): number => {
  const { segments, startedAt } = row
  const watched = segments.reduce((sum, each, i) => each.state === state ? sum + lengthOf(segments, i, end) : sum, 0)
  if (!segments.some((each) => each.state === "Unknown")) return watched
  const slept = sleepTime(row, end)
  if (state === "Sleeping") return slept
  return state === "Running" && startedAt !== null ? Math.max(0, end - startedAt - slept) : watched
}

/** When it first came there, as far as anybody knows. */
const enteredAtOf = (row: TaskRow, state: StageProps["state"], spent: number): number | null => {
  if (state === "Exited") return row.finishedAt
  if (state === "Running") return row.startedAt
  if (spent > 0 && state === "Sleeping" && row.segments.some((each) => each.state === "Unknown")) return row.startedAt
  return row.segments.find((each) => each.state === state)?.from ?? null
}

/** A state: how long the task was in it, and when it first came there. */
const Stage = ({ end, row, state }: StageProps) => {
  const isNow = row.state === state
  const spent = timeIn(row, state, end)
  const enteredAt = enteredAtOf(row, state, spent)
  const status = isNow ? statusOf(row) : stateName(state)
  return (
    <li
      class={`stage ${enteredAt === null ? "never" : status}${isNow ? " now" : ""}`}
      aria-current={isNow ? "step" : undefined}
    >
      <b>{isNow ? statusText(row) : stateName(state)}</b>
      <span>
        {enteredAt === null ? "–" : state === "Exited" ? `in ${duration(end - row.queuedAt)}` : duration(spent)}
      </span>
      <span>{enteredAt === null ? "" : clock(enteredAt)}</span>
    </li>
  )
}

const Ribbon = ({ end, row }: { readonly row: TaskRow, readonly end: number }) => (
  <div
    class="stack ribbon"
    role="img"
    aria-label={row.segments.map(({ state }) => stateName(state)).join(", ")}
  >
    {row.segments.map((segment, i) => (
      <i key={i} class={stateName(segment.state)} style={{ flexGrow: lengthOf(row.segments, i, end) + 0.001 }} />
    ))}
  </div>
)
