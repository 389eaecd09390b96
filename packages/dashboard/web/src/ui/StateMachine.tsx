/** Which states a task went through, when, and for how long. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { clock, clockMillis, duration } from "../data/format.ts"
import { stateName, statusOf, statusText, waitingWords } from "../data/node.ts"
import { store } from "../data/store.ts"
import { Section } from "./Section.tsx"

const states = ["Queued", "Running", "Sleeping", "Stopping", "Exited"] as const

export const StateMachine = ({ row }: { readonly row: TaskRow }) => {
  const end = row.finishedAt ?? store.now
  return (
    <Section name="States">
      <ol class="machine">
        {states.map((state) => <Stage key={state} state={state} row={row} end={end} />)}
      </ol>
      <Ribbon row={row} end={end} />
      <details class="moves" open={row.segments.length <= 4}>
        <summary>{row.segments.length} {row.segments.length === 1 ? "stretch" : "stretches"}</summary>
        <ol class="rows">
          {row.segments.map((segment, i) => (
            <li key={i}>
              <span class="dim">{clockMillis(segment.from)}</span>{" "}
              <span class={`pill ${stateName(segment.state)}`}>{stateName(segment.state)}</span>{" "}
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

/** A state: how long the task was in it, and when it first came there. */
const Stage = ({ end, row, state }: StageProps) => {
  const { segments } = row
  const isNow = row.state === state
  const spent = segments.reduce((sum, each, i) => each.state === state ? sum + lengthOf(segments, i, end) : sum, 0)
  const enteredAt = state === "Exited" ? row.finishedAt : segments.find((each) => each.state === state)?.from ?? null
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
