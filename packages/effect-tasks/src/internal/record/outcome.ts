/** From how a handler ended to what the task's exit is. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { ExitStatus } from "../../Task.ts"
import { DispatchError, HandlerInterrupted, TaskCanceled, TaskTimeout } from "../../TaskError.ts"
import { bare } from "../job/checks.ts"
import { extrasOf, type Stop, type TaskRecord, type Verdict } from "./task.ts"

/** The exit of an ended task, made when somebody first asks. */
export const exitOf = (task: TaskRecord): Exit.Exit<any, any> => {
  const verdict = task.verdict!
  return isStop(verdict) ? extrasOf(task).exit ??= makeExit(task, verdict) : verdict
}

/** Why an ended task did not succeed. */
export const causeOf = (task: TaskRecord): Cause.Cause<unknown> => {
  const exit = exitOf(task)
  return Exit.isFailure(exit) ? exit.cause : Cause.empty
}

const makeExit = (task: TaskRecord, stop: Stop): Exit.Exit<unknown, unknown> => {
  const ids = { taskId: task.id, job: task.job.tag }
  return Exit.fail(bare(() =>
    stop._tag === "cancel"
      ? new TaskCanceled({ ...ids, reason: stop.reason })
      : new TaskTimeout({ ...ids, phase: stop.phase, after: stop.after })
  ))
}

export const isStop = (verdict: Verdict): verdict is Stop => verdict._tag === "cancel" || verdict._tag === "timeout"

export const exitStatusOf = ({ verdict }: TaskRecord): ExitStatus =>
  verdict!._tag === "cancel" ? "canceled" : verdict!._tag === "Success" ? "success" : "error"

/**
 * The result of a handler that nobody stopped: an exit never carries an interrupt, and a refused dispatch that the
 * handler let through is a defect.
 */
export const resultOf = (task: TaskRecord, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit)) return exit
  const { reasons } = exit.cause
  if (!reasons.some(needsCare)) return exit
  const kept = reasons.filter((reason) => reason._tag !== "Interrupt").map((reason) =>
    reason._tag === "Fail" && reason.error instanceof DispatchError ? Cause.makeDieReason(reason.error) : reason
  )
  return Exit.failCause(
    kept.length > 0
      ? Cause.fromReasons(kept)
      : Cause.die(bare(() => new HandlerInterrupted({ taskId: task.id, job: task.job.tag })))
  )
}

const needsCare = (reason: Cause.Reason<unknown>): boolean =>
  reason._tag === "Interrupt" || (reason._tag === "Fail" && reason.error instanceof DispatchError)

/** What a stopped handler's cause held beside the interruption. */
export const leftover = (exit: Exit.Exit<unknown, unknown>): Cause.Cause<unknown> | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const reasons = exit.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
  return reasons.length === 0 ? undefined : Cause.fromReasons(reasons)
}
