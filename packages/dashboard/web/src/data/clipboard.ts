/** Copying text. */
import { say } from "./toasts.ts"

/** Copies a text and says that it did. */
export const copy = async (text: string, what: string): Promise<void> => {
  const isCopied = navigator.clipboard === undefined
    ? copySelected(text)
    : await navigator.clipboard.writeText(text).then(() => true, () => false)
  if (isCopied) say("good", `Copied ${what}.`)
  else say("bad", "The browser does not let this page copy.")
}

/** Plain http away from loopback has no clipboard. */
const copySelected = (text: string): boolean => {
  const area = document.createElement("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand("copy")
  area.remove()
  return isCopied
}
