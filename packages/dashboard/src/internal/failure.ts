/** What went wrong, as text. */
import { ChildTaskFailed } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type { FailureDetail } from "../Inspection.ts"
import { text as longest } from "./limits.ts"
import { scrub } from "./payload.ts"
import { toJson } from "./plain.ts"
import { bounded, boundedText } from "./text.ts"

/** Tag and first line. */
export const summaryOf = (cause: Cause.Cause<unknown>, secrets: ReadonlyArray<string>): string => {
  const { message, tag } = headOf(cause)
  const text = scrub([tag, message].filter((part) => part !== "").join(": "), secrets)
  return bounded(text.split("\n", 1)[0], longest.row)
}

export const detailOf = (
  cause: Cause.Cause<unknown>,
  path: ReadonlyArray<string>,
  secrets: ReadonlyArray<string>
): FailureDetail => {
  const { message, tag } = headOf(cause)
  return {
    kind: Cause.hasFails(cause) ? "failure" : "defect",
    tag: bounded(scrub(tag, secrets), longest.name),
    message: bounded(scrub(message, secrets), longest.log),
    pretty: boundedText(scrub(prettyOf(cause), secrets)),
    path: pathOf(cause) ?? path
  }
}

const headOf = (cause: Cause.Cause<unknown>): { readonly tag: string, readonly message: string } => {
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => Cause.squash(cause))
  if (typeof error !== "object" || error === null) return { tag: "", message: String(error) }
  try {
    const { _tag, message, name } = error as Partial<Record<string, unknown>>
    const tag = [_tag, name].find((each) => typeof each === "string" && each !== "") as string | undefined
    return { tag: tag ?? "Error", message: typeof message === "string" && message !== "" ? message : fieldsOf(error) }
  } catch {
    return { tag: "Error", message: "it cannot be read" }
  }
}

/** What an error without a message says. */
const fieldsOf = (error: object): string => {
  const { _tag, message: _message, name: _name, stack: _stack, ...fields } = error as Record<string, unknown>
  return Object.keys(fields).length === 0 ? "" : toJson(fields, longest.row).text
}

const prettyOf = (cause: Cause.Cause<unknown>): string => {
  try {
    return Cause.pretty(cause)
  } catch {
    return "The cause cannot be written" // an error whose own `message` throws
  }
}

/** Where a failure of children began. */
const pathOf = (cause: Cause.Cause<unknown>): ReadonlyArray<string> | undefined => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (!(error instanceof ChildTaskFailed)) return undefined
  const [{ cause: inner, path }] = error.failures
  return pathOf(inner) ?? path
}
