/** Asks before it cancels, and takes the reason. */
import { useEffect, useState } from "preact/hooks"
import { actAndClose, canceledText } from "../data/actions.ts"
import { type Answer, ask } from "../data/connection.ts"
import { count } from "../data/format.ts"
import { rollUp } from "../data/node.ts"
import { type NodeKey, poolKey, store, taskKey } from "../data/store.ts"
import { Confirm } from "./Confirm.tsx"

const reasonOf = (form: FormData): { readonly reason?: string } => {
  const reason = String(form.get("reason") ?? "").trim()
  return reason === "" ? {} : { reason }
}

const Reason = () => (
  <label>
    Reason <span class="dim">(kept with the tasks and in the log)</span>
    <input name="reason" maxLength={500} autofocus autocomplete="off" />
  </label>
)

const belowText = (key: NodeKey): string => {
  const all = rollUp(key)
  const unfinished = all === undefined ? 0 : all.total - all.complete
  return unfinished === 0 ? "" : ` and ${count(unfinished)} unfinished ${unfinished === 1 ? "task" : "tasks"} below it`
}

export const CancelTask = ({ taskId }: { readonly taskId: string }) => {
  const below = belowText(taskKey(taskId))
  return (
    <Confirm
      title="Cancel this task?"
      verb="Cancel task"
      destroys
      onSubmit={(form) =>
        actAndClose((client) => client.cancelTask({ taskId, ...reasonOf(form) }), (done) =>
          done.tasks === 1
            ? `Canceled ${taskId}${below}${done.stopped ? "." : "; some still clean up."}`
            : canceledText(done))}
    >
      <p>
        <code>{taskId}</code>
        {below} will be stopped.
      </p>
      <Reason />
    </Confirm>
  )
}

export const CancelPool = ({ poolId }: { readonly poolId: string }) => (
  <Confirm
    title="Cancel everything in this pool?"
    verb="Cancel pool"
    destroys
    onSubmit={(form) => actAndClose((client) => client.cancelPool({ poolId, ...reasonOf(form) }), canceledText)}
  >
    <p>
      <code>{store.pools.get(poolId)?.name ?? poolId}</code>
      {belowText(poolKey(poolId))} will be stopped.
    </p>
    <Reason />
  </Confirm>
)

export const CancelMatching = ({ filter }: { readonly filter: string }) => {
  const [found, setFound] = useState<Answer<{ readonly tasks: number }> | undefined>(undefined)
  useEffect(() => {
    void ask((client) => client.cancelMatching({ filter, dryRun: true })).then(setFound)
  }, [filter])
  const tasks = found?.ok === true ? found.value.tasks : 0
  return (
    <Confirm
      title="Cancel all that match?"
      verb={`Cancel ${count(tasks)} ${tasks === 1 ? "task" : "tasks"}`}
      destroys
      disabled={tasks === 0}
      onSubmit={(form) => actAndClose((client) => client.cancelMatching({ filter, ...reasonOf(form) }), canceledText)}
    >
      <p>
        {found === undefined
          ? "Counting …"
          : found.ok
          ? (
            <>
              {count(tasks)} unfinished {tasks === 1 ? "task matches" : "tasks match"} <code>{filter}</code>.
            </>
          )
          : found.text}
      </p>
      <Reason />
    </Confirm>
  )
}
