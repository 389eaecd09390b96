import type { BoundedText } from "../Inspection.ts"

/** The longest texts of a row; whole texts are asked for with `inspect`. */
export const rowText = 512
export const keyText = 256
export const nameText = 256
/** The longest texts of an inspection, but for payloads. */
const detailText = 65_536

/** The text, or its beginning with an ellipsis; never half of a surrogate pair. */
export const bounded = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  // copied, because a slice keeps the whole text that it was cut from
  return Buffer.from((/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut) + "…").toString()
}

export const boundedText = (text: string, length = detailText): BoundedText =>
  text.length <= length ? { text, truncated: false } : { text: bounded(text, length), truncated: true }

/** JSON has no other numbers. */
export const finite = (number: number): number =>
  Number.isFinite(number) ? number : number > 0 ? Number.MAX_SAFE_INTEGER : number < 0 ? Number.MIN_SAFE_INTEGER : 0
