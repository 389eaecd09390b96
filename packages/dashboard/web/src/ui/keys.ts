/** Keys. One letter does something only where the focus is in the tree or the timeline, and nothing that cannot be undone. */
import type { Model } from "../model/Model.ts"

/** For the help dialogue. */
export const help: ReadonlyArray<readonly [string, string]> = [
  ["/", "filter"],
  ["1  2  3", "tree, timeline, failures"],
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
  ["p", "pause or resume …"],
  ["t", "dark, light, as the system says"],
  ["Esc", "from anywhere: close the inspector"],
  ["wheel", "zooms the timeline; over the names it scrolls"],
  ["drag", "shows that stretch of the timeline"]
]

type Bindings = Readonly<Record<string, () => void>>

/** Runs what a key stands for: what it does here first, then what it does everywhere. */
export const commandOf = (model: Model, event: KeyboardEvent, here: Bindings): void => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  const command = here[event.key] ?? commands(model)[event.key]
  if (command === undefined) return
  event.preventDefault()
  event.stopPropagation()
  command()
}

export const focus = (id: string): void => document.getElementById(id)?.focus({ preventScroll: true })

/** Shows a view, and gives it the keys. */
const go = ({ place }: Model, view: Model["place"]["view"]["value"]) => (): void => {
  place.view.value = view
  requestAnimationFrame(() => focus(view))
}

const commands = (model: Model): Bindings => {
  const { actions, failures, place, store, theme, tree } = model
  const cursor = tree.cursor.value
  /** In the tree the one on the line of the cursor. */
  const current = cursor?.[0] === "t" && place.view.value === "tree" ? cursor.slice(1) : place.selected.value
  const withCurrent = (act: (id: string) => void) => () => {
    if (current !== undefined) act(current)
  }
  return {
    "/": () => document.getElementById("filter")?.focus(),
    "1": go(model, "tree"),
    "2": go(model, "timeline"),
    "3": go(model, "failures"),
    n: () => failures.next(1),
    N: () => failures.next(-1),
    f: () => tree.following.value = !tree.following.value,
    p: () => actions.open({ _tag: "pause", paused: store.pulse?.paused === true }),
    t: () => theme.next(),
    "?": () => actions.open({ _tag: "help" }),
    x: withCurrent((id) => {
      if (store.live.has(id)) actions.open({ _tag: "cancel", ids: [id], of: id })
    }),
    r: withCurrent((taskId) => actions.open({ _tag: "runAgain", taskId })),
    c: withCurrent((id) => void actions.copyCall(id))
  }
}

/** Escape is no letter: it closes the inspector from anywhere but a field. */
export const startKeys = ({ actions, place }: Model): void =>
  addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
    if (event.key !== "Escape" || isTyping || actions.dialog.value !== undefined) return
    if (place.selected.value === undefined) return
    event.preventDefault()
    place.selected.value = undefined
    focus(place.view.peek())
  })
