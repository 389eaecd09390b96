import { assert } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"

/** The assertion error that an assertion must die with. */
export const failureOf = <A, E, R>(assertion: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(assertion), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("expected the assertion to fail")
    return Cause.squash(exit.cause) as Error & { readonly actual: unknown, readonly expected: unknown }
  })
