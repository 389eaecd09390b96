import type { BoundedText } from "../Inspection.ts"
import { text as longest } from "./limits.ts"

/** Control characters, and those that turn the direction of the text around them: they are written out, never obeyed. */
// oxlint-disable-next-line no-control-regex
const commands = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** The same text, in which nothing acts on the text around it. In JSON it is still the same JSON. */
const plainText = (text: string): string =>
  text.replaceAll("\r\n", "\n").replace(commands, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** What people read: without commands, and no longer than this. */
export const bounded = (text: string, length: number): string =>
  cut(plainText(text.length > length ? text.slice(0, length + 1) : text), length)

/** The text, or its beginning with an ellipsis; never half of a surrogate pair. */
export const cut = (text: string, length: number): string => {
  if (text.length <= length) return text
  const cut = text.slice(0, length - 1)
  // copied, because a slice keeps the whole text that it was cut from
  return Buffer.from((/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut) + "…").toString()
}

export const boundedText = (text: string, length: number = longest.detail): BoundedText => {
  const shown = bounded(text, length)
  return { text: shown, truncated: shown.length < text.length && shown.endsWith("…") }
}

/** JSON has no other numbers. */
export const finite = (number: number): number =>
  Number.isFinite(number) ? number : number > 0 ? Number.MAX_SAFE_INTEGER : number < 0 ? Number.MIN_SAFE_INTEGER : 0
