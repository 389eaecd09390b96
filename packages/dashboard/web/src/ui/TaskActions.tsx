/** What can be done to one task. */
import type { TaskRow } from "../../../src/Contract.ts"
import { open } from "../data/actions.ts"

/** A button that cannot act stays in its place: nothing else comes under the pointer. */
export const TaskActions = ({ row }: { readonly row: TaskRow }) => (
  <div class="actions" role="group" aria-label="Actions">
    <button
      type="button"
      class="danger"
      disabled={row.state === "Exited"}
      aria-keyshortcuts="x"
      onClick={() =>
        open({ _tag: "cancelTask", taskId: row.id })}
    >
      Cancel …
    </button>
    <button
      type="button"
      class={row.exitStatus === "error" ? "primary" : ""}
      aria-keyshortcuts="r"
      onClick={() =>
        open({ _tag: "runAgain", taskId: row.id })}
    >
      Run again …
    </button>
    <button
      type="button"
      disabled={row.state !== "Queued"}
      onClick={() =>
        open({ _tag: "priority", taskId: row.id, priority: row.priority })}
    >
      Priority {row.priority} …
    </button>
  </div>
)
