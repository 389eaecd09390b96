/**
 * Why a task failed, in words for people.
 */
import { Cause, Option } from "effect"

/** Nothing when the task did not fail of itself: it was cancelled, or the catalog failed, which is told once for all. */
export const reasonOf = (cause: Cause.Cause<unknown>): Option.Option<string> => {
  const reason = Cause.squash(cause)
  if (!(reason instanceof Error)) return Option.some(String(reason))
  switch (reason.name) {
    case "TaskCanceled":
    case "CatalogError":
      return Option.none()
    case "TaskTimeout":
      return Option.some("took too long")
    default:
      return Option.some(reason.message)
  }
}
