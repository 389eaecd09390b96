/** Why a task does not run: what it stands behind, with the numbers, and whom it waits for. */
import { useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import type { Limit, TaskRef, TaskRow, Why as Reason } from "../../../src/Contract.ts"
import { clock, clockMillis, count, duration, many, shorten } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { keyText, waitingText } from "../model/words.ts"
import { Section, TaskLink } from "./Section.tsx"

interface WhyProps {
  readonly why: Reason | null
  readonly row: TaskRow
}

/** There for as long as the task lives, so that what is below does not move with each change. */
export const Why = ({ row, why }: WhyProps) => {
  if (row.state === "Exited") return null
  const text = waitingText(row)
  return (
    <Section name={row.state === "Queued" ? "Why it does not run" : "What it waits for"} tone="why">
      {why === null
        ? <p>{text === "" ? "Nothing: it holds a worker." : `It waits ${text}.`}</p>
        : <Card why={why} row={row} />}
    </Section>
  )
}

const Card = ({ row, why }: { readonly why: Reason, readonly row: TaskRow }) => {
  const { store } = useModel()
  const { attempt, lastError, limits, paused, pausedBy, place, pools, tasks, text, until, waitingFor } = why
  return (
    <>
      <p>
        <b>{text}.</b>
      </p>
      <dl class="facts">
        {place === null ? null : <Fact name="In the queue">{place === 1 ? "the next" : `number ${count(place)}`}</Fact>}
        {until === null ? null : (
          <Fact name="Due">
            {clockMillis(until)}, {until <= store.now ? "now" : `in ${duration(until - store.now)}`}
          </Fact>
        )}
        {waitingFor === "retry" || attempt > 1 ? <Fact name="Attempt">{attempt}</Fact> : null}
        {lastError === null ? null : (
          <Fact name="Last error">
            <bdi class="bad">{lastError}</bdi>
          </Fact>
        )}
        {paused.workerPool
          ? (
            <Fact name="Paused">
              the worker pool,{" "}
              {pausedBy === null ? "by the application" : `here by ${pausedBy.who}, ${clock(pausedBy.at)}`}
            </Fact>
          )
          : null}
        {paused.job ? <Fact name="Paused">its job {row.job}</Fact> : null}
        {paused.key ? <Fact name="Paused">its key {shorten(keyText(row), 40)}</Fact> : null}
        {limits.map((limit, i) => <LimitFact key={i} limit={limit} row={row} />)}
        {tasks.length === 0 ? null : (
          <Fact name={waitingFor === "key" ? "Before it" : "Waits for"}>
            <Refs refs={tasks} total={tasks.length} />
          </Fact>
        )}
        {pools.map((pool) => (
          <Fact key={pool.id} name="Waits for">
            pool <bdi>{pool.name}</bdi>: {count(pool.complete)} of {count(pool.total)} done,{" "}
            {pool.running > 0 ? `${count(pool.running)} run` : many(pool.queued, "is queued", "are queued")}
          </Fact>
        ))}
      </dl>
    </>
  )
}

const Fact = ({ children, name }: { readonly name: string, readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

const nameOf = ({ kind, waitingFor }: Limit, job: string): string =>
  kind === "workers"
    ? "Workers"
    : kind === "rate"
    ? "Rate"
    : kind === "hold"
    ? `Hold of ${job}`
    : waitingFor === "job-concurrency"
    ? `Limit of ${job}`
    : "Limit of a pool"

const numbersOf = ({ limit, opensAt, used, window }: Limit, now: number): string => {
  const many = limit === null || used === null
    ? "held"
    : `${count(used)} of ${limit > 1e9 ? "∞" : count(limit)}${
      window === null ? " taken" : ` started in ${duration(window)}`
    }`
  return opensAt === null ? many : `${many}, opens ${opensAt <= now ? "now" : `in ${duration(opensAt - now)}`}`
}

const LimitFact = ({ limit, row }: { readonly limit: Limit, readonly row: TaskRow }) => {
  const { store } = useModel()
  return (
    <Fact name={nameOf(limit, row.job)}>
      <span class={limit.isFull ? "bad" : ""}>{numbersOf(limit, store.now)}</span>
      {limit.holders.length === 0 ? null : (
        <>
          {" by "}
          <Refs refs={limit.holders} total={limit.used ?? limit.holders.length} />
        </>
      )}
    </Fact>
  )
}

const first = 5

const Refs = ({ refs, total }: { readonly refs: ReadonlyArray<TaskRef>, readonly total: number }) => {
  const all = useSignal(false)
  const shown = all.value ? refs : refs.slice(0, first)
  return (
    <ul>
      {shown.map((ref) => (
        <li key={ref.id}>
          <TaskLink id={ref.id} label={`${ref.job} ${shorten(keyText(ref), 40)}`} />
        </li>
      ))}
      {shown.length < refs.length
        ? (
          <li>
            <button type="button" class="link" onClick={() => all.value = true}>
              {count(refs.length - shown.length)} more
            </button>
          </li>
        )
        : total > refs.length
        ? <li>and {count(total - refs.length)} more</li>
        : null}
    </ul>
  )
}
