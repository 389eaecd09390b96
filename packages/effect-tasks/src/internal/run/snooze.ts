/** A handler's word that it is to be called again later. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { rareOf, type Run, type Snooze } from "../record/run.ts"

/** Ends the attempt, unless the handler catches every defect. */
export const snooze = (run: Run, millis: number, hold: boolean): Effect.Effect<never> =>
  Effect.suspend(() => Effect.die(asleep(run, millis, hold)))

const asleep = (run: Run, millis: number, hold: boolean): Asleep => {
  const made = new Asleep(millis, hold)
  const { snoozed = rareOf(run).snoozed = new Set() } = rareOf(run)
  snoozed.add(made)
  return made
}

class Asleep implements Snooze {
  readonly millis: number
  readonly hold: boolean

  constructor(millis: number, hold: boolean) {
    this.millis = millis
    this.hold = hold
  }

  /** Who catches it as a defect reads this. */
  toString(): string {
    return `the task snoozes for ${this.millis} ms`
  }
}

/** By identity: a defect may be a proxy that throws at every touch. */
const snoozeIn = ({ rare }: Run, reason: Cause.Reason<unknown>): Asleep | undefined =>
  reason._tag === "Die" && rare!.snoozed!.has(reason.defect) ? reason.defect as Asleep : undefined // nothing else is in it

/** Whether this is a snooze of the attempt that runs. */
export const isSnooze = ({ rare }: Run, value: unknown): boolean => rare?.snoozed?.has(value) === true

/**
 * The end of an attempt: the snooze, where it ended with that alone; what else its cause holds comes before. Fibers that
 * snoozed together sleep as long as the longest.
 */
export const snoozeOf = (run: Run, exit: Exit.Exit<unknown, unknown>): Snooze | undefined => {
  if (Exit.isSuccess(exit) || Exit.isFailure(withoutSnooze(run, exit))) return undefined
  return exit.cause.reasons.map((reason) => snoozeIn(run, reason)).filter((snooze) => snooze !== undefined).reduce((
    a,
    b
  ) => asleep(run, Math.max(a.millis, b.millis), a.hold || b.hold))
}

/** The exit of an attempt without its snooze. */
export const withoutSnooze = <A, E>(run: Run, exit: Exit.Exit<A, E>): Exit.Exit<A | void, E> => {
  if (run.rare?.snoozed === undefined || Exit.isSuccess(exit)) return exit
  const reasons = exit.cause.reasons.filter((reason) => snoozeIn(run, reason) === undefined)
  if (reasons.length === exit.cause.reasons.length) return exit
  return reasons.every(Cause.isInterruptReason) ? Exit.void : Exit.failCause(Cause.fromReasons(reasons))
}
