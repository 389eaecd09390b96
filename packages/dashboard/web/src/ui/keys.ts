/** Keys that work everywhere on the page. */
import { copyCall, dialog, open, togglePause } from "../data/actions.ts"
import { nextFailure } from "../data/failures.ts"
import { selected, view } from "../data/place.ts"
import { store } from "../data/store.ts"
import { nextTheme } from "../data/theme.ts"
import { timelineKeys } from "../timeline/timelineKeys.ts"
import { following } from "./follow.ts"
import { cursor, treeKeys } from "./treeKeys.ts"
import { list } from "./treeList.ts"

/** For the help dialogue. */
export const help: ReadonlyArray<readonly [string, string]> = [
  ["/", "filter"],
  ["1  2", "tree, timeline"],
  ["j  k", "next, previous line or bar"],
  ["↓ ↑ → ←", "in the tree: move, unfold, fold or go up"],
  ["- *", "in the tree: fold everything, unfold what is on a line"],
  ["+ - 0 → ←", "in the timeline: zoom, all, move"],
  ["Home", "in the timeline: now"],
  ["Enter", "inspect"],
  ["n  N", "next, previous failure"],
  ["f", "follow the newest running task"],
  ["x", "cancel …"],
  ["r", "run again …"],
  ["c", "copy as a dispatch call"],
  ["p", "pause or resume"],
  ["t", "dark, light, as the system says"],
  ["Esc", "close"],
  ["wheel", "zooms the timeline; over the names it scrolls"],
  ["drag", "shows that stretch of the timeline"]
]

/** Moves in the tree from wherever the focus is, and puts it there. */
const moveInTree = (event: KeyboardEvent): void => {
  document.getElementById("tree")?.focus()
  treeKeys(event, list.peek())
}

/** The task that keys act on: in the tree the one on the line of the cursor. */
const current = (): string | undefined =>
  selected.value ?? (cursor.value?.[0] === "t" ? cursor.value.slice(1) : undefined)

/** Shows a view, and gives it the keys. */
const go = (to: typeof view.value) => (): void => {
  view.value = to
  requestAnimationFrame(() => document.getElementById(to)?.focus())
}

const withCurrent = (act: (id: string) => void) => (): void => {
  const id = current()
  if (id !== undefined) act(id)
}

const bindings: Readonly<Record<string, () => void>> = {
  "/": () => document.getElementById("filter")?.focus(),
  "1": go("tree"),
  "2": go("timeline"),
  n: () => nextFailure(1),
  N: () => nextFailure(-1),
  f: () => following.value = !following.value,
  p: togglePause,
  t: nextTheme,
  "?": () => open({ _tag: "help" }),
  x: withCurrent((taskId) => {
    if (store.live.has(taskId)) open({ _tag: "cancelTask", taskId })
  }),
  r: withCurrent((taskId) => open({ _tag: "runAgain", taskId })),
  c: withCurrent((taskId) => void copyCall(taskId)),
  Escape: () => {
    selected.value = undefined
    document.getElementById(view.peek())?.focus()
  }
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)

export const startKeys = (): void =>
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.value !== undefined || isTyping(event.target)) return
    const inTree = view.peek() === "tree"
    if (inTree && /^(j|k|ArrowDown|ArrowUp)$/.test(event.key)) return moveInTree(event)
    const binding = (inTree ? undefined : timelineKeys[event.key]) ?? bindings[event.key]
    if (binding === undefined) return
    event.preventDefault()
    binding()
  })
