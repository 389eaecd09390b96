/**
 * What the program says about its own use: the help, and of a call that it does not understand only what is wrong with it.
 */
import { Console } from "effect"
import { type CliError, CliOutput } from "effect/cli"
import * as NodePath from "node:path"

/** What a person types to start this program again, up to its arguments. */
export const callOf = (env: NodeJS.ProcessEnv, script: string): string =>
  env["npm_lifecycle_event"] === "start" ? "npm start --" : `node ${NodePath.relative("", script)}`

/** Help names the program by the call. It is not printed for a mistake, which it would push off the screen. */
export const layer = (call: string) =>
  CliOutput.layerPresenter({
    present: (event) => {
      switch (event._tag) {
        case "Help": {
          const usage = event.helpDoc.usage.replace(event.commandPath.join(" "), call)
          return CliOutput.defaultPresenter.present({ ...event, helpDoc: { ...event.helpDoc, usage } })
        }
        case "InvalidInvocation":
          return Console.error([...event.errors.map(explain), `See ${call} --help`].join("\n"))
        case "Version":
          return CliOutput.defaultPresenter.present(event)
      }
    }
  })

const explain = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "InvalidValue":
      return `--${error.option}: ${wanted[error.option] ?? "give no value"}${but(error.value)}`
    case "UnrecognizedOption":
      return `${error.option}: there is no such flag${or(error.suggestions)}`
    case "UnexpectedArgument":
      return `${error.arguments.join(" ")}: give one folder, not several`
    default:
      return error.message
  }
}

// The words of Effect and of Schema are for programmers. Flags that are not here are on or off.
const wanted: Readonly<Record<string, string>> = {
  catalog: "give the name of one file",
  threads: "give an integer of at least 0",
  workers: "give an integer of at least 1"
}

const but = (value: string): string => value === "" ? "" : `, not ${value}`

const or = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`
