/** What a line of the tree says about a task or a pool and everything below it. */
import type { PoolRow, TaskRow } from "../../../src/Contract.ts"
import { type NodeKey, store } from "./store.ts"

/** Where a task stands, in one word; also the name of its colour. */
type Status = "queued" | "running" | "sleeping" | "stopping" | "success" | "error" | "canceled" | "unknown"

/** The name of a state on the screen. */
export const stateName = <S extends TaskRow["state"]>(state: S): Lowercase<S> =>
  // what `toLowerCase` does, and its type does not say
  state.toLowerCase() as Lowercase<S>

export const statusOf = (row: TaskRow): Status =>
  row.state === "Exited" ? row.exitStatus ?? "unknown" : stateName(row.state)

/** The word on the screen. */
export const statusText = (row: TaskRow): string => row.exitStatus === "error" ? "failed" : statusOf(row)

export const waitingWords: Readonly<Record<NonNullable<TaskRow["waitingFor"]>, string>> = {
  slot: "for a worker",
  "job-concurrency": "for its job's limit",
  key: "for its key",
  paused: "while paused",
  delay: "for its delay",
  retry: "for its retry",
  children: "for its children",
  task: "for a task",
  effect: "for an effect",
  elsewhere: "for a runner elsewhere"
}

export const waitingText = (row: TaskRow): string => row.waitingFor === null ? "" : waitingWords[row.waitingFor]

/** A key as a person reads it: the default one is the payload's JSON, whose values say enough when they are short. */
export const keyText = ({ id, key }: TaskRow): string => {
  if (key === "") return id
  if (!key.startsWith("{") || !key.endsWith("}")) return key
  const known = keyTexts.get(key)
  if (known !== undefined) return known
  if (keyTexts.size > 5_000) keyTexts.clear()
  const text = plain(key)
  keyTexts.set(key, text)
  return text
}

const keyTexts = new Map<string, string>()

const plain = (key: string): string => {
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

/** Everything below a node, added up. */
export interface RollUp {
  readonly total: number
  readonly complete: number
  readonly failed: number
  readonly canceled: number
  readonly running: number
  readonly sleeping: number
  readonly queued: number
  readonly progress: number
}

const sum = (pools: Iterable<PoolRow>): RollUp | undefined => {
  let all: RollUp | undefined
  for (const pool of pools) {
    if (all === undefined) {
      all = pool
      continue
    }
    const total = all.total + pool.total
    all = {
      total,
      complete: all.complete + pool.complete,
      failed: all.failed + pool.failed,
      canceled: all.canceled + pool.canceled,
      running: all.running + pool.running,
      sleeping: all.sleeping + pool.sleeping,
      queued: all.queued + pool.queued,
      progress: total === 0 ? 0 : (all.progress * all.total + pool.progress * pool.total) / total
    }
  }
  return all
}

export const rollUp = (key: NodeKey): RollUp | undefined => {
  const id = key.slice(1)
  const ids = key[0] === "p" ? [id] : store.poolsOf.get(id) ?? []
  const pools: Array<PoolRow> = []
  for (const each of ids) {
    const pool = store.pools.get(each)
    if (pool !== undefined && pool.total > 0) pools.push(pool)
  }
  return sum(pools)
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

export const waitTime = (row: TaskRow, now: number): number =>
  Math.max(0, (row.startedAt ?? row.finishedAt ?? now) - row.queuedAt)

export const runTime = (row: TaskRow, now: number): number | undefined =>
  row.startedAt === null ? undefined : Math.max(0, (row.finishedAt ?? now) - row.startedAt)
