/**
 * Schedule exploration: one test under many interleavings of its fibers.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { format as show } from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Checks, read, toBoolean, toCount, toEffect, toInteger } from "../internal/job/checks.ts"
import { type Choice, type Chooser, format, parse, replaying, seeded } from "../internal/testing/choices.ts"
import { Explorer, type ReadyQueue } from "../internal/testing/explorer.ts"
import { VirtualClock } from "../internal/testing/virtualClock.ts"

/**
 * How many schedules to try (`seeds`, 100 unless given), or the one to replay: by its `seed`, or by the `schedule` that
 * an `ExplorationFailed` printed. A run that has not ended after `steps` (1,000,000 unless given) has failed. With
 * `raceTime: false` time never passes while something can run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seeds?: number | undefined
  readonly seed?: number | undefined
  readonly schedule?: string | undefined
  readonly steps?: number | undefined
  readonly raceTime?: boolean | undefined
}

/**
 * The test failed under some schedule: the first seed it failed with, the schedule after shrinking (as few decisions
 * against the plain order as were found to be enough) and what the test failed with under it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExplorationFailed extends Schema.TaggedError<ExplorationFailed>()("ExplorationFailed", {
  seed: Schema.Int,
  schedule: Schema.String,
  preemptions: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const why = Predicate.hasProperty(this.cause, "message") ? this.cause.message : show(this.cause)
    const { preemptions, schedule, seed } = this
    return `Failed under seed ${seed}, and with ${preemptions} preemption${preemptions === 1 ? "" : "s"}: ${why}\n` +
      `Replay with { seed: ${seed} }, or shrunk with { schedule: "${schedule}" }`
  }
}

/**
 * Runs the test once for each seed, each time with its own Scope, layers, virtual clock and seeded `Random`, under a
 * Scheduler that decides by the seed which ready fiber goes next, when a fiber yields early and when time passes. The first
 * failure ends it.
 *
 * **Details**
 *
 * - Build layers inside the test, so that each run has its own.
 * - Time passes when nothing else can happen, so a test needs no `TestClock.adjust`. A test that can never go on fails with
 *   that, instead of hanging.
 * - Time also races: now and then whoever would wake next wakes although something can run, however long the sleep, as on a
 *   machine that is held up at that moment. So a timeout fires between two steps of a busy fiber. `Effect.sleep` is no way
 *   to wait for others; `TestClock.adjust(0)` waits until nothing else can run.
 * - Time does not race in a test that moves a `TestClock` on. That shows in a run: one in which time had raced does not
 *   count and starts again.
 * - Whenever time passes, promises that wait for nothing but promises have gone on before. For what takes real time, such
 *   as reading a file, virtual time does not wait, as nobody can see what a promise waits for: a timeout beside it may fire.
 * - Seed 0 is the plain order, in which time never races. What one dispatcher schedules (a fiber and those it forks, until
 *   they first suspend) keeps its order, as Effect promises it.
 * - A seed replays exactly when the test depends on nothing but its fibers, the clock and `Random`.
 *
 * **Example** (Finding a lost update)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Explore } from "effect-tasks/testing"
 *
 * const test = Effect.gen(function*() {
 *   let count = 0
 *   const increment = Effect.gen(function*() {
 *     const seen = yield* Effect.sync(() => count)
 *     yield* Effect.sync(() => (count = seen + 1))
 *   })
 *   yield* Effect.all([increment, increment], { concurrency: "unbounded" })
 *   if (count !== 2) return yield* Effect.die(new Error(`2 increments made ${count}`))
 * })
 *
 * const failed = await Effect.runPromise(Effect.flip(Explore.run(test, { seeds: 200 })))
 * console.log(failed.preemptions) // => 1
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E, R>(
  test: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<void, ExplorationFailed, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    toEffect(test, "the test", "Explore.run")
    const { raceTime = true, schedule, seed, seeds = 100, steps = 1_000_000 } = read(options, known, "Explore.run")
    const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const runWith = (seed: number, chooser: Chooser<ReadyQueue>) => runOnce(test, context, { seed, chooser, steps })
    /** Whether the test moves the time on itself, in the plain order. */
    let adjusts: boolean | undefined
    const attempt = Effect.fnUntraced(function*(seed: number, chooser: () => Chooser<ReadyQueue>) {
      const timeless = () => ({ ...chooser(), passesTime: () => false })
      if (!raceTime || adjusts === true) return yield* runWith(seed, timeless())
      const outcome = yield* runWith(seed, chooser())
      if (outcome.taken.length === 0) adjusts ??= outcome.adjusted
      if (!outcome.raced) return outcome
      adjusts ??= (yield* runWith(0, seeded(0))).adjusted
      return adjusts || outcome.adjusted ? yield* runWith(seed, timeless()) : outcome
    })
    if (schedule !== undefined) {
      const outcome = yield* attempt(seed ?? 0, () => replaying(schedule))
      if (outcome.failure !== undefined) return yield* failed(seed ?? 0, outcome.failure, outcome.taken)
      return
    }
    const [first, last] = seed === undefined ? [0, seeds - 1] : [seed, seed]
    for (let seed = first; seed <= last; seed++) {
      const outcome = yield* attempt(seed, () => seeded(seed))
      if (outcome.failure === undefined) continue
      const shrunk = yield* shrink(outcome, (choices) => attempt(seed, () => replaying(choices)))
      return yield* failed(seed, shrunk.failure!, shrunk.taken)
    }
  })

