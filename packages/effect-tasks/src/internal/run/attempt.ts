/** Running a task: its fiber, its attempts, its end. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { toResult } from "../job/checks.ts"
import * as event from "../observe/event.ts"
import { logSafely } from "../observe/log.ts"
import { inSpan, tracerOf } from "../observe/span.ts"
import { CurrentTask, runOf } from "../record/currentTask.ts"
import { isStop, leftover, resultOf } from "../record/outcome.ts"
import type { PoolRecord } from "../record/pool.ts"
import { Execution, rareOf, type Run, type Snooze, timeoutsOf, waitingOf } from "../record/run.ts"
import { touchTask } from "../record/task.ts"
import { enterStopping, exit, start } from "../transition/lifecycle.ts"
import { holdBack } from "../transition/limits.ts"
import { armTimeout } from "../transition/stop.ts"
import { closePools, openPools } from "../wait/closing.ts"
import { park } from "../wait/wait.ts"
import { delayOfRetry, retryable } from "./retry.ts"
import { isSnooze, snoozeOf, withoutSnooze } from "./snooze.ts"
import { TaskContextImpl } from "./taskContext.ts"

/** The first attempt of a task that has its slot. */
export const startRun = (run: Run): void => {
  const { task } = run
  const { timeout } = timeoutsOf(run)
  start(run)
  const from = timeout < Infinity ? task.machine.timers.ticks() : undefined
  attempt(run)
  if (
    from !== undefined && (task.state === "Running" || task.state === "Sleeping") && run.rare?.deadline === undefined
  ) {
    armTimeout(run, from)
  }
}

/** Another attempt, after one that failed so. */
export const attemptAgain = (run: Run, failed: Exit.Exit<unknown, unknown>): void => {
  if (run.marked) return conclude(run, failed)
  run.execution = new Execution(run.execution)
  if (run.rare !== undefined) run.rare.snoozed = undefined
  attempt(run)
}

const attempt = (run: Run): void => fork(run, handle, ended)

/** The handler of the task that the fiber is inside of: one effect for all tasks. */
const handle: Effect.Effect<unknown, unknown, any> = Effect.withFiber((fiber) => {
  const run = runOf(fiber)!
  const tracer = tracerOf(run, fiber)
  return tracer === undefined ? invoke(run) : traced(run, tracer)
})

/** A snooze is no failure of the span. */
const traced = (run: Run, tracer: Tracer.Tracer): Effect.Effect<unknown, unknown, any> => {
  const handler = Effect.catchCause(Effect.suspend(() => invoke(run)), (cause) => {
    const exit = Exit.failCause(cause)
    const snooze = snoozeOf(run, exit)
    return snooze === undefined ? exit : Effect.succeed(snooze)
  })
  return Effect.flatMap(
    inSpan(run, tracer, handler),
    (result) => (isSnooze(run, result) ? Effect.die(result) : Effect.succeed(result))
  )
}

const invoke = (run: Run): Effect.Effect<unknown, unknown, any> => {
  const { limits, registration, task } = run
  // whatever has run since its slot was given: a rate counts from here
  if (limits?.isTimed) limits.called(run.execution!.takenAt, task.machine.timers.moment())
  const result = registration.handler(task.payload, new TaskContextImpl(run, task.attempt))
  return Effect.isEffect(result) ? result : toResult(result, () => `The handler of job "${task.job.tag}"`)
}

/** Runs an effect as this task's fiber. */
const fork = <A, E>(
  run: Run,
  effect: Effect.Effect<A, E, any>,
  then: (run: Run, exit: Exit.Exit<A, E>) => void,
  options?: Effect.RunOptions
): void => {
  const execution = run.execution! // it has started
  const placed = Context.addUnsafe<never, never, Run>(run.registration.context, CurrentTask.key, run)
  const context = Context.addUnsafe<never, never, Scope.Scope>(placed, Scope.Scope.key, execution)
  const fiber = Effect.runForkWith(context)(effect as Effect.Effect<A, E>, options) // the registration's context provides the rest
  const polled = fiber.pollUnsafe()
  if (polled !== undefined) return then(run, polled)
  execution.fiber = fiber
  fiber.addObserver((exit) => {
    execution.fiber = undefined
    then(run, exit)
  })
  if (run.marked) fiber.interruptUnsafe()
}

const ended = (run: Run, result: Exit.Exit<unknown, unknown>): void => {
  const exit = withoutSnooze(run, result)
  const snooze = run.marked ? undefined : snoozeOf(run, result)
  if (snooze !== undefined) return anotherAfter(run, exit, prepareRest(run, snooze))
  const failure = retryable(run, exit)
  if (failure === undefined) return conclude(run, exit)
  anotherAfter(run, exit, prepareRetry(run, failure.error))
}

/** Another attempt follows, if there is to be one. */
const anotherAfter = (
  run: Run,
  exit: Exit.Exit<unknown, unknown>,
  preparation: Effect.Effect<boolean, unknown>
): void =>
  fork(run, preparation, (_, prepared) => {
    if (run.marked && Exit.isFailure(prepared)) logLeftover(run, prepared)
    if (run.marked || (Exit.isSuccess(prepared) && !prepared.value)) return conclude(run, exit)
    if (Exit.isFailure(prepared)) return conclude(run, prepared)
    // in the turn, so that attempts that fail at once do not nest
    run.task.machine.tell({ _tag: "attempt", run, failed: exit })
  })

