import { select } from "../data/selection.ts"

/** Selects a task. */
export const TaskLink = ({ id, label = id }: { readonly id: string, readonly label?: string }) => (
  <button
    type="button"
    class="link"
    title={id}
    onClick={() => select(id)}
  >
    {label}
  </button>
)