const known = {
  seeds: toCount(1),
  seed: toInteger(0),
  schedule: parse,
  steps: toCount(1),
  raceTime: toBoolean
} satisfies Checks<Options>

const failed = (seed: number, failure: Cause.Cause<unknown>, taken: ReadonlyArray<Choice>) =>
  new ExplorationFailed({
    seed,
    schedule: format(taken),
    preemptions: taken.length,
    cause: Cause.squash(failure)
  })

interface Outcome {
  readonly failure: Cause.Cause<unknown> | undefined
  readonly taken: ReadonlyArray<Choice>
  /** Whether time has passed while something could run. */
  readonly raced: boolean
  /** Whether the test has moved the time on itself. */
  readonly adjusted: boolean
}

/** One run on a context of its own: layers that the surroundings have built would bring their own scheduler. */
const runOnce = <A, E, R>(
  test: Effect.Effect<A, E, R>,
  surroundings: Context.Context<Exclude<R, Scope.Scope>>,
  options: { readonly seed: number, readonly chooser: Chooser<ReadyQueue>, readonly steps: number }
): Effect.Effect<Outcome> =>
  Effect.callback<Outcome>((resume) => {
    const clock = new VirtualClock(Context.get(surroundings, Clock.Clock))
    const end = (failure: Cause.Cause<unknown> | undefined) => {
      explorer.stop()
      resume(Effect.succeed({ failure, taken: explorer.taken, raced: clock.raced, adjusted: clock.adjusted }))
    }
    const explorer: Explorer = new Explorer({
      chooser: options.chooser,
      clock,
      limit: options.steps,
      stuck: (why) => end(Cause.die(new Error(why)))
    })
    const context = surroundings.pipe(
      Context.omit(Layer.CurrentMemoMap),
      Context.add(Scheduler.Scheduler, explorer),
      Context.add(Clock.Clock, clock)
    ) as Context.Context<Exclude<R, Scope.Scope>> // a MemoMap is not asked for by any effect
    const fiber = Effect.runForkWith(context)(Random.withSeed(Effect.scoped(test), options.seed))
    fiber.addObserver((exit: Exit.Exit<A, E>) => end(exit._tag === "Failure" ? exit.cause : undefined))
    return Fiber.interrupt(fiber)
  })

/** How many runs shrinking may take. */
const shrinkingRuns = 300

/** How many of them look for one moment. */
const momentRuns = 100

/**
 * Drops ever smaller parts of the decisions for as long as the test still fails without them. First it looks for one moment
 * at which it is enough that time passes: the turns of a moment change with each yield that is dropped.
 */
const shrink = (found: Outcome, retry: (choices: ReadonlyArray<Choice>) => Effect.Effect<Outcome>) =>
  Effect.gen(function*() {
    let best = found
    let runs = 0
    const lastMoment = found.taken.findLast(({ kind }) => kind === "time")?.at ?? 0
    for (let at = 1; best.taken.length > 1 && at <= Math.min(lastMoment, momentRuns); at++, runs++) {
      const outcome = yield* retry([{ kind: "time", at }])
      if (outcome.failure !== undefined) best = outcome
    }
    for (let size = best.taken.length; size >= 1; size = size >> 1) {
      for (let start = 0; start < best.taken.length && runs < shrinkingRuns; runs++) {
        const outcome = yield* retry(best.taken.toSpliced(start, size))
        if (outcome.failure !== undefined && outcome.taken.length < best.taken.length) best = outcome
        else start += size
      }
    }
    return best
  })
