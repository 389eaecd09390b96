/** What a failed expectation says. Test runners show `actual` and `expected` as a diff. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import { format } from "effect/Formatter"
import type { TaskRecord } from "../record/task.ts"

class AssertionError extends Error {
  override readonly name = "AssertionError"
  readonly showDiff = true
  readonly actual: unknown
  readonly expected: unknown

  constructor(site: CallSite, message: string, actual: unknown, expected: unknown) {
    super(message)
    this.actual = actual
    this.expected = expected
    if (site.stack !== undefined) this.stack = site.stack.replace(/^Error.*/, () => `${this.name}: ${message}`)
  }
}

/** The stack above an assertion, which starts where the test called it: a failed one is made in a fiber that knows no test. */
export type CallSite = Pick<Error, "stack">

export const callerOf = (assertion: (...args: ReadonlyArray<never>) => unknown): CallSite => {
  const site = new Error()
  engine.captureStackTrace?.(site, assertion)
  return site
}

const engine = Error as { captureStackTrace?: (site: Error, below: unknown) => void } // not every engine has it

export const failed = (site: CallSite, message: string, actual: unknown, expected: unknown): Effect.Effect<never> =>
  Effect.die(new AssertionError(site, message, actual, expected))

/** Whether the value is as expected, or has at least the expected fields. */
export const matches = (actual: unknown, expected: unknown): boolean => {
  if (!isRecord(actual) || !isRecord(expected)) return Equal.equals(actual, expected)
  return Object.keys(expected).every((key) => key in actual && matches(actual[key], expected[key]))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Equal.isEqual(value)

export const show = format

export const showTasks = (tasks: ReadonlyArray<TaskRecord>): string =>
  tasks.length === 0 ? " none" : tasks.map((task) => `\n  ${task.id} ${show(task.payload)}`).join("")
