/** What the callers of the soak know to have happened, and what turned out wrong. */
import { Effect } from "effect"

/** How often each endurance test repeats. */
export const many = 100_000

/** What the callers of tasks have seen. */
export const totals = {
  dispatched: 0,
  success: 0,
  failed: 0,
  canceled: 0,
  joined: 0,
  reused: 0,
  hooks: 0,
  finalizers: 0
}

/** How often what runs in tasks and pools has run. */
export const ran = { hooks: 0, finalizers: 0 }

export const count = (what: keyof typeof ran) => Effect.sync(() => ran[what]++)

export const problems: Array<string> = []

export const expect = (what: string, actual: unknown, expected: unknown): void => {
  if (Object.is(actual, expected)) return
  problems.push(`${what}: ${String(actual)} instead of ${String(expected)}`)
  if (problems.length > 20) throw new Error(problems.join("\n"))
}
