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

  constructor(message: string, actual: unknown, expected: unknown) {
    super(message)
    this.actual = actual
    this.expected = expected
  }
}

export const failed = (message: string, actual: unknown, expected: unknown): Effect.Effect<never> =>
  Effect.die(new AssertionError(message, actual, expected))

/** Whether the value is as expected, or has at least the expected fields. */
export const matches = (actual: unknown, expected: unknown): boolean => {
  if (!isRecord(actual) || !isRecord(expected)) return Equal.equals(actual, expected)
  return Object.keys(expected).every((key) => key in actual && matches(actual[key], expected[key]))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Equal.isEqual(value)

export const show = format

export const showTasks = (tasks: ReadonlyArray<TaskRecord>): string =>
  tasks.length === 0 ? "none" : tasks.map((task) => `\n  ${task.id} ${show(task.payload)}`).join("")
