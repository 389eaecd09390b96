/**
 * Text that has to fit into one line of a terminal. Of a path the beginning is left out, for its end tells more.
 */
import cliTruncate from "cli-truncate"
import { CliOutput } from "effect/cli"

export interface Style {
  /** In columns; `Infinity` where there is no terminal. */
  readonly width: number
  readonly color: boolean
}

export const widthOf = (stream: NodeJS.WriteStream): number => stream.isTTY ? stream.columns || 80 : Infinity

export const fit = (text: string, width: number): string => cut(text, width, "end")

/** What is before the path is kept, then a third of the line is the path's, then what is after it. */
export const withPath = (width: number, before: string, path: string, after = ""): string => {
  const room = width - CliOutput.displayWidth(before) - CliOutput.displayWidth(after)
  const shown = cut(path, Math.max(room, Math.floor(width / 3)), "start")
  return fit(before + shown + after, width)
}

const cut = (text: string, width: number, position: "start" | "end"): string =>
  width === Infinity ? text : cliTruncate(text, width, { position })
