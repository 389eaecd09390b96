/** A bar for each job; a click filters by it. */
import { useSignal } from "@preact/signals"
import type { JobRow } from "../../../src/Contract.ts"
import { word } from "../../../src/Filter.ts"
import { page } from "../../../src/internal/limits.ts"
import { count, duration, maybeDuration, rate, short } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { statusWord } from "../model/words.ts"

const parts = ["success", "error", "canceled", "unknown", "stopping", "running", "sleeping", "queued"] as const
type Part = typeof parts[number]

/** Jobs in the order in which they were first seen: a list that sorts itself jumps. */
export const Jobs = () => {
  const { store } = useModel()
  const shown = useSignal<number>(page.jobs)
  void store.version.value
  const jobs = [...store.jobs.values()]
  return (
    <aside class="jobs" aria-label="Jobs" id="jobs" tabIndex={-1}>
      <h2>
        Jobs <span class="dim">{jobs.length === 0 ? "" : count(jobs.length)}</span>
      </h2>
      {jobs.length === 0 ? <p class="empty">No task has been dispatched yet.</p> : null}
      <ul>
        {jobs.slice(0, shown.value).map((job) => <Job key={job.job} row={job} />)}
      </ul>
      {jobs.length > shown.value
        ? (
          <button type="button" onClick={() => shown.value += page.jobs}>
            {count(jobs.length - shown.value)} more
          </button>
        )
        : null}
    </aside>
  )
}

const Job = ({ row }: { readonly row: JobRow }) => {
  const { matching } = useModel()
  const total = parts.reduce((sum, part) => sum + row[part], 0)
  const ended = row.success + row.error + row.canceled + row.unknown
  const isChosen = matching.has(word("job", row.job))
  return (
    <li class={isChosen ? "job chosen" : "job"}>
      <button
        type="button"
        class="title"
        aria-pressed={isChosen}
        onClick={() => matching.toggle("job", row.job)}
        title={`Show only ${row.job}`}
      >
        <bdi class="label">{row.job}</bdi>
        <span class="number">
          {short(ended)}
          <span class="dim">/{short(total)}</span>
        </span>
      </button>
      <div class="stack" role="img" aria-label={describe(row)}>
        {parts.map((part) =>
          row[part] === 0 ? null : <i key={part} class={part} style={{ flexGrow: widthOf(part, row, total) }} />
        )}
      </div>
      <div class="counts">
        {counted.map((part) => row[part] === 0 ? null : <Count key={part} part={part} row={row} />)}
      </div>
      <div class="facts">
        <span title="Ends per second">{rate(row.rate)}/s</span>
        <span title="Median run time, without sleeping">run {maybeDuration(row.times.runP50)}</span>
        {ended === total
          ? null
          : <span title="Time left">{row.eta === null ? "left: unknown yet" : `${duration(row.eta)} left`}</span>}
      </div>
    </li>
  )
}

const counted = ["error", "running", "sleeping", "queued", "canceled", "stopping", "unknown"] as const

const Count = ({ part, row }: { readonly part: typeof counted[number], readonly row: JobRow }) => {
  const { matching } = useModel()
  const text = part === "sleeping" ? "asleep" : statusWord(part)
  return (
    <button
      type="button"
      class={`count ${part}`}
      title={`${count(row[part])} ${text}: show only these`}
      onClick={() => {
        if (!matching.has(word("job", row.job))) matching.toggle("job", row.job)
        if (!matching.has(word("state", part))) matching.toggle("state", part)
      }}
    >
      {short(row[part])} {text}
    </button>
  )
}

/** A share that can be seen: a single failure of a million has its pixels. */
const widthOf = (part: Part, row: JobRow, total: number): number => Math.max(row[part] / total, 0.015)

const describe = (row: JobRow): string =>
  parts.flatMap((part) => row[part] === 0 ? [] : [`${count(row[part])} ${part}`]).join(", ")
