/** Failures that nobody could have seen are logged: else the bugs of tasks that nobody awaits are lost. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { causeOf } from "../record/outcome.ts"
import type { TaskRecord } from "../record/task.ts"
import { nameOf } from "./label.ts"
import { annotationsOf, logSafely } from "./log.ts"

export const logUnseen = (task: TaskRecord): void => {
  const { machine } = task
  const cause = causeOf(task)
  const { defect, failure } = machine.settings.unhandled
  const level = cause.reasons.some(Cause.isDieReason) ? defect : failure
  if (level === "None") return
  const log = Effect.logWithLevel(level)(`${nameOf(task)} failed, and nothing awaits it`, cause)
  machine.fork(logSafely(Effect.annotateLogs(log, annotationsOf(task))))
}
