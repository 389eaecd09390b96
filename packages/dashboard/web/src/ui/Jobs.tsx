/** A bar for each job; a click filters by it. */
import { signal } from "@preact/signals"
import type { JobRow } from "../../../src/Contract.ts"
import { word } from "../../../src/Filter.ts"
import { count, duration, maybeDuration, rate, short } from "../data/format.ts"
import { hasWord, toggleWord } from "../data/matching.ts"
import { version } from "../data/signals.ts"
import { store } from "../data/store.ts"

const parts = ["success", "error", "canceled", "unknown", "stopping", "running", "sleeping", "queued"] as const
type Part = typeof parts[number]

/** Jobs in the order in which they were first seen: a list that sorts itself jumps. */
export const Jobs = () => {
  void version.value
  const jobs = [...store.jobs.values()]
  return (
    <aside class="jobs" aria-label="Jobs">
      <h2>
        Jobs <span class="dim">{jobs.length === 0 ? "" : count(jobs.length)}</span>
      </h2>
      {jobs.length === 0 ? <p class="empty">No task has been dispatched yet.</p> : null}
      <ul>
        {jobs.slice(0, shown.value).map((job) => <Job key={job.job} row={job} />)}
      </ul>
      {jobs.length > shown.value
        ? <button type="button" onClick={() => shown.value += 50}>{count(jobs.length - shown.value)} more</button>
        : null}
    </aside>
  )
}

const shown = signal(50)

const totalOf = (row: JobRow): number => parts.reduce((sum, part) => sum + row[part], 0)

const Job = ({ row }: { readonly row: JobRow }) => {
  const total = totalOf(row)
  const ended = row.success + row.error + row.canceled + row.unknown
  const isChosen = hasWord(word("job", row.job))
  return (
    <li class={isChosen ? "job chosen" : "job"}>
      <button
        type="button"
        class="title"
        aria-pressed={isChosen}
        onClick={() => toggleWord("job", row.job)}
        title={`Show only ${row.job}`}
      >
        <span class="label">{row.job}</span>
        <span class="number">
          {short(ended)}
          <span class="dim">/{short(total)}</span>
        </span>
      </button>
      <Stack row={row} total={total} />
      <div class="facts">
        <span>{row.rate === null ? "–" : rate(row.rate)}/s</span>
        <span title="Median run time">run {maybeDuration(row.times.runP50)}</span>
        {row.eta === null || ended === total ? null : <span>{duration(row.eta)} left</span>}
      </div>
      <div class="counts">
        {counted.map((part) => row[part] === 0 ? <span key={part} /> : <Count key={part} part={part} row={row} />)}
      </div>
    </li>
  )
}

const counted = ["queued", "running", "sleeping", "error", "canceled", "stopping"] as const

const Count = ({ part, row }: { readonly part: typeof counted[number], readonly row: JobRow }) => {
  const word = part === "error" ? "failed" : part === "sleeping" ? "asleep" : part
  return (
    <button
      type="button"
      class={`count ${part}`}
      title={`${count(row[part])} ${word}: show only these`}
      aria-label={`${short(row[part])} ${word}`}
      onClick={() => choose(row.job, part)}
    >
      <i class="dot" />
      <span>{short(row[part])}</span> <span class="word">{word}</span>
    </button>
  )
}

const choose = (job: string, state: string): void => {
  if (!hasWord(word("job", job))) toggleWord("job", job)
  if (!hasWord(word("state", state))) toggleWord("state", state)
}

const Stack = ({ row, total }: { readonly row: JobRow, readonly total: number }) => (
  <div class="stack" role="img" aria-label={describe(row)}>
    {parts.map((part) =>
      row[part] === 0
        ? null
        : <i key={part} class={part} style={{ flexGrow: widthOf(part, row, total) }} />
    )}
  </div>
)

/** A share that can be seen: a single failure of a million has its pixels. */
const widthOf = (part: Part, row: JobRow, total: number): number => Math.max(row[part] / total, 0.015)

const describe = (row: JobRow): string =>
  parts.flatMap((part) => row[part] === 0 ? [] : [`${count(row[part])} ${part}`]).join(", ")