/** The attempt is closed, the slot lent until the time has come. */
const prepareRest = (run: Run, { hold, millis }: Snooze): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const { task } = run
    if (hold && !task.machine.settings.inline) holdBack(run, millis)
    yield* Effect.uninterruptible(closeAttempt(run, Exit.void))
    if (run.marked) return false
    task.extras?.hooks?.dropAttempt(task.attempt)
    rareOf(run).snoozes++
    yield* pause(run, millis, "delay")
    return true
  })

/** Whether another attempt follows; if so the failed one is closed and the delay has passed. */
const prepareRetry = (run: Run, error: unknown): Effect.Effect<boolean, unknown> =>
  Effect.gen(function*() {
    const { task } = run
    const delay = yield* delayOfRetry(run, error)
    if (delay === undefined) return false
    yield* Effect.uninterruptible(closeForRetry(run, error))
    if (run.marked) return false
    task.extras?.hooks?.dropAttempt(task.attempt)
    task.attempt++
    if (task.extras?.stored !== undefined) run.registration.backend!.retrying(task.extras.stored, delay)
    task.machine.emit(event.retrying, task, { attempt: task.attempt, error })
    touchTask(task)
    if (delay > 0 || needsMore(run)) yield* pause(run, delay, "retry")
    return true
  })

/** A defect of a finalizer ends the task, with the failure that it came after. */
const closeForRetry = (run: Run, error: unknown): Effect.Effect<void, unknown> =>
  Effect.catchCause(
    closeAttempt(run, Exit.fail(error)),
    (defect) => Effect.failCause(Cause.combine(Cause.fail(error), defect))
  )

/** Whether another attempt needs more than the task holds. */
const needsMore = ({ limits }: Run): boolean => limits !== limits?.held

/** Between two attempts: lends the slot until the time has come and the limits have room for another start. */
const pause = (run: Run, delay: number, reason: "retry" | "delay"): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { machine } = run.task
    const millis = machine.settings.inline ? 0 : delay
    if (machine.settings.inline && !needsMore(run)) return Effect.void
    const waiting = waitingOf(run)
    return park({
      reason,
      starts: true,
      over: () => undefined,
      attach: (waiter) => {
        const wake = () => machine.tell({ _tag: "wake", waiters: [waiter] })
        if (millis === 0) return wake()
        waiting.attemptAt = machine.timers.set(millis, wake)
      },
      detach: () => {
        if (waiting.attemptAt !== undefined) machine.timers.clear(waiting.attemptAt)
        waiting.attemptAt = undefined
      }
    })
  })

/** Pools first, then what the handler has acquired; a finalizer may open pools of its own, so look again. */
const closeAttempt = (
  run: Run,
  exit: Exit.Exit<unknown, unknown>,
  closed = new Set<PoolRecord>()
): Effect.Effect<void> => {
  const execution = run.execution! // it has started
  const pools = closePools(execution, `${run.task.id} has ended`, closed)
  const scope = Effect.suspend(() => Scope.close(execution, exit))
  return Effect.onExit(Effect.andThen(pools, scope), () => pools)
}

/** The handler has ended for good: take the verdict, close what it left, exit. */
const conclude = (run: Run, result: Exit.Exit<unknown, unknown>): void => {
  const { task } = run
  if (task.state !== "Stopping") enterStopping(run, resultOf(task, result))
  else logLeftover(run, result)
  close(run, isStop(task.verdict!) ? result : task.verdict!)
}

const close = (run: Run, result: Exit.Exit<unknown, unknown>, closed?: Set<PoolRecord>): void => {
  const execution = run.execution! // it has started
  if (execution.state._tag !== "Open" && openPools(execution, closed).length === 0) {
    Scope.closeUnsafe(execution, result)
    return exit(run)
  }
  const seen = closed ?? new Set()
  // a fiber that outlives the handler may have opened a pool just now, so look again
  fork(run, closeAttempt(run, result, seen), (_, done) => {
    if (Exit.isFailure(done)) finalizerFailed(run, done)
    close(run, result, seen)
  }, { uninterruptible: true })
}

const finalizerFailed = (run: Run, closed: Exit.Exit<void>): void => {
  const { task } = run
  const defect = leftover(closed)
  if (defect === undefined) return
  if (task.verdict!._tag === "Success") task.verdict = Exit.failCause(defect)
  else logLeftover(run, closed)
}

/** What a stopped task's cause held beside its verdict is not lost. */
const logLeftover = (run: Run, exit: Exit.Exit<unknown, unknown>): void => {
  const cause = leftover(exit)
  if (cause === undefined) return
  const context = Context.add(run.registration.context, CurrentTask, run)
  Effect.runForkWith(context)(logSafely(Effect.logWarning(`${run.task.id} failed while it stopped`, cause)))
}
