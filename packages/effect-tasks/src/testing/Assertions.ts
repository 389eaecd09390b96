/**
 * Assertions on what was dispatched and how it ended. A failed one is a defect with a diff.
 *
 * They need a pool of `TestWorkerPool`. Where `within` is given they wait for that long: under `TestClock` they move the
 * clock on themselves, in a hundred steps, so a wait always ends. What a clock does not drive (a file, a socket, a worker)
 * gets some milliseconds of real time before the first step, between the steps and at the end; what needs more needs
 * `it.live`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { toTask } from "../internal/handle/task.ts"
import { type Checks, read, toInteger, toMillis } from "../internal/job/checks.ts"
import type { TaskRecord } from "../internal/record/task.ts"
import { type EventLog, EventLogKey } from "../internal/testing/eventLog.ts"
import { callerOf, failed, matches, show, showTasks } from "../internal/testing/expectation.ts"
import { toExpected, toHandle, toJob } from "../internal/testing/given.ts"
import { hintOfRealTime, nextEvent, within } from "../internal/testing/waits.ts"
import type * as Job from "../Job.ts"
import type * as Task from "../Task.ts"
import type { TaskError } from "../TaskError.ts"
import type * as TestWorkerPool from "./TestWorkerPool.ts"

/**
 * How long an assertion waits; not at all unless given.
 *
 * @category models
 * @since 0.1.0
 */
export interface WaitOptions {
  readonly within?: Duration.Input | undefined
}

/**
 * The whole payload, or the fields of it that matter.
 *
 * @category models
 * @since 0.1.0
 */
export type PayloadMatch<J extends Job.Any> = Job.Payload<J> | Partial<Job.Payload<J>>

/**
 * The first task of this job (and payload) that was dispatched. Without one, a defect that lists what was.
 *
 * **Example** (Asserting that a job was dispatched)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { dispatched, dispatchedTimes, notDispatched, TestWorkerPool } from "effect-tasks/testing"
 *
 * class Mail extends Job.make("Mail", { payload: { to: Schema.String, subject: Schema.String } }) {}
 * const MailLive = Mail.toLayer(() => Effect.void)
 *
 * const invite = (to: string) => Mail.dispatch({ to, subject: "Welcome" })
 *
 * const program = Effect.gen(function*() {
 *   yield* invite("ada@example.org")
 *   const task = yield* dispatched(Mail, { to: "ada@example.org" })
 *   console.log(task.payload.subject) // => Welcome
 *   yield* notDispatched(Mail, { to: "bob@example.org" })
 *   yield* dispatchedTimes(Mail, 1)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(MailLive.pipe(Layer.provideMerge(TestWorkerPool.layerManual())))))
 * ```
 *
 * @category assertions
 * @since 0.1.0
 */
export const dispatched = <J extends Job.Any>(
  job: J,
  payload?: PayloadMatch<J>,
  options: WaitOptions = {}
): Effect.Effect<Job.Task<J>, never, TestWorkerPool.EventLog> => {
  const site = callerOf(dispatched)
  return EventLogKey.use((log) =>
    Effect.gen(function*() {
      toJob(job, "the job", "dispatched")
      yield* waitFor(log, () => matching(log, job, payload).length > 0, toWait(options, "dispatched"))
      const [first] = matching(log, job, payload)
      if (first !== undefined) return toTask(first) as Task.Any as Job.Task<J> // a task of this job, by its tag
      const others = ofJob(log, job)
      const message = `Expected a dispatch of ${named(job, payload)}${during(options)}. Dispatches of ${job.tag}:${
        showTasks(others)
      }`
      return yield* failed(
        site,
        message + (yield* hintFor(log, options)),
        others.map((task) => task.payload),
        payload === undefined ? [job.tag] : [payload]
      )
    })
  )
}

/**
 * No task of this job (and payload) was dispatched, or is `within` the time given.
 *
 * @category assertions
 * @since 0.1.0
 */
export const notDispatched = <J extends Job.Any>(
  job: J,
  payload?: PayloadMatch<J>,
  options: WaitOptions = {}
): Effect.Effect<void, never, TestWorkerPool.EventLog> => {
  const site = callerOf(notDispatched)
  return EventLogKey.use((log) =>
    Effect.gen(function*() {
      toJob(job, "the job", "notDispatched")
      yield* waitFor(log, () => matching(log, job, payload).length > 0, toWait(options, "notDispatched"))
      const found = matching(log, job, payload)
      if (found.length === 0) return
      const message = `Expected no dispatch of ${named(job, payload)}${during(options)}, but there were:${
        showTasks(found)
      }`
      return yield* failed(site, message, found.map((task) => task.payload), [])
    })
  )
}

/**
 * This job (with this payload) was dispatched so many times, joining and reusing dispatches included.
 *
 * @category assertions
 * @since 0.1.0
 */
