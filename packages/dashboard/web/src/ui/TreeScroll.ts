/** Where the tree is scrolled to, so that nothing moves under the pointer; and which of its lines are on the screen. */
import { signal } from "@preact/signals"
import { type NodeKey, taskKey } from "../model/Store.ts"
import { type Lines, noLines, type TreeModel } from "../model/TreeModel.ts"

export const headHeight = 28

const overscan = 6
/** As many lines as a tall screen shows. A line goes to the element that scrolling has just freed, and the others stay. */
const slots = 128

interface Span {
  readonly from: number
  readonly to: number
}

export class TreeScroll {
  readonly top = signal(0)
  /** How many characters fit beside each other in the column of names. */
  readonly room = signal(40)
  /** A finger needs more. */
  readonly lineHeight = matchMedia("(pointer: coarse)").matches ? 40 : 28
  private readonly height = signal(400)
  private readonly tree: TreeModel
  private element: HTMLElement | undefined
  private before: Lines = noLines

  constructor(tree: TreeModel) {
    this.tree = tree
  }

  /** Knows how high and wide the tree is. */
  attach(element: HTMLElement): () => void {
    this.element = element
    element.style.setProperty("--line", `${this.lineHeight}px`)
    const observer = new ResizeObserver(() => {
      this.height.value = element.clientHeight - headHeight
      const width = element.querySelector(".head .name")?.clientWidth ?? 0
      this.room.value = Math.max(8, Math.floor(width / 7.3))
    })
    observer.observe(element)
    return () => observer.disconnect()
  }

  visible(total: number): Span {
    const { lineHeight } = this
    return {
      from: Math.max(0, Math.floor(this.top.value / lineHeight) - overscan),
      to: Math.min(total, Math.ceil((this.top.value + this.height.value) / lineHeight) + overscan)
    }
  }

  /** The lines that are on the screen, by slot. */
  slots({ from, to }: Span): ReadonlyArray<number | undefined> {
    const size = Math.max(slots, to - from)
    const lines: Array<number | undefined> = []
    for (let index = from; index < to; index++) lines[index % size] = index
    return lines
  }

  /** Moves the list with the line under the pointer, else with the one on top. */
  anchor(): void {
    const { before, element, lineHeight, tree } = this
    const lines = tree.list.peek()
    this.before = lines
    if (element === undefined || before === lines || before.keys.length === 0) return
    const { hovered } = tree
    const top = Math.floor(element.scrollTop / lineHeight)
    if (element.scrollTop === 0 && hovered === undefined) return
    const index = hovered?.index ?? top
    const next = find(lines, hovered?.key ?? before.keys[top], index)
    if (next === -1 || next === index) return
    this.moveTo(element.scrollTop + (next - index) * lineHeight)
    if (hovered !== undefined) hovered.index = next
  }

  /** Brings the task that is wanted into view as soon as it has a line. */
  bringWanted(): void {
    const { element, lineHeight, tree } = this
    if (tree.wanted === undefined || element === undefined) return
    const key = taskKey(tree.wanted)
    const index = tree.list.peek().keys.indexOf(key)
    if (index === -1) return
    tree.cursor.value = key
    tree.wanted = undefined
    const top = index * lineHeight
    const height = this.height.peek()
    // well inside, where it has to move
    if (top < element.scrollTop || top + lineHeight > element.scrollTop + height) {
      this.moveTo(Math.max(0, top - height / 3))
    }
  }

  /** Keeps the line that keys act on in view, moving as little as that takes. */
  followCursor(): void {
    const { element, lineHeight, tree } = this
    const cursor = tree.cursor.peek()
    if (cursor === undefined || element === undefined || document.activeElement !== element) return
    const index = find(tree.list.peek(), cursor, Math.floor(this.top.peek() / lineHeight))
    if (index === -1) return
    const top = index * lineHeight
    const height = this.height.peek()
    if (top < element.scrollTop) this.moveTo(top)
    else if (top + lineHeight > element.scrollTop + height) this.moveTo(top + lineHeight - height)
  }

  /** Now, not when the browser tells: the lines of this frame are those of the new place. */
  private moveTo(top: number): void {
    const { element } = this
    if (element === undefined || element.scrollTop === top) return
    element.scrollTop = top
    this.top.value = element.scrollTop
  }
}

/** Where a key is now, looked for around where it was: lists change little. */
const find = ({ keys }: Lines, key: NodeKey | undefined, near: number): number => {
  const start = Math.min(Math.max(near, 0), Math.max(0, keys.length - 1))
  for (let step = 0; step < keys.length; step++) {
    if (keys[start - step] === key) return start - step
    if (keys[start + step] === key) return start + step
    if (start - step < 0 && start + step >= keys.length) return -1
  }
  return -1
}
