/** Where the tree is scrolled to, so that nothing moves under the pointer. */
import { signal } from "@preact/signals"
import { useLayoutEffect, useRef } from "preact/hooks"
import { wanted } from "../data/selection.ts"
import { taskKey } from "../data/store.ts"
import { type Lines, noLines } from "../data/tree.ts"
import { cursor } from "./treeKeys.ts"
import { hovered, list } from "./treeList.ts"
import { find, lineHeight, scrollBy, scrollTo } from "./virtual.ts"

export const scroll = signal(0)
export const height = signal(400)

interface Scroller {
  readonly current: HTMLElement | null
}

/** Knows how high the tree is; a tree that comes back is where it was. */
export const useViewport = (scroller: Scroller): void => {
  useLayoutEffect(() => {
    const element = scroller.current!
    const observer = new ResizeObserver(() => height.value = element.clientHeight)
    observer.observe(element)
    element.scrollTop = scroll.peek()
    return () => observer.disconnect()
  }, [])
}

/** Moves the list with the line under the pointer, else with the one on top. */
export const useAnchor = (scroller: Scroller): void => {
  const before = useRef<Lines>(noLines)
  const current = list.value
  useLayoutEffect(() => {
    const element = scroller.current!
    const old = before.current
    before.current = current
    if (old === current || old.keys.length === 0) return
    const top = Math.floor(element.scrollTop / lineHeight)
    const index = hovered.key === undefined ? top : hovered.index
    const key = hovered.key ?? old.keys[top]
    if (element.scrollTop === 0 && hovered.key === undefined) return
    const next = find(current, key, index)
    if (next === -1 || next === index) return
    moveTo(element, element.scrollTop + (next - index) * lineHeight)
    hovered.index = next
  }, [current])
}

/** Brings the task that is wanted into view as soon as it has a line. */
export const useWanted = (scroller: Scroller): void => {
  const current = list.value
  useLayoutEffect(() => {
    if (wanted.id === undefined) return
    const key = taskKey(wanted.id)
    const index = current.keys.indexOf(key)
    if (index === -1) return
    cursor.value = key
    wanted.id = undefined
    const element = scroller.current!
    moveTo(element, scrollTo(index, element.scrollTop, height.peek()))
  })
}

/** Keeps the line that keys act on in view. */
export const useCursor = (scroller: Scroller): void => {
  const active = cursor.value
  useLayoutEffect(() => {
    const element = scroller.current!
    if (active === undefined || document.activeElement !== element) return
    const index = find(list.peek(), active, Math.floor(scroll.peek() / lineHeight))
    if (index !== -1) moveTo(element, scrollBy(index, element.scrollTop, height.peek()))
  }, [active])
}

/** Now, not when the browser tells: the lines of this frame are those of the new place. */
const moveTo = (element: HTMLElement, top: number): void => {
  if (element.scrollTop === top) return
  element.scrollTop = top
  scroll.value = element.scrollTop
}
