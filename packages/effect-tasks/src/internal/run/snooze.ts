/** A handler's word that it is to be called again later. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { rareOf, type Run, type Snooze } from "../record/run.ts"

/** Ends the attempt, unless the handler catches every defect. */
export const snooze = (run: Run, millis: number, hold: boolean): Effect.Effect<never> =>
  Effect.suspend(() => Effect.die(rareOf(run).snooze ??= new Asleep(millis, hold)))

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
const isNot = ({ rare }: Run) => (reason: Cause.Reason<unknown>): boolean =>
  reason._tag !== "Die" || reason.defect !== rare!.snooze

/** The end of an attempt: the snooze, where it ended with that alone; what else its cause holds comes before. */
export const snoozeOf = (run: Run, exit: Exit.Exit<unknown, unknown>): Snooze | undefined =>
  Exit.isFailure(exit) && Exit.isSuccess(withoutSnooze(run, exit)) ? run.rare!.snooze : undefined

/** The exit of an attempt without its snooze. */
export const withoutSnooze = <A, E>(run: Run, exit: Exit.Exit<A, E>): Exit.Exit<A | void, E> => {
  if (run.rare?.snooze === undefined || Exit.isSuccess(exit)) return exit
  const reasons = exit.cause.reasons.filter(isNot(run))
  if (reasons.length === exit.cause.reasons.length) return exit
  return reasons.every(Cause.isInterruptReason) ? Exit.void : Exit.failCause(Cause.fromReasons(reasons))
}
