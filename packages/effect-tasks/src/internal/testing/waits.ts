/** How a test waits: for the next event, for everything to calm down, until a deadline. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as TestClock from "effect/testing/TestClock"
import type { Waited } from "../record/source.ts"
import type { EventLog } from "./eventLog.ts"
import { VirtualClock } from "./virtualClock.ts"

const turns = 20

const testClock: Effect.Effect<TestClock.TestClock | undefined> = Effect.map(
  Effect.clockWith(Effect.succeed),
  (clock) => "adjust" in clock ? clock as TestClock.TestClock : undefined // only test clocks can be adjusted
)

/** Lets everything run that can run without time passing. Under Explore others may be passed over in any number of turns. */
export const quiet: Effect.Effect<void> = Effect.gen(function*() {
  const clock = yield* testClock
  if (clock instanceof VirtualClock) return yield* clock.adjust(0)
  for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
})

/** The next transition, or end of hooks, of a worker pool. */
export const nextEvent = (log: EventLog): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const sources: ReadonlyArray<Waited> = [log, log.machine.settlements]
    // goes on in a turn of its own: whoever wakes it still walks over those that wait
    const waiter = { from: undefined, wake: () => resume(Effect.andThen(leave, Effect.yieldNow)) }
    const leave = Effect.sync(() => sources.forEach(({ waiters }) => waiters?.delete(waiter)))
    for (const source of sources) (source.waiters ??= new Set()).add(waiter)
    return leave
  })

/** How long a test that holds the clock waits for what does not depend on it, in real milliseconds. */
const patience = 50

/** Whether something happens, as far as it can while nobody moves the clock. */
export const somethingHappens = (log: EventLog): Effect.Effect<boolean> =>
  Effect.flatMap(testClock, (clock) => {
    const event = Effect.as(nextEvent(log), true)
    return clock === undefined
      ? event
      : Effect.raceFirst(event, clock.withLive(Effect.as(Effect.sleep(patience), false)))
  })

const steps = 100

/** How many real milliseconds a file, a socket or a worker gets before a test clock moves on. */
const headStart = 10
/** After so many steps it gets one more. */
const stepsPerMillisecond = 4

/** Lets real time pass, until something is over; none under Explore, where a seed could not be replayed. */
const inRealTime = (clock: TestClock.TestClock, millis: number, over: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (clock instanceof VirtualClock) return
    for (let passed = 0; passed < millis && !over(); passed++) yield* clock.withLive(Effect.sleep(1))
  })

/**
 * The result of an effect that gets so many milliseconds. A test clock is moved on to the deadline, step by step; what does
 * not depend on it gets real time before the first step, between them, and once more before the effect has failed.
 */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: number
): Effect.Effect<Option.Option<A>, E, R> =>
  Effect.flatMap(testClock, (clock) => {
    if (clock === undefined) return Effect.timeoutOption(effect, time)
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(effect)
      const over = () => fiber.pollUnsafe() !== undefined
      yield* quiet
      yield* inRealTime(clock, headStart, over)
      for (let step = 1; step <= steps && !over(); step++) {
        yield* clock.adjust(time / steps)
        yield* quiet
        if (step % stepsPerMillisecond === 0) yield* inRealTime(clock, 1, over)
      }
      yield* inRealTime(clock, patience, over)
      const exit: Exit.Exit<A, E> | undefined = fiber.pollUnsafe()
      if (exit !== undefined) return Option.some(yield* exit)
      yield* Fiber.interrupt(fiber)
      return Option.none()
    })
  })

/** What may be the matter with a task that still runs when the time on a test clock is over. */
export const hintOfRealTime: Effect.Effect<string> = Effect.map(
  testClock,
  (clock) => clock === undefined ? "" : `\n${realTimeHint}`
)

const realTimeHint =
  "TestClock has moved on, but a task that still runs may wait for something outside of it (a file, " +
  "a socket, a worker, a timer of JavaScript): test that with it.live, or with layerInline"
