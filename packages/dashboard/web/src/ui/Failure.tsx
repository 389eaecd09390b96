/** Why a task failed or was cancelled, and where that began. */
import type { FailureDetail, TaskRow } from "../../../src/Contract.ts"
import { store } from "../data/store.ts"
import { Section } from "./Section.tsx"
import { TaskLink } from "./TaskLink.tsx"

interface FailureProps {
  readonly failure: FailureDetail | null
  readonly row: TaskRow
}

export const Failure = ({ failure, row }: FailureProps) => {
  if (failure === null) return null
  const isCanceled = row.exitStatus === "canceled"
  const name = isCanceled ? "Canceled" : failure.kind === "defect" ? "Defect" : "Failure"
  return (
    <Section name={name} tone={isCanceled ? "failure calm" : "failure"}>
      <p class="message">
        <b>{failure.tag}</b> {failure.message}
      </p>
      {failure.path.at(-1) === row.id ? null : <Origin path={failure.path} />}
      <details open={!isCanceled}>
        <summary>Cause with stack</summary>
        <pre tabIndex={0} aria-label="Cause">{failure.pretty.text}{failure.pretty.truncated ? "\n… cut" : ""}</pre>
      </details>
    </Section>
  )
}

/** The way from the root to the task where a failure of children began. */
const Origin = ({ path }: Pick<FailureDetail, "path">) =>
  path.length < 2 ? null : (
    <p class="path">
      began at {path.map((id, i) => (
        <span key={id}>
          {i === 0 ? "" : " › "}
          <TaskLink id={id} label={store.tasks.get(id)?.job ?? id} />
        </span>
      ))}
    </p>
  )
