/** Everything about one task. */
import type { BoundedText, FailureDetail, LogLine, TaskDetail, TaskRow } from "../../../src/Contract.ts"
import { inspection, kept } from "../../../src/internal/limits.ts"
import type { Answer } from "../model/Connection.ts"
import { clock, clockMillis, count, duration, shorten } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { type RollUp, taskKey } from "../model/Store.ts"
import { keyText, ownProgress, runTime, statusOf, statusText, waitTime } from "../model/words.ts"
import { Section, TaskLink } from "./Section.tsx"
import { Spans } from "./Spans.tsx"
import { StateMachine } from "./StateMachine.tsx"
import { useDetail } from "./useDetail.ts"
import { Why } from "./Why.tsx"

export const Inspector = ({ taskId }: { readonly taskId: string }) => {
  const { store } = useModel()
  void store.version.value
  const answer = useDetail(taskId)
  const detail = answer?.ok === true ? answer.value : undefined
  const row = store.tasks.get(taskId) ?? detail?.row
  return (
    <aside class="inspector" aria-label={`Task ${taskId}`}>
      <Title taskId={taskId} row={row} />
      {row === undefined ? <Missing answer={answer} /> : <Body row={row} detail={detail} answer={answer} />}
    </aside>
  )
}

const Title = ({ row, taskId }: { readonly taskId: string, readonly row: TaskRow | undefined }) => {
  const { actions, tree } = useModel()
  return (
    <div class="title">
      <div class="names">
        <h2>
          <bdi>{row?.job ?? taskId}</bdi>
        </h2>
        {row === undefined ? null : <span class={`pill ${statusOf(row)}`}>{statusText(row)}</span>}
        <span class="grow" />
        <button
          type="button"
          class="quiet close"
          aria-label="Close the inspector"
          onClick={() => tree.select(undefined)}
        >
          ×
        </button>
      </div>
      <div class="id">
        <button type="button" class="quiet" title="Copy the id" onClick={() => void actions.copy(taskId, taskId)}>
          {taskId}
        </button>
        {row === undefined || row.key === "" ? null : <bdi title={row.key}>{keyText(row)}</bdi>}
      </div>
    </div>
  )
}

const Missing = ({ answer }: { readonly answer: Answer<TaskDetail> | undefined }) => (
  <p class="empty">{answer === undefined ? "Asking …" : answer.ok ? "" : answer.text}</p>
)

interface BodyProps {
  readonly row: TaskRow
  readonly detail: TaskDetail | undefined
  readonly answer: Answer<TaskDetail> | undefined
}

/** What grows while a task runs comes last, so that the rest stays where it is. */
const Body = ({ answer, detail, row }: BodyProps) => {
  const { store } = useModel()
  return (
    <div class="sections" tabIndex={0} role="group" aria-label="Details">
      {store.readonly.value ? null : <TaskActions row={row} />}
      <StateMachine row={row} />
      {answer?.ok === false ? <p class="problem">{answer.text}</p> : null}
      {detail === undefined ? null : (
        <>
          {detail.held ? null : <p class="dim">The runtime has let this task go: only its row is left.</p>}
          <Path path={detail.path} />
          <Why why={detail.why} row={row} />
          <Failure failure={detail.failure} row={row} />
          <Progress row={row} detail={detail} />
          <Text name="Result" text={detail.result} />
          <Text name={detail.redacted ? "Payload (parts withheld)" : "Payload"} text={detail.payload} />
          <DispatchCall text={detail.dispatchCall} />
          <Attempts attempts={detail.attempts} />
          <Logs logs={detail.logs} />
          <Spans spans={detail.spans} row={row} />
          <Children detail={detail} all={store.rollUp(taskKey(row.id))} />
        </>
      )}
    </div>
  )
}

/** What can be done to one task. A button that cannot act stays in its place: nothing else comes under the pointer. */
const TaskActions = ({ row }: { readonly row: TaskRow }) => {
  const { actions } = useModel()
  return (
    <div class="actions" role="group" aria-label="Actions">
      <button
        type="button"
        class="danger"
        disabled={row.state === "Exited"}
        onClick={() => actions.open({ _tag: "cancel", ids: [row.id], of: row.id })}
      >
        Cancel …
      </button>
      <button
        type="button"
        class={row.exitStatus === "error" ? "primary" : ""}
        onClick={() => actions.open({ _tag: "runAgain", taskId: row.id })}
      >
        Run again …
      </button>
      <button
        type="button"
        disabled={row.state !== "Queued"}
        onClick={() => actions.open({ _tag: "priority", taskId: row.id, priority: row.priority })}
      >
        Priority {row.priority} …
      </button>
    </div>
  )
}

/** A task in a few words, where its row is known. */
const useName = (): (id: string) => string => {
  const { store } = useModel()
  return (id) => {
    const row = store.tasks.get(id)
    return row === undefined ? id : `${row.job} ${shorten(keyText(row), 24)}`
  }
}

/** The tasks above it. */
const Path = ({ path }: { readonly path: ReadonlyArray<string> }) => {
  const nameOf = useName()
  return path.length < 2 ? null : (
    <nav class="path" aria-label="Tasks above">
      {path.slice(0, -1).map((id) => (
        <span key={id}>
          <TaskLink id={id} label={nameOf(id)} /> ›
        </span>
      ))}
    </nav>
  )
}

interface FailureProps {
  readonly failure: FailureDetail | null
  readonly row: TaskRow
}

