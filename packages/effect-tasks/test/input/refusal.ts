import { assert } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { DispatchError, InvalidPayload, WorkerPool } from "effect-tasks"
import { recordEvents, settleTurns } from "../support.ts"

/** All that a dispatch could change. */
const snapshot = Effect.gen(function*() {
  const { pools, status, tasks } = yield* WorkerPool
  const poolStatuses = yield* Effect.forEach(
    yield* pools,
    (pool) => Effect.map(pool.status, (each) => ({ ...each, runTime: 0, id: pool.id }))
  )
  return { status: yield* status, tasks: (yield* tasks).map(({ id }) => id), pools: poolStatuses }
})

/** The exit of a call that must have changed nothing: no count, no event, no lookup. */
export const unchanged = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const events = yield* recordEvents
    const before = yield* snapshot
    const exit = yield* Effect.exit(call)
    yield* settleTurns
    assert.isTrue(Exit.isFailure(exit), "was not refused")
    assert.deepStrictEqual(yield* snapshot, before)
    assert.deepStrictEqual(events, [])
    return exit
  }))

/** The only reason of a failed exit. */
export const reasonOf = (exit: Exit.Exit<unknown, unknown>): Cause.Reason<unknown> => {
  if (Exit.isSuccess(exit)) return assert.fail("expected a failure")
  assert.strictEqual(exit.cause.reasons.length, 1)
  return exit.cause.reasons[0]!
}

/** The typed error of a refused dispatch. */
export const refusal = (exit: Exit.Exit<unknown, unknown>): DispatchError["reason"] => {
  const reason = reasonOf(exit)
  const error = Cause.isFailReason(reason)
    ? reason.error
    : assert.fail(`expected a Fail: ${Cause.pretty(Cause.fromReasons([reason]))}`)
  assert.instanceOf(error, DispatchError)
  return (error as DispatchError).reason
}

export const invalid = (exit: Exit.Exit<unknown, unknown>): string => {
  const reason = refusal(exit)
  assert.instanceOf(reason, InvalidPayload)
  return (reason as InvalidPayload).issue
}

/** The text of a misuse: a defect that is an Error. */
export const misuse = (exit: Exit.Exit<unknown, unknown>): string => {
  const reason = reasonOf(exit)
  const defect = Cause.isDieReason(reason) ? reason.defect : assert.fail("expected a defect")
  assert.instanceOf(defect, Error)
  return (defect as Error).message
}
