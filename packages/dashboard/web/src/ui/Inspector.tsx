/** Everything about one task. */
import type { TaskDetail, TaskRow } from "../../../src/Contract.ts"
import { copy } from "../data/clipboard.ts"
import type { Answer } from "../data/connection.ts"
import { keyText, rollUp, statusOf, statusText } from "../data/node.ts"
import { select } from "../data/selection.ts"
import { readonly, version } from "../data/signals.ts"
import { store, taskKey } from "../data/store.ts"
import { Failure } from "./Failure.tsx"
import { Attempts, Children, DispatchCall, Logs, Path, Progress, Text, Waits } from "./InspectorParts.tsx"
import { Spans } from "./Spans.tsx"
import { StateMachine } from "./StateMachine.tsx"
import { TaskActions } from "./TaskActions.tsx"
import { useDetail } from "./useDetail.ts"

export const Inspector = ({ taskId }: { readonly taskId: string }) => {
  void version.value
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

const Title = ({ row, taskId }: { readonly taskId: string, readonly row: TaskRow | undefined }) => (
  <div class="title">
    <div class="names">
      <h2>{row?.job ?? taskId}</h2>
      {row === undefined ? null : <span class={`pill ${statusOf(row)}`}>{statusText(row)}</span>}
      <span class="grow" />
      <button type="button" class="quiet" aria-label="Close the inspector" onClick={() => select(undefined)}>×</button>
    </div>
    <div class="id">
      <button type="button" class="quiet" title="Copy the id" onClick={() => void copy(taskId, taskId)}>
        {taskId}
      </button>
      {row === undefined || row.key === "" ? null : <span title={row.key}>{keyText(row)}</span>}
    </div>
  </div>
)

const Missing = ({ answer }: { readonly answer: Answer<TaskDetail> | undefined }) => (
  <p class="empty">{answer === undefined ? "Asking …" : answer.ok ? "" : answer.text}</p>
)

interface BodyProps {
  readonly row: TaskRow
  readonly detail: TaskDetail | undefined
  readonly answer: Answer<TaskDetail> | undefined
}

/** What grows while a task runs comes last, so that the rest stays where it is. */
const Body = ({ answer, detail, row }: BodyProps) => (
  <div class="sections" tabIndex={0} role="group" aria-label="Details">
    {readonly.value ? null : <TaskActions row={row} />}
    <StateMachine row={row} />
    {answer?.ok === false ? <p class="problem">{answer.text}</p> : null}
    {detail === undefined ? null : (
      <>
        {detail.held ? null : <p class="dim">The runtime has let this task go: only its row is left.</p>}
        <Path path={detail.path} />
        <Waits waits={detail.waits} row={row} />
        <Failure failure={detail.failure} row={row} />
        <Progress row={row} detail={detail} />
        <Text name="Result" text={detail.result} />
        <Text name={detail.redacted ? "Payload (parts withheld)" : "Payload"} text={detail.payload} />
        <DispatchCall text={detail.dispatchCall} />
        <Attempts attempts={detail.attempts} />
        <Logs logs={detail.logs} />
        <Spans spans={detail.spans} row={row} />
        <Children detail={detail} all={rollUp(taskKey(row.id))} />
      </>
    )}
  </div>
)
