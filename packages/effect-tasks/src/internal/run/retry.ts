/** Whether a failed attempt is followed by another one, and when. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { resultOf } from "../record/outcome.ts"
import type { Run } from "../record/run.ts"

/** The error of an attempt that may be retried: only typed failures are. */
export const retryable = (run: Run, exit: Exit.Exit<unknown, unknown>): { readonly error: unknown } | undefined => {
  const { retry } = run.registration.definition
  if (run.marked || retry === undefined || Exit.isSuccess(exit)) return undefined
  if (failuresBefore(run) >= (retry.times ?? Infinity)) return undefined
  const result = resultOf(run.task, exit)
  if (Exit.isSuccess(result) || !result.cause.reasons.every(Cause.isFailReason)) return undefined
  return { error: (result.cause.reasons[0] as Cause.Fail<unknown>).error } // every reason is a Fail
}

/** How many attempts have failed before this one, in earlier lives of a stored task too. */
const failuresBefore = ({ task: { attempt, extras } }: Run): number => attempt - 1 - (extras?.stored?.restarts ?? 0)

/** In milliseconds; none when the job's policy has had enough. */
export const delayOfRetry = (run: Run, error: unknown): Effect.Effect<number | undefined> =>
  Effect.suspend(() => {
    const { while: isWanted } = run.registration.definition.retry!
    const wanted = isWanted === undefined ? true : isWanted(error)
    const decided = typeof wanted === "boolean" ? Effect.succeed(wanted) : wanted
    return Effect.flatMap(decided, (yes) => (yes ? nextDelay(run, error) : Effect.succeed(undefined)))
  })

type Step = (input: unknown) => Effect.Effect<number | undefined>

const nextDelay = (run: Run, error: unknown): Effect.Effect<number | undefined> => {
  const { schedule } = run.registration.definition.retry!
  const execution = run.execution! // it has started
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
    ? Effect.tap(makeStep, (made) => {
      execution.retryStep = made
      return Effect.replicateEffect(made(error), failuresBefore(run), { discard: true }) // those of earlier lives
    })
    : Effect.succeed(execution.retryStep)
  return Effect.flatMap(step, (next) => next(error))
}