export const dispatchedTimes = <J extends Job.Any>(
  job: J,
  times: number,
  payload?: PayloadMatch<J>,
  options: WaitOptions = {}
): Effect.Effect<void, never, TestWorkerPool.EventLog> => {
  const site = callerOf(dispatchedTimes)
  return EventLogKey.use((log) =>
    Effect.gen(function*() {
      toJob(job, "the job", "dispatchedTimes")
      toTimes(times, "the times", "dispatchedTimes")
      yield* waitFor(log, () => matching(log, job, payload).length >= times, toWait(options, "dispatchedTimes"))
      const found = matching(log, job, payload)
      if (found.length === times) return
      const message =
        `Expected ${times} dispatch${times === 1 ? "" : "es"} of ${named(job, payload)}${
          during(options)
        }, there were ` +
        `${found.length}. Dispatches of ${job.tag}:${showTasks(ofJob(log, job))}`
      return yield* failed(
        site,
        message + (found.length < times ? yield* hintFor(log, options) : ""),
        found.length,
        times
      )
    })
  )
}

/**
 * The task ends as expected: with this exit status ("success", "canceled" or "error"), or with exactly this exit. It is
 * waited for `within` a second unless given otherwise. Returns the exit.
 *
 * **Example** (Asserting how a task ends)
 *
 * ```ts
 * import { Effect, Exit, Layer, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { settledAs, TestWorkerPool } from "effect-tasks/testing"
 * import { TestClock } from "effect/testing"
 *
 * class Brew extends Job.make("Brew", { success: Schema.String }) {}
 * const BrewLive = Brew.toLayer(() => Effect.delay(Effect.succeed("tea"), "3 minutes"))
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* Brew.dispatch()
 *   const second = yield* Brew.dispatch()
 *   yield* second.cancel()
 *   yield* settledAs(second, "canceled")
 *   yield* settledAs(first, Exit.succeed("tea"), { within: "5 minutes" })
 * }).pipe(Effect.provide(BrewLive.pipe(Layer.provideMerge(TestWorkerPool.layer()))))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * ```
 *
 * @category assertions
 * @since 0.1.0
 */
export const settledAs = <A, E, P, M>(
  task: Task.Task<A, E, P, M>,
  expected: Task.ExitStatus | Exit.Exit<A, E | TaskError>,
  options: WaitOptions = {}
): Effect.Effect<Exit.Exit<A, E | TaskError>> => {
  const site = callerOf(settledAs)
  return Effect.gen(function*() {
    toHandle(task, "the task", "settledAs")
    toExpected(expected, "the expected exit", "settledAs")
    const settled = yield* within(task.exit, toWait(options, "settledAs") ?? 1000)
    const { exitStatus, state, waitingFor } = yield* task.status
    const wanted = typeof expected === "string" ? expected : describe(expected)
    if (Option.isNone(settled)) {
      const reason = Option.match(waitingFor, { onNone: () => "", onSome: (reason) => `, waiting for "${reason}"` })
      const time = during({ within: options.within ?? "1 second" })
      const hint = state === "Running" && Option.isNone(waitingFor) ? yield* hintOfRealTime : ""
      const message = `Expected ${task.id} to end as ${wanted}${time}, but it is ${state}${reason}${hint}`
      return yield* failed(site, message, state, expected)
    }
    const exit = settled.value
    const status = Option.getOrThrow(exitStatus)
    const holds = typeof expected === "string" ? status === expected : Equal.equals(exit, expected)
    if (holds) return exit
    const actual = typeof expected === "string" ? status : exit
    const message = `Expected ${task.id} to end as ${wanted}, but it ended as ${describe(exit)}`
    return yield* failed(site, message, actual, expected)
  })
}

const toTimes = toInteger(0)

const waitOptions = { within: toMillis } satisfies Checks<WaitOptions>

/** In milliseconds, where a time is given. */
const toWait = (options: WaitOptions, subject: string): number | undefined => read(options, waitOptions, subject).within

const describe = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? `success with ${show(exit.value)}` : Cause.pretty(exit.cause)

const ofJob = (log: EventLog, job: Job.Any): ReadonlyArray<TaskRecord> =>
  log.dispatches.filter((task) => task.job.tag === job.tag)

const matching = (log: EventLog, job: Job.Any, payload: unknown): ReadonlyArray<TaskRecord> => {
  const tasks = ofJob(log, job)
  return payload === undefined ? tasks : tasks.filter((task) => matches(task.payload, payload))
}

const waitFor = (log: EventLog, condition: () => boolean, time: number | undefined): Effect.Effect<unknown> => {
  if (time === undefined) return Effect.void
  const wait: Effect.Effect<void> = Effect.suspend(() =>
    condition() ? Effect.void : Effect.andThen(nextEvent(log), wait)
  )
  return within(wait, time)
}

/** Where a task still runs when the time is over. */
const hintFor = (log: EventLog, { within: time }: WaitOptions): Effect.Effect<string> =>
  time !== undefined && log.machine.counts.running > 0 ? hintOfRealTime : Effect.succeed("")

const named = (job: Job.Any, payload: unknown): string =>
  payload === undefined ? job.tag : `${job.tag} with ${show(payload)}`

const during = ({ within: time }: WaitOptions): string => time === undefined ? "" : ` within ${show(time)}`
