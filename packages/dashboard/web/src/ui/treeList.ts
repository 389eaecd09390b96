/** The lines of the tree, made anew as tasks come and go. */
import { effect, signal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { isFiltered, matchVersion, settleMatching } from "../data/matching.ts"
import { selected } from "../data/place.ts"
import { version } from "../data/signals.ts"
import { type NodeKey, store } from "../data/store.ts"
import { type Lines, lines, noLines, openVersion } from "../data/tree.ts"
import { follow } from "./follow.ts"

export const list = signal<Lines>(noLines)
/** The line under the pointer: it stays where it is. */
export const hovered: { key: NodeKey | undefined, index: number } = { key: undefined, index: 0 }

/** The least time between two lists that nobody asked for, in milliseconds: making them takes a tenth of it at most. */
const pauseAfter = (cost: number): number => Math.max(90, cost * 10)

let madeOf = ""
let madeAt = 0
let cost = 0
let timer: ReturnType<typeof setTimeout> | undefined

const kept = (): ReadonlyArray<string> =>
  [selected.peek(), hovered.key?.[0] === "t" ? hovered.key.slice(1) : undefined].filter((id) => id !== undefined)

/** Makes the list anew when what it is made of has changed. */
const refresh = (urgent: boolean): void => {
  settleMatching()
  const filtered = isFiltered.peek()
  const of = `${store.structure} ${openVersion.peek()} ${filtered} ${matchVersion.peek()} ${
    filtered ? kept().join() : ""
  }`
  if (of === madeOf) return
  const now = performance.now()
  const due = madeAt + pauseAfter(cost)
  clearTimeout(timer)
  if (!urgent && now < due) {
    // a last change is not left waiting for another
    timer = setTimeout(refresh, due - now, true)
    return
  }
  madeOf = of
  list.value = lines(kept())
  madeAt = performance.now()
  cost = madeAt - now
}

/** Lists are made when frames come, never more often. */
export const useLists = (): void => {
  useEffect(() =>
    effect(() => {
      void version.value
      follow()
      refresh(false)
    }), [])
  useEffect(() =>
    effect(() => {
      void [openVersion.value, isFiltered.value, selected.value]
      refresh(true)
    }), [])
}
