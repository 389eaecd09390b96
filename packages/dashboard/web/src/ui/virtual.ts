/** Which lines of a long list are on the screen, and how the list moves without moving under the pointer. */
import type { Lines } from "../data/tree.ts"

export const lineHeight = 28
const overscan = 6

interface Span {
  readonly from: number
  readonly to: number
}

export const visible = (scrollTop: number, height: number, total: number): Span => ({
  from: Math.max(0, Math.floor(scrollTop / lineHeight) - overscan),
  to: Math.min(total, Math.ceil((scrollTop + height) / lineHeight) + overscan)
})

/** As many lines as a tall screen shows. A line goes to the element that scrolling has just freed, and the others stay. */
const slots = 128

/** The lines that are on the screen, by slot. */
export const ring = ({ from, to }: Span): ReadonlyArray<number | undefined> => {
  const size = Math.max(slots, to - from)
  const lines: Array<number | undefined> = []
  for (let index = from; index < to; index++) lines[index % size] = index
  return lines
}

/** Where a key is now, looked for around where it was: lists change little. */
export const find = ({ keys }: Lines, key: string, near: number): number => {
  const start = Math.min(Math.max(near, 0), Math.max(0, keys.length - 1))
  for (let step = 0; step < keys.length; step++) {
    if (keys[start - step] === key) return start - step
    if (keys[start + step] === key) return start + step
    if (start - step < 0 && start + step >= keys.length) return -1
  }
  return -1
}

/** How far to scroll so that a line is on the screen, well inside where it has to move. */
export const scrollTo = (index: number, scrollTop: number, height: number): number => {
  const top = index * lineHeight
  if (top >= scrollTop && top + lineHeight <= scrollTop + height) return scrollTop
  return Math.max(0, top - height / 3)
}

/** As little as makes the line visible, for keys. */
export const scrollBy = (index: number, scrollTop: number, height: number): number => {
  const top = index * lineHeight
  if (top < scrollTop) return top
  return top + lineHeight > scrollTop + height ? top + lineHeight - height : scrollTop
}
