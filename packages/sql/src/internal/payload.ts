/** From the payload of a row to that of a task, whichever release has written it. */
import * as Exit from "effect/Exit"
import type * as SchemaIssue from "effect/SchemaIssue"
import { makeFormatterDefault } from "effect/SchemaIssue"
import type { Codec } from "./codec.ts"
import type { Policy } from "./store.ts"

/** A text says why it does not decode. */
export const payloadOf = (
  row: { readonly payload: string, readonly version: number },
  { upgrade, version }: Policy,
  { decodePayload }: Codec
): { readonly value: unknown } | string => {
  try {
    const encoded: unknown = JSON.parse(row.payload)
    const exit = decodePayload(row.version < version && upgrade !== undefined ? upgrade(encoded, row.version) : encoded)
    return Exit.isSuccess(exit) ? { value: exit.value } : issueOf(exit)
  } catch (error) {
    return String(error)
  }
}

const format = makeFormatterDefault()

const issueOf = ({ cause }: Exit.Failure<unknown, unknown>): string => {
  const [reason] = cause.reasons
  if (reason._tag !== "Fail") return reason._tag === "Die" ? String(reason.defect) : "interrupted"
  const { error } = reason
  return error instanceof Error ? error.message : format(error as SchemaIssue.Issue) // a Schema fails with its issue
}
