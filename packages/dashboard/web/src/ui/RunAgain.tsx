/** Runs a task again, with its payload or an edited one. */
import { act, close } from "../data/actions.ts"
import { select } from "../data/selection.ts"
import { Confirm } from "./Confirm.tsx"
import { useDetail } from "./useDetail.ts"

const words = { created: "Started", joined: "Joined the live task", reused: "Reused the result of" }

/** It comes after the dialogue has given the focus away. */
const focus = (element: HTMLTextAreaElement | null): void => element?.focus()

export const RunAgain = ({ taskId }: { readonly taskId: string }) => {
  const detail = useDetail(taskId)
  const task = detail?.ok === true ? detail.value : undefined
  const original = task?.editable === true ? task.payload?.text : undefined
  const submit = async (form: FormData): Promise<string | undefined> => {
    const text = form.get("payload")
    const edited = typeof text === "string" && text.trim() !== original?.trim() ? { payload: text } : {}
    const answer = await act(
      (client) => client.runAgain({ taskId, ...edited }),
      ({ origin, taskId }) => `${words[origin]} ${taskId}.`
    )
    if (!answer.ok) return answer.text
    close()
    select(answer.value.taskId)
    return undefined
  }
  return (
    <Confirm
      title="Run again"
      verb="Run again"
      destroys={task !== undefined && task.row.state !== "Exited"}
      disabled={detail?.ok !== true}
      onSubmit={submit}
    >
      <p>
        <code>{taskId}</code> {task !== undefined && task.row.state !== "Exited"
          ? "still runs: with the same payload it is cancelled first."
          : "runs again as a new task."}
      </p>
      {detail?.ok === false ? <p class="problem">{detail.text}</p> : null}
      {original === undefined
        ? <p class="dim">Its payload cannot be edited here: it runs with the one it had.</p>
        : (
          <label>
            Payload <span class="dim">(JSON{task?.redacted === true ? "; <redacted> keeps what is there" : ""})</span>
            <textarea ref={focus} name="payload" rows={10} spellcheck={false} defaultValue={original} />
          </label>
        )}
    </Confirm>
  )
}
