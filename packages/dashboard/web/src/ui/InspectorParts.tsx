/** The parts of the inspector that only show. */
import type { BoundedText, LogLine, TaskDetail, TaskRow, Wait } from "../../../src/Contract.ts"
import { copy } from "../data/clipboard.ts"
import { clock, clockMillis, count, duration } from "../data/format.ts"
import { keyText, ownProgress, type RollUp, statusOf, waitingText, waitTime } from "../data/node.ts"
import { store } from "../data/store.ts"
import { Section } from "./Section.tsx"
import { TaskLink } from "./TaskLink.tsx"

/** The tasks above it. */
export const Path = ({ path }: { readonly path: ReadonlyArray<string> }) =>
  path.length < 2 ? null : (
    <nav class="path" aria-label="Tasks above">
      {path.slice(0, -1).map((id) => (
        <span key={id}>
          <TaskLink id={id} label={store.tasks.get(id)?.job ?? id} /> ›
        </span>
      ))}
    </nav>
  )

interface WaitsProps {
  readonly waits: ReadonlyArray<Wait>
  readonly row: TaskRow
}

/** There for as long as the task lives, so that what is below does not move with each change. */
export const Waits = ({ row, waits }: WaitsProps) => {
  if (row.state === "Exited") return null
  const text = waitingText(row)
  return (
    <Section name={row.state === "Queued" ? "Why it does not run" : "What it waits for"}>
      <ul class="waits">
        {waits.map((wait) => (
          <li key={`${wait.kind} ${wait.id}`}>
            {wait.text} {wait.id !== null && store.tasks.has(wait.id) ? <TaskLink id={wait.id} /> : null}
          </li>
        ))}
        {waits.length > 0 ? null : <li>{text === "" ? "Nothing: it holds a worker." : `It waits ${text}.`}</li>}
      </ul>
    </Section>
  )
}

export const Progress = ({ detail, row }: { readonly row: TaskRow, readonly detail: TaskDetail }) => {
  if (detail.progress === null) return null
  const done = ownProgress(row)
  return (
    <Section name="Progress">
      {done === undefined ? null : <progress value={done} max={1} aria-label="Progress" />}
      <pre>{detail.progress.text}</pre>
    </Section>
  )
}

export const DispatchCall = ({ text }: { readonly text: string }) => (
  <Section name="As a dispatch call">
    <div class="call">
      <pre tabIndex={0} aria-label="As a dispatch call">{text}</pre>
      <button type="button" aria-keyshortcuts="c" onClick={() => void copy(text, "the dispatch call")}>Copy</button>
    </div>
  </Section>
)

export const Text = ({ name, text }: { readonly name: string, readonly text: BoundedText | null }) =>
  text === null ? null : (
    <Section name={name} {...(text.truncated ? { note: "cut: it is longer" } : {})}>
      <pre tabIndex={0} aria-label={name}>{text.text}</pre>
    </Section>
  )

export const Attempts = ({ attempts }: Pick<TaskDetail, "attempts">) =>
  attempts.length === 0 ? null : (
    <Section name="Failed attempts" note={count(attempts.length)}>
      <ol class="rows">
        {attempts.map(({ at, attempt, error }) => (
          <li key={`${attempt} ${at}`}>
            <span class="dim">{clock(at)} · {attempt}</span> {error}
          </li>
        ))}
      </ol>
    </Section>
  )

/** The worst first, and no more than can be read. */
const mostChildren = 100
const order = ["error", "stopping", "running", "sleeping", "queued", "canceled", "unknown", "success"]

export const Children = ({ all, detail }: { readonly detail: TaskDetail, readonly all: RollUp | undefined }) => {
  const rows = detail.children.map((row) => store.tasks.get(row.id) ?? row)
    .toSorted((one, other) => order.indexOf(statusOf(one)) - order.indexOf(statusOf(other)))
  if (rows.length === 0) return null
  const note = all === undefined ? count(detail.childCount) : `${count(all.complete)} of ${count(all.total)} ended`
  return (
    <Section name="Children" note={note}>
      <ul class="rows">
        {rows.slice(0, mostChildren).map((row) => <Child key={row.id} row={row} />)}
      </ul>
      {detail.childCount > mostChildren
        ? <p class="dim">and {count(detail.childCount - mostChildren)} more: see the tree</p>
        : null}
    </Section>
  )
}

const Child = ({ row }: { readonly row: TaskRow }) => (
  <li class="child">
    <span class={`dot ${statusOf(row)}`} title={statusOf(row)} />
    <TaskLink id={row.id} label={row.job} />
    <span class="key">{keyText(row)}</span>
    <span class="dim">
      {row.finishedAt === null || row.startedAt === null
        ? `waited ${duration(waitTime(row, store.now))}`
        : duration(row.finishedAt - row.startedAt)}
    </span>
  </li>
)

const mostLines = 200

export const Logs = ({ logs }: { readonly logs: ReadonlyArray<LogLine> }) =>
  logs.length === 0 ? null : (
    <Section name="Log" note={count(logs.length)}>
      <ol class="log" tabIndex={0} aria-label="Log">
        {logs.slice(-mostLines).map((line, i) => <LogRow key={i} line={line} />)}
      </ol>
    </Section>
  )

const LogRow = ({ line: { at, level, message, spanId, traceId } }: { readonly line: LogLine }) => (
  <li class={level.toLowerCase()}>
    <span class="dim">{clockMillis(at)}</span> <b>{level}</b> {message}
    {spanId === null ? null : <span class="dim" title={`span ${spanId} of trace ${traceId}`}>⌁{spanId.slice(-4)}</span>}
  </li>
)
