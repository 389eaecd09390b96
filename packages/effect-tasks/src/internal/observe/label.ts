/** How a person names a task: its id, and what its payload says in a few words. */
import type * as Cause from "effect/Cause"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Failed, PoolRecord } from "../record/pool.ts"
import type { TaskRecord } from "../record/task.ts"

const longest = 120

/** By the job's own function, else made from the payload: `path /a/b · size 3`. Empty where there is nothing to say. */
const labelOf = ({ job, payload }: TaskRecord): string => {
  try {
    return cut(job.definition.label?.(payload) ?? textOf(payload))
  } catch {
    return "" // a function of the user or a getter that throws: the id must do
  }
}

/** A task as a person reads it: its id, and its label where there is one. */
export const nameOf = (task: TaskRecord): string => {
  const label = labelOf(task)
  return label === "" ? task.id : `${task.id} (${label})`
}

export const poolNameOf = ({ id, name }: PoolRecord): string => name === id ? id : `${JSON.stringify(name)} (${id})`

/** That of a failed task, which may be gone by now. */
export const labelOfFailed = (failed: Failed): string => {
  if (failed.task === undefined) return failed.label
  failed.label = labelOf(failed.task)
  failed.task = undefined
  failed.cause.reasons.forEach(readStack)
  return failed.label
}

/** Until somebody reads it, V8 keeps what the functions of a stack refer to: the payload for one. */
const readStack = (reason: Cause.Reason<unknown>): void => {
  const error = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
  try {
    if (error instanceof Error) String(error.stack)
  } catch {
    // a getter of the user's
  }
}

const cut = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ")
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
}

const textOf = (payload: unknown): string =>
  isPlain(payload)
    ? Object.entries(payload).slice(0, longest).map(([name, value]) => `${name} ${valueOf(value, 1)}`).join(" · ")
    : payload === undefined
    ? ""
    : valueOf(payload, 0)

/** A field in a few words, secrets withheld; what lies deep is left out. */
const valueOf = (value: unknown, depth: number): string => {
  if (typeof value === "string") return value.slice(0, longest)
  if (typeof value !== "object" || value === null) return String(value)
  if (Redacted.isRedacted(value)) return "<redacted>"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString()
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth > 2) return "…"
  if (Array.isArray(value)) return listOf(value.slice(0, longest).map((each) => valueOf(each, depth + 1)), "[]")
  if (value instanceof Map || value instanceof Set) return `${value.size} entries`
  if (!isPlain(value)) return String(value).slice(0, longest)
  const fields = Object.entries(value).slice(0, longest).map(([name, each]) => `${name}: ${valueOf(each, depth + 1)}`)
  return listOf(fields, "{}")
}

const listOf = (parts: ReadonlyArray<string>, [open, close]: string): string => open + parts.join(", ") + close

/** An object whose fields say what it is: a literal, or an instance of a class of Schema. */
const isPlain = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Schema.isSchema(prototype.constructor)
}
