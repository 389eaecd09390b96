/** R8, R23: deadlines and retries. */
import { one, type RuleMutant } from "./rule.ts"

export const time: ReadonlyArray<RuleMutant> = [
  // deadlines
  one(
    "R08",
    "each attempt has the whole timeout",
    "run/attempt.ts",
    "  run.execution = new Execution(run.execution)\n",
    "  run.execution = new Execution(run.execution)\n  if (run.rare?.deadline !== undefined) {\n    run.task.machine.timers.clear(run.rare.deadline)\n    armTimeout(run)\n  }\n"
  ),
  one(
    "R08",
    "setTimeout counts from the start",
    "transition/stop.ts",
    "  clearDeadline(run)\n  armTimeout(run)\n",
    "  clearDeadline(run)\n  armTimeout(run, run.task.startedAt)\n"
  ),
  one(
    "R08",
    "a deadline that was replaced fires too",
    "transition/stop.ts",
    "  clearDeadline(run)\n  armTimeout(run)\n",
    "  armTimeout(run)\n"
  ),
  one(
    "R08",
    "a timer outlives its task",
    "transition/lifecycle.ts",
    `  clearDeadline(run)\n  transition(run, "Stopping")`,
    `  transition(run, "Stopping")`
  ),
  one(
    "R08",
    "a task that has ended gets a timeout",
    "transition/stop.ts",
    `  if (state === "Stopping" || state === "Exited") return\n  rareOf(run).timeouts`,
    "  rareOf(run).timeouts"
  ),
  one(
    "R08",
    "a timeout that is set before the start is forgotten",
    "run/attempt.ts",
    "  const { timeout } = timeoutsOf(run)\n",
    "  const { timeout } = run.registration.definition.timeouts\n"
  ),
  one("R08", "a delay is ignored", "dispatch/accept.ts", "postpone(run, delay)", "queue(run)"),
  one(
    "R08",
    "a delayed task overtakes those that came meanwhile",
    "transition/lifecycle.ts",
    "if (run.order === 0) run.order = machine.nextOrder()",
    "if (run.order === 0) run.order = run.task.number"
  ),
  one("R08", "a queueTimeout never fires", "transition/lifecycle.ts", "if (queueTimeout < Infinity) {", "if (false) {"),
  one(
    "R08",
    "a queueTimeout fires after the start",
    "transition/lifecycle.ts",
    "  clearDeadline(run)\n  leaveCursor(run)\n  task.startedAt",
    "  leaveCursor(run)\n  task.startedAt"
  ),
  one(
    "R08",
    "a queueTimeout does not count while the task waits for its key",
    "transition/lifecycle.ts",
    "if (queueTimeout < Infinity) {",
    "if (queueTimeout < Infinity && (run.rare?.keyPlace === undefined || run.rare.keyPlace.queue.first === run)) {"
  ),
  one(
    "R08",
    "a timeout counts as a cancel",
    "record/outcome.ts",
    `verdict!._tag === "cancel" ? "canceled"`,
    `isStop(verdict!) ? "canceled"`
  ),
  // retries
  one("R23", "a defect is retried", "run/retry.ts", " || !result.cause.reasons.every(Cause.isFailReason)", ""),
  one("R23", "`while` is not asked", "run/retry.ts", "isWanted === undefined ? true : isWanted(error)", "true"),
  one(
    "R23",
    "there is one retry too few",
    "run/retry.ts",
    "failuresBefore(run) >= (retry.times",
    "failuresBefore(run) + 1 >= (retry.times"
  ),
  one(
    "R23",
    "the Scope of a failed attempt stays open",
    "run/attempt.ts",
    "    yield* Effect.uninterruptible(closeForRetry(run, error))\n",
    ""
  ),
  one(
    "R23",
    "pools that a finalizer of a failed attempt makes stay open",
    "run/attempt.ts",
    "Effect.onExit(Effect.andThen(pools, scope), () => pools)",
    "Effect.andThen(pools, scope)"
  ),
  one(
    "R23",
    "hooks of a failed attempt run",
    "run/attempt.ts",
    "    task.extras?.hooks?.dropAttempt(task.attempt)\n    task.attempt++",
    "    task.attempt++"
  ),
  one("R23", "a retry drops the hooks of the handle", "record/hooks.ts", "hook.attempt !== attempt", "false"),
  one("R23", "a retry without a delay gives the slot away", "run/attempt.ts", "if (delay > 0 || needsMore(run)) ", ""),
  one(
    "R23",
    "a finalizer's defect between attempts hides the failure",
    "run/attempt.ts",
    "Cause.combine(Cause.fail(error), defect)",
    "defect"
  ),
  one(
    "R23",
    "a finalizer's defect between attempts is lost when a stop comes meanwhile",
    "run/attempt.ts",
    "    if (run.marked && Exit.isFailure(prepared)) logLeftover(run, prepared)\n",
    ""
  )
]
