/** The tree by keyboard. */
import { signal } from "@preact/signals"
import { open } from "../data/actions.ts"
import { selected } from "../data/place.ts"
import { type NodeKey, store } from "../data/store.ts"
import { collapseAll, hasChildren, isOpen, type Lines, openBelow, parentOf, setOpen } from "../data/tree.ts"
import { following } from "./follow.ts"

/** The line that keys act on. */
export const cursor = signal<NodeKey | undefined>(undefined)

const page = 20

const goTo = ({ keys }: Lines, index: number): void => {
  if (keys.length === 0) return
  following.value = false
  cursor.value = keys[Math.min(keys.length - 1, Math.max(0, index))]
}

/** Without a cursor, one step goes to the first or the last line. */
const move = (lines: Lines, step: number): void => {
  const at = cursor.value === undefined ? -1 : lines.keys.indexOf(cursor.value)
  goTo(lines, at === -1 ? (step > 0 ? 0 : lines.keys.length - 1) : at + step)
}

const right = (lines: Lines, key: NodeKey): void => {
  if (!hasChildren(key)) return
  if (isOpen(key)) move(lines, 1)
  else setOpen(key, true)
}

const left = (key: NodeKey): void => {
  if (isOpen(key) && hasChildren(key)) setOpen(key, false)
  else cursor.value = parentOf(key) ?? key
}

/** Opens a task in the inspector; folds a pool. */
export const enter = (key: NodeKey): void => {
  if (key[0] === "t") selected.value = key.slice(1)
  else setOpen(key, !isOpen(key))
}

/** Asks to cancel what is on a line. */
const cancel = (key: NodeKey): void => {
  const id = key.slice(1)
  if (key[0] === "p") open({ _tag: "cancelPool", poolId: id })
  else if (store.live.has(id)) open({ _tag: "cancelTask", taskId: id })
}

const withCursor = (act: (key: NodeKey) => void) => (): void => {
  if (cursor.value !== undefined) act(cursor.value)
}

const bindings = (lines: Lines): Readonly<Record<string, () => void>> => ({
  ArrowDown: () => move(lines, 1),
  j: () => move(lines, 1),
  ArrowUp: () => move(lines, -1),
  k: () => move(lines, -1),
  PageDown: () => move(lines, page),
  PageUp: () => move(lines, -page),
  Home: () => goTo(lines, 0),
  End: () => goTo(lines, lines.keys.length),
  ArrowRight: withCursor((key) => right(lines, key)),
  l: withCursor((key) => right(lines, key)),
  ArrowLeft: withCursor(left),
  h: withCursor(left),
  Enter: withCursor(enter),
  " ": withCursor(enter),
  x: withCursor(cancel),
  Delete: withCursor(cancel),
  "*": withCursor(openBelow),
  "-": collapseAll
})

export const treeKeys = (event: KeyboardEvent, lines: Lines): void => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const binding = bindings(lines)[event.key]
  if (binding === undefined) return
  event.preventDefault()
  event.stopPropagation()
  binding()
}
