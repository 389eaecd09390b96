/**
 * Colours for text on a terminal, or none.
 */
import { styleText } from "node:util"

type Style = Parameters<typeof styleText>[0]

export interface Palette {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly busy: (text: string) => string
}

export const make = (color: boolean): Palette => {
  const paint = (style: Style) => (text: string) => color ? styleText(style, text, { validateStream: false }) : text
  return { strong: paint("bold"), faint: paint("dim"), good: paint("green"), bad: paint("red"), busy: paint("cyan") }
}

/** Whether text for this stream may have colours: `--no-color`, NO_COLOR and FORCE_COLOR are heard, then the terminal. */
export const isWanted = (flag: boolean, stream: NodeJS.WriteStream): boolean => {
  if (!flag || process.env["NO_COLOR"]) return false
  return process.env["FORCE_COLOR"] !== undefined
    ? process.env["FORCE_COLOR"] !== "0"
    : stream.isTTY && stream.hasColors()
}
