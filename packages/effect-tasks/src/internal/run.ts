/** Running a task: its fiber, its attempts, its end. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { toEffect } from "./checks.ts"
import { closePool } from "./closing.ts"
import { transition } from "./counting.ts"
import { logSafely } from "./hooks.ts"
import { clearDeadline, enterStopping, exit } from "./lifecycle.ts"
import { isStop, leftover, resultOf } from "./outcome.ts"
import { CurrentPlace, runOf } from "./place.ts"
import { Execution, type Run } from "./records.ts"
import { inSpan, tracerOf } from "./span.ts"
import { armTimeout } from "./stop.ts"
import { TaskContextImpl } from "./taskContext.ts"
import * as told from "./told.ts"
import { grant, park } from "./waiting.ts"

/** Gives a task its slot: it starts, or goes on from where it slept. */
export const give = (run: Run): void => {
  const { machine } = run.task
  const { waiting } = run
  const resumes = waiting !== undefined && waiting.claiming
  const queue = resumes ? machine.resuming : machine.ready
  queue.remove(run)
  run.execution ??= new Execution()
  run.task.worker = run.execution.slot = machine.slots.take()
  run.gate?.take()
  if (resumes) grant(run, waiting)
  else start(run, run.execution)
}

const start = (run: Run, execution: Execution): void => {
  const { task } = run
  clearDeadline(run)
  task.startedAt = task.machine.timers.now()
  transition(run, "Running")
  task.machine.emit(told.started, task)
  const from = run.timeouts.timeout < Infinity ? task.machine.timers.ticks() : undefined
  attempt(run, execution)
  if (
    run.timeouts.timeout < Infinity && (task.state === "Running" || task.state === "Sleeping") &&
    run.deadline === undefined
  ) {
    armTimeout(run, from)
  }
}

const attempt = (run: Run, execution: Execution): void => fork(run, execution, handle, ended)

const attemptAgain = (run: Run, execution: Execution): void => {
  execution.scope = Scope.makeUnsafe()
  attempt(run, execution)
}

/** The handler of the task that the fiber is inside of: one effect for all tasks. */
const handle: Effect.Effect<unknown, unknown, any> = Effect.withFiber((fiber) => {
  const run = runOf(fiber)!
  const tracer = tracerOf(run, fiber)
  return tracer === undefined ? invoke(run) : inSpan(run, tracer, Effect.suspend(() => invoke(run)))
})

const invoke = (run: Run): Effect.Effect<unknown, unknown, any> => {
  const { registration, task } = run
  const result = registration.handler(task.payload, new TaskContextImpl(run, task.attempt))
  return Effect.isEffect(result) ? result : toEffect(result, () => `The handler of job "${task.job.tag}"`)
}

/** Runs an effect as this task's fiber. */
const fork = <A, E>(
  run: Run,
  execution: Execution,
  effect: Effect.Effect<A, E, any>,
  then: (run: Run, execution: Execution, exit: Exit.Exit<A, E>) => void,
  options?: Effect.RunOptions
): void => {
  const placed = Context.addUnsafe<never, never, Run>(run.registration.context, CurrentPlace.key, run)
  const context = Context.addUnsafe<never, never, Scope.Scope>(placed, Scope.Scope.key, execution.scope)
  const fiber = Effect.runForkWith(context)(effect as Effect.Effect<A, E>, options) // the registration's context provides the rest
  const polled = fiber.pollUnsafe()
  if (polled !== undefined) return then(run, execution, polled)
  execution.fiber = fiber
  fiber.addObserver((exit) => {
    execution.fiber = undefined
    then(run, execution, exit)
  })
  if (run.marked) fiber.interruptUnsafe()
}

const ended = (run: Run, execution: Execution, exit: Exit.Exit<unknown, unknown>): void => {
  const error = run.marked ? undefined : retryable(run, exit)
  if (error === undefined) return conclude(run, execution, exit)
  fork(run, execution, decideRetry(run, execution, error.value), (_, __, decision) => {
    if (run.marked || Exit.isSuccess(decision) && !decision.value) return conclude(run, execution, exit)
    if (Exit.isFailure(decision)) return conclude(run, execution, decision)
    // in the turn, so that attempts that fail at once do not nest
    run.task.machine.tell(() => (run.marked ? conclude(run, execution, exit) : attemptAgain(run, execution)))
  })
}