/** Why a task failed or was cancelled, and where that began. */
const Failure = ({ failure, row }: FailureProps) => {
  const nameOf = useName()
  if (failure === null) return null
  const isCanceled = row.exitStatus === "canceled"
  const name = isCanceled ? "Canceled" : failure.kind === "defect" ? "Defect" : "Failure"
  return (
    <Section name={name} tone={isCanceled ? "failure calm" : "failure"}>
      <p class="message">
        <b>{failure.tag}</b> <bdi>{failure.message}</bdi>
      </p>
      {failure.path.at(-1) === row.id || failure.path.length < 2 ? null : (
        <p class="path">
          began at {failure.path.map((id, i) => (
            <span key={id}>
              {i === 0 ? "" : " › "}
              <TaskLink id={id} label={nameOf(id)} />
            </span>
          ))}
        </p>
      )}
      <details open={!isCanceled}>
        <summary>Cause with stack</summary>
        <pre tabIndex={0} aria-label="Cause">{failure.pretty.text}{failure.pretty.truncated ? "\n… cut" : ""}</pre>
      </details>
    </Section>
  )
}

const Progress = ({ detail, row }: { readonly row: TaskRow, readonly detail: TaskDetail }) => {
  if (detail.progress === null) return null
  const done = ownProgress(row)
  return (
    <Section name="Progress">
      {done === undefined ? null : <progress value={done} max={1} aria-label="Progress" />}
      <pre>{detail.progress.text}</pre>
    </Section>
  )
}

const DispatchCall = ({ text }: { readonly text: string }) => {
  const { actions } = useModel()
  return (
    <Section name="As a dispatch call">
      <div class="call">
        <pre tabIndex={0} aria-label="As a dispatch call">{text}</pre>
        <button type="button" onClick={() => void actions.copy(text, "the dispatch call")}>Copy</button>
      </div>
    </Section>
  )
}

const Text = ({ name, text }: { readonly name: string, readonly text: BoundedText | null }) =>
  text === null ? null : (
    <Section name={name} {...(text.truncated ? { note: "cut: it is longer" } : {})}>
      <pre tabIndex={0} aria-label={name}>{text.text}</pre>
    </Section>
  )

/** A count, and whether it is all there is. */
const noteOf = (length: number, most: number): string => length < most ? count(length) : `the latest ${count(length)}`

const Attempts = ({ attempts }: Pick<TaskDetail, "attempts">) =>
  attempts.length === 0 ? null : (
    <Section name="Failed attempts" note={noteOf(attempts.length, kept.attempts.each)}>
      <ol class="rows">
        {attempts.map(({ at, attempt, error }) => (
          <li key={`${attempt} ${at}`}>
            <span class="dim">{clock(at)} · {attempt}</span> <bdi>{error}</bdi>
          </li>
        ))}
      </ol>
    </Section>
  )

const order = ["error", "stopping", "running", "sleeping", "queued", "canceled", "unknown", "success"]

/** The worst first, and no more than can be read. */
const Children = ({ all, detail }: { readonly detail: TaskDetail, readonly all: RollUp | undefined }) => {
  const { store } = useModel()
  const rows = detail.children.map((row) => store.tasks.get(row.id) ?? row)
    .toSorted((one, other) => order.indexOf(statusOf(one)) - order.indexOf(statusOf(other)))
  if (rows.length === 0) return null
  const note = all === undefined ? count(detail.childCount) : `${count(all.complete)} of ${count(all.total)} ended`
  const left = all?.isOpen === true ? all.eta === null ? ", time left: unknown yet" : `, ${duration(all.eta)} left` : ""
  return (
    <Section name="Children" note={note + left}>
      <ul class="rows">
        {rows.slice(0, inspection.shown).map((row) => (
          <li key={row.id} class="child">
            <span class={`dot ${statusOf(row)}`} title={statusOf(row)} />
            <TaskLink id={row.id} label={row.job} />
            <bdi class="key">{keyText(row)}</bdi>
            <span class="dim">
              {lengthOf(row, store.now)}
            </span>
          </li>
        ))}
      </ul>
      {detail.childCount > inspection.shown
        ? <p class="dim">and {count(detail.childCount - inspection.shown)} more: see the tree</p>
        : null}
    </Section>
  )
}

/** Of a run where there is one, else of the wait for it. */
const lengthOf = (row: TaskRow, now: number): string => {
  const run = runTime(row, now)
  if (run === undefined) return `${row.finishedAt === null ? "waits" : "waited"} ${duration(waitTime(row, now))}`
  return `${row.finishedAt === null ? "has run" : "ran"} ${duration(run)}`
}

const Logs = ({ logs }: { readonly logs: ReadonlyArray<LogLine> }) =>
  logs.length === 0 ? null : (
    <Section name="Log" note={noteOf(logs.length, kept.notes.each)}>
      <ol class="log" tabIndex={0} aria-label="Log">
        {logs.map((line, i) => <LogRow key={i} line={line} />)}
      </ol>
    </Section>
  )

const LogRow = ({ line: { at, level, message, spanId, traceId } }: { readonly line: LogLine }) => (
  <li class={level.toLowerCase()}>
    <span class="dim">{clockMillis(at)}</span> <b>{level}</b> <bdi>{message}</bdi>
    {spanId === null ? null : <span class="dim" title={`span ${spanId} of trace ${traceId}`}>⌁{spanId.slice(-4)}</span>}
  </li>
)
