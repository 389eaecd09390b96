/** What is said of a task or a pool. */
import type { Segment, TaskRow } from "../../../src/Contract.ts"
import { duration, many } from "./format.ts"
import type { RollUp } from "./Store.ts"

/** Where a task stands, in one word; also the name of its colour. */
export type Status = "queued" | "running" | "sleeping" | "stopping" | "success" | "error" | "canceled" | "unknown"

export const statuses = [
  "queued",
  "running",
  "sleeping",
  "stopping",
  "error",
  "canceled",
  "success",
  "unknown"
] as const

/** The name of a state on the screen. */
export const stateName = <S extends TaskRow["state"] | Segment["state"]>(state: S): Lowercase<S> =>
  // what `toLowerCase` does, and its type does not say
  state.toLowerCase() as Lowercase<S>

export const statusOf = (row: TaskRow): Status =>
  row.state === "Exited" ? row.exitStatus ?? "unknown" : stateName(row.state)

export const statusWord = (status: string): string => status === "error" ? "failed" : status

/** The word on the screen. Who sleeps waits for something, and that is what people ask. */
export const statusText = (row: TaskRow): string => {
  const status = statusOf(row)
  return status === "sleeping" ? "waiting" : statusWord(status)
}

export const waitingWords: Readonly<Record<NonNullable<TaskRow["waitingFor"]>, string>> = {
  slot: "for a worker",
  "job-concurrency": "for its job's limit",
  "pool-concurrency": "for its pool's limit",
  rate: "for its rate",
  key: "for its key",
  paused: "while paused",
  delay: "for its delay",
  retry: "for its next attempt",
  children: "for its children",
  task: "for another task",
  effect: "for what it declared as a wait",
  elsewhere: "for a runner elsewhere"
}

/** What it waits for, with how many there are of it. */
export const waitingText = (row: TaskRow, below?: RollUp): string => {
  if (row.waitingFor === null) return ""
  const unfinished = below === undefined ? 0 : below.total - below.complete
  if (row.waitingFor === "children" && unfinished > 0) return `for ${many(unfinished, "child", "children")}`
  return waitingWords[row.waitingFor]
}

/** How long until its wait ends by itself. */
export const countdown = ({ waitingUntil }: TaskRow, now: number): string =>
  waitingUntil === null ? "" : waitingUntil <= now ? "due now" : `due in ${duration(waitingUntil - now)}`

/** A key as a person reads it: the default one is the payload's JSON, whose values say enough when they are short. */
export const keyText = ({ id, key }: Pick<TaskRow, "id" | "key">): string => {
  if (key === "") return id
  if (!key.startsWith("{") || !key.endsWith("}")) return key
  const known = keyTexts.get(key)
  if (known !== undefined) return known
  if (keyTexts.size > 5_000) keyTexts.clear()
  const text = valuesOf(key)
  keyTexts.set(key, text)
  return text
}

/** Reading JSON for each line of each frame would be dear; what is in here follows from the key alone. */
const keyTexts = new Map<string, string>()

const valuesOf = (key: string): string => {
  try {
    // JSON between braces is an object
    const fields = Object.entries(JSON.parse(key) as Record<string, unknown>)
    if (fields.length === 1 && typeof fields[0][1] === "string") return fields[0][1] || key
    if (fields.length === 0 || fields.some(([, value]) => typeof value === "object" && value !== null)) return key
    return fields.map(([name, value]) => `${name} ${String(value)}`).join(" · ")
  } catch {
    return key
  }
}

/** The worst of a roll-up: what bubbles up to every level. */
export const worst = (all: RollUp): Status =>
  all.failed > 0
    ? "error"
    : all.canceled > 0
    ? "canceled"
    : all.running > 0
    ? "running"
    : all.sleeping > 0
    ? "sleeping"
    : all.queued > 0
    ? "queued"
    : "success"

/** A fraction that a task reported itself, where its progress looks like one. */
export const ownProgress = (row: TaskRow): number | undefined => {
  if (row.progress === null || row.progress.length > 500) return undefined
  try {
    return fraction(JSON.parse(row.progress))
  } catch {
    return undefined
  }
}

const parts = ["done", "complete", "completed", "current", "bytes", "read"]
const wholes = ["of", "total", "count", "size", "max"]

const fraction = (value: unknown): number | undefined => {
  if (typeof value === "number") return value >= 0 && value <= 1 ? value : undefined
  if (typeof value !== "object" || value === null) return undefined
  // any object can be asked for any field
  const numbers = value as Record<string, unknown>
  const pick = (names: ReadonlyArray<string>) =>
    names.map((name) => numbers[name]).find((each) => typeof each === "number")
  const part = pick(parts)
  const whole = pick(wholes)
  return typeof part === "number" && typeof whole === "number" && whole > 0 ? Math.min(1, part / whole) : undefined
}

/** How long it has waited for its first start, without a delay that was chosen. */
export const waitTime = (row: TaskRow, now: number): number =>
  row.waitingFor === "delay" ? 0 : Math.max(0, (row.startedAt ?? row.finishedAt ?? now) - row.queuedAt - row.delay)

/** How long it has slept, since it started. */
export const sleepTime = ({ segments, sleepTime, state }: TaskRow, now: number): number =>
  sleepTime + (state === "Sleeping" ? Math.max(0, now - (segments.at(-1)?.from ?? now)) : 0)

/** How long it has run, sleeping left out. */
export const runTime = (row: TaskRow, now: number): number | undefined =>
  row.startedAt === null
    ? undefined
    : Math.max(0, (row.finishedAt ?? now) - row.startedAt - sleepTime(row, now))