/** Only typed failures are retried. */
const retryable = (run: Run, exit: Exit.Exit<unknown, unknown>): { readonly value: unknown } | undefined => {
  const { retry } = run.registration.definition
  if (retry === undefined || Exit.isSuccess(exit)) return undefined
  if (run.task.attempt > (retry.times ?? Infinity)) return undefined
  const result = resultOf(run.task, exit)
  if (Exit.isSuccess(result) || !result.cause.reasons.every(Cause.isFailReason)) return undefined
  return { value: (result.cause.reasons[0] as Cause.Fail<unknown>).error } // every reason is a Fail
}

/** Whether another attempt follows; if so the failed one is closed and the delay has passed. */
const decideRetry = (run: Run, execution: Execution, error: unknown): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const { task } = run
    const retry = run.registration.definition.retry!
    const wanted = retry.while === undefined ? true : retry.while(error)
    if (!(typeof wanted === "boolean" ? wanted : yield* wanted)) return false
    const delay = yield* nextDelay(run, execution, error)
    if (delay === undefined) return false
    yield* Effect.uninterruptible(closeAttempt(run, execution, Exit.fail(error)))
    task.extras?.hooks?.dropAttempt(task.attempt)
    task.attempt++
    task.machine.emit(told.retrying, task, error)
    if (delay > 0 && !task.machine.instant) yield* sleep(run, delay)
    return true
  })

type Step = (input: unknown) => Effect.Effect<number | undefined>

const nextDelay = (run: Run, execution: Execution, error: unknown): Effect.Effect<number | undefined> => {
  const schedule = run.registration.definition.retry!.schedule
  if (schedule === undefined) return Effect.succeed(0)
  const makeStep: Effect.Effect<Step> = Effect.map(
    Schedule.toStep(schedule),
    (step): Step => (input) =>
      Effect.suspend(() => step(run.task.machine.timers.date(), input)).pipe(
        Effect.map(([, duration]): number | undefined => Duration.toMillis(duration)),
        Pull.catchDone(() => Effect.succeed(undefined))
      )
  )
  const step = execution.retryStep === undefined
    ? Effect.tap(makeStep, (made) => Effect.sync(() => (execution.retryStep = made)))
    : Effect.succeed(execution.retryStep)
  return Effect.flatMap(step, (next) => next(error))
}

const sleep = (run: Run, millis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { timers } = run.task.machine
    let deadline: ReturnType<typeof timers.set> | undefined
    return park({
      reason: "retry",
      over: () => undefined,
      attach: (waiter) => {
        deadline = timers.set(millis, () => waiter.wake())
      },
      detach: () => timers.clear(deadline!)
    })
  })

/** Pools first, then what the handler has acquired. */
const closeAttempt = (run: Run, execution: Execution, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.andThen(closePools(run, execution), Effect.suspend(() => Scope.close(execution.scope, exit)))

const closePools = (run: Run, execution: Execution): Effect.Effect<void> =>
  Effect.suspend(() => {
    const [pool] = execution.pools ?? []
    return pool === undefined
      ? Effect.void
      : Effect.andThen(closePool(pool, `${run.task.id} has ended`), closePools(run, execution))
  })

const hasRemains = ({ pools, scope }: Execution): boolean =>
  scope.state._tag === "Open" || (pools !== undefined && pools.size > 0)

/** The handler has ended for good: take the verdict, close what it left, exit. */
const conclude = (run: Run, execution: Execution, result: Exit.Exit<unknown, unknown>): void => {
  const { task } = run
  if (task.state !== "Stopping") enterStopping(run, resultOf(task, result))
  else logLeftover(run, result)
  if (!hasRemains(execution)) {
    Scope.closeUnsafe(execution.scope, result)
    return exit(run)
  }
  const verdict = task.verdict!
  const closing = closeAll(run, execution, isStop(verdict) ? result : verdict)
  fork(run, execution, closing, (_, __, closed) => {
    if (Exit.isFailure(closed)) finalizerFailed(run, closed)
    exit(run)
  }, { uninterruptible: true })
}

/** A finalizer may open pools of its own, so look again after the Scope has closed. */
const closeAll = (run: Run, execution: Execution, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.onExit(closeAttempt(run, execution, exit), () => closePools(run, execution))

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
  const context = Context.add(run.registration.context, CurrentPlace, run)
  Effect.runForkWith(context)(logSafely(Effect.logWarning(`${run.task.id} failed while it stopped`, cause)))
}
