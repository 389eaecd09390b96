/** Selecting a task from anywhere, so that it can be seen where a person looks. */
import { selected, view } from "./place.ts"
import { taskKey } from "./store.ts"
import { reveal } from "./tree.ts"

/** The task that the tree brings into view next. */
export const wanted: { id: string | undefined } = { id: undefined }

/** Selects a task and gives it a line. */
export const select = (id: string | undefined): void => {
  if (id !== undefined) show(id)
  selected.value = id
}

/** Gives a task a line in the tree, and brings it into view. */
export const show = (id: string): void => {
  reveal(taskKey(id))
  if (view.value === "tree") wanted.id = id
}
