/** Going from failure to failure with one key. */
import type { TaskRow } from "../../../src/Contract.ts"
import { matches } from "./matching.ts"
import { rollUp } from "./node.ts"
import { selected } from "./place.ts"
import { select } from "./selection.ts"
import { type NodeKey, store, taskKey } from "./store.ts"
import { say } from "./toasts.ts"
import { parentOf } from "./tree.ts"

/** Failed only because a task below it did, which is a failure of its own. */
const isEcho = (row: TaskRow | undefined): boolean =>
  row?.error?.startsWith("ChildTaskFailed") === true && (rollUp(taskKey(row.id))?.failed ?? 0) > 0

/** Selects the next failed task that the filter matches, where it began, and opens the path to it. */
export const nextFailure = (step: 1 | -1): void => {
  const ids = [...store.failed].filter((id) => matches(id) && !isEcho(store.tasks.get(id)))
  if (ids.length === 0) {
    say("good", "Nothing has failed.")
    return
  }
  const at = ids.indexOf(selected.value ?? "")
  const next = at === -1 ? (step === 1 ? 0 : ids.length - 1) : (at + step + ids.length) % ids.length
  select(ids[next])
}

/** Selects the first failed task below a node. */
export const firstFailureBelow = (node: NodeKey): void => {
  for (const id of store.failed) {
    if (isEcho(store.tasks.get(id)) || !isBelow(taskKey(id), node)) continue
    select(id)
    return
  }
  say("bad", "The failed tasks below it are no longer kept.")
}

const isBelow = (key: NodeKey, node: NodeKey): boolean => {
  for (let above = parentOf(key); above !== undefined; above = parentOf(above)) if (above === node) return true
  return false
}
