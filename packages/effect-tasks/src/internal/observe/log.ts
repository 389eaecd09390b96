import * as Effect from "effect/Effect"

/** A logger that throws stops nothing. */
export const logSafely = (log: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(log, () => Effect.void)
