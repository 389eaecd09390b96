/** What was drawn last, and what of it is where. */
import type { Box } from "./layout.ts"

export const drawn: { boxes: ReadonlyArray<Box> } = { boxes: [] }

/** The topmost box at a place, with a pixel to spare. */
export const boxAt = (x: number, y: number): Box | undefined =>
  drawn.boxes.findLast((box) => x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y && y <= box.y + box.height)

/** The task beside another in the order in which they were drawn: what is queued, then lane by lane, then what is lent. */
export const taskBeside = (id: string | undefined, step: 1 | -1): string | undefined => {
  const ids = [...new Set(drawn.boxes.map(({ row }) => row.id))]
  const at = id === undefined ? -1 : ids.indexOf(id)
  return at === -1 ? ids.at(step === 1 ? 0 : -1) : ids[at + step]
}
