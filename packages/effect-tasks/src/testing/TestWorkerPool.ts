/**
 * Worker pools for tests, in three modes.
 *
 * | layer | what a dispatch does |
 * |---|---|
 * | `layer` | as in production: the task queues and runs beside its dispatcher |
 * | `layerInline` | runs the task to its end and returns it exited |
 * | `layerManual` | queues the task, which runs when the test says `step`, `runNext` or `runUntilIdle` |
 *
 * Each keeps the log that `dispatched` and the other assertions read. Ids count from 1 in each pool, and under `TestClock`
 * the clock drives every timeout, delay and retry, so a test sees the same ids and times at every run.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { MachineId, WorkerPoolKey } from "../internal/handle/service.ts"
import { toTask } from "../internal/handle/task.ts"
import { makeWorkerPool, silent, workerPoolOptions } from "../internal/handle/workerPool.ts"
import { type Checks, read } from "../internal/job/checks.ts"
import type { Settings } from "../internal/record/machine.ts"
import * as eventLog from "../internal/testing/eventLog.ts"
import * as manual from "../internal/testing/manual.ts"
import type * as Task from "../Task.ts"
import type { TaskEvent } from "../TaskEvent.ts"
import type { WorkerPool, WorkerPoolOptions } from "../WorkerPool.ts"

/**
 * The proof that the worker pool keeps a log, which assertions read.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventLog extends eventLog.KeepsLog {}

/**
 * The proof that the worker pool is a manual one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Manual {
  readonly "~effect-tasks/testing/Manual": typeof step
}

const Manual = Context.Service<Manual, eventLog.EventLog>("effect-tasks/testing/Manual")

const make = (options: WorkerPoolOptions, defaults: Partial<Settings> = { workers: 4 }) =>
  Effect.map(makeWorkerPool(options, { unhandled: silent, ...defaults }), (service) => {
    const log = new eventLog.EventLog(service[MachineId])
    return { log, context: Context.make(WorkerPoolKey, service).pipe(Context.add(eventLog.EventLogKey, log)) }
  })

/**
 * A worker pool as in production, but of a size that does not depend on the machine: 4 workers unless given.
 *
 * **Example** (Driving a timeout by the clock)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestWorkerPool } from "effect-tasks/testing"
 * import { TestClock } from "effect/testing"
 *
 * class Slow extends Job.make("Slow", { timeout: "1 second" }) {}
 * const SlowLive = Slow.toLayer(() => Effect.never)
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* Slow.dispatch()
 *   yield* TestClock.adjust("1 second")
 *   const error = yield* Effect.flip(task.await)
 *   console.log(error._tag) // => TaskTimeout
 * }).pipe(Effect.provide(SlowLive.pipe(Layer.provideMerge(TestWorkerPool.layer()))))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: WorkerPoolOptions = {}): Layer.Layer<WorkerPool | EventLog> =>
  Layer.effectContext(Effect.map(make(options), ({ context }) => context))

/**
 * A worker pool in which a dispatch runs its task at once and returns it exited, whatever its outcome. Interrupting the
 * dispatcher cancels the task and waits for its end.
 *
 * **Details**
 *
 * - There are as many workers as it takes.
 * - No time is taken by the `delay` of a dispatch, nor by the pauses between attempts. It is by what handlers wait for,
 *   `Effect.sleep` included, and by timeouts: under `TestClock` somebody beside the dispatcher must adjust the clock.
 * - A dispatch that would wait for its own dispatcher returns the task alive: one that joins or supersedes a task that waits
 *   for the dispatcher, as in this mode whoever has dispatched it does.
 *
 * **Gotchas**
 *
 * Code that needs a task alive, to send it a message or to cancel it, wants another mode. So does a task that awaits or runs
 * the one that has dispatched it: that waits for it here and only here, so the wait dies with `WaitCycle`.
 *
 * **Example** (Testing what a program does with its tasks)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestWorkerPool } from "effect-tasks/testing"
 *
 * class Welcome extends Job.make("Welcome", { payload: { name: Schema.String } }) {}
 * const sent: Array<string> = []
 * const WelcomeLive = Welcome.toLayer(({ name }) => Effect.sync(() => sent.push(`Hello ${name}`)))
 *
 * const signUp = (name: string) => Welcome.dispatch({ name }, { delay: "1 day" })
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* signUp("Ada")
 *   console.log((yield* task.status).state) // => Exited
 *   console.log(sent[0]) // => Hello Ada
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(WelcomeLive.pipe(Layer.provideMerge(TestWorkerPool.layerInline()))))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerInline = (
  options: Pick<WorkerPoolOptions, "history" | "gracePeriod"> = {}
): Layer.Layer<WorkerPool | EventLog> =>
  Layer.effectContext(Effect.suspend(() => {
    read(options, inlineOptions, "WorkerPool")
    return Effect.map(make(options, { workers: Infinity, inline: true }), ({ context }) => context)
  }))

const { gracePeriod, history } = workerPoolOptions
const inlineOptions = { history, gracePeriod } satisfies Checks<NonNullable<Parameters<typeof layerInline>[0]>>

/**
 * A worker pool in which no task starts until the test says so. It is a paused pool: queued tasks are `waitingFor`
 * "paused", and a task that has started goes on by itself.
 *
 * **Example** (Looking between two tasks)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestWorkerPool } from "effect-tasks/testing"
 *
 * class Add extends Job.make("Add", { payload: { n: Schema.Int } }) {}
 * let sum = 0
 * const AddLive = Add.toLayer(({ n }) => Effect.sync(() => (sum += n)))
 *
 * const program = Effect.gen(function*() {
 *   yield* Add.dispatch({ n: 1 })
 *   yield* Add.dispatch({ n: 10 }, { priority: 1 })
 *   console.log(sum) // => 0
 *   yield* TestWorkerPool.runNext
 *   console.log(sum) // => 10
 *   yield* TestWorkerPool.runUntilIdle
 *   console.log(sum) // => 11
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(AddLive.pipe(Layer.provideMerge(TestWorkerPool.layerManual()))))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerManual = (options: WorkerPoolOptions = {}): Layer.Layer<WorkerPool | EventLog | Manual> =>
  Layer.effectContext(Effect.map(make(options), ({ context, log }) => {
    log.machine.paused = true
    return Context.add(context, Manual, log)
  }))

/**
 * Starts the next queued task, in the order of a live pool, and returns it without waiting for its end; nothing when none
 * is queued or no slot is free.
 *
 * @category manual
 * @since 0.1.0
 */
export const step: Effect.Effect<Option.Option<Task.Any>, never, Manual> = Manual.use((log) =>
  Effect.sync(() => Option.map(Option.fromUndefinedOr(manual.start(log)), toTask))
)

/**
 * Runs the next queued task to its end and returns it. Other tasks start only where it waits for them. Time does not
 * pass: under `TestClock` a task that sleeps on the clock is returned as it stands.
 *
 * @category manual
 * @since 0.1.0
 */
export const runNext: Effect.Effect<Option.Option<Task.Any>, never, Manual> = Manual.use((log) =>
  Effect.gen(function*() {
    const task = manual.start(log)
    if (task === undefined) return Option.none()
    yield* manual.runUntil(log, () => task.settled, false)
    return Option.some(toTask(task))
  })
)

/**
 * Runs all queued tasks, and those that they dispatch, until nothing more can happen without time passing; returns the
 * tasks in the order of their starts.
 *
 * @category manual
 * @since 0.1.0
 */
export const runUntilIdle: Effect.Effect<ReadonlyArray<Task.Any>, never, Manual> = Manual.use((log) =>
  Effect.map(manual.runUntil(log, () => false, true), (started) => started.map(toTask))
)

/**
 * Everything that has happened so far, oldest first.
 *
 * **Example** (Reading the log of one task)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestWorkerPool } from "effect-tasks/testing"
 *
 * class Ping extends Job.make("Ping") {}
 * const PingLive = Ping.toLayer(() => Effect.void)
 *
 * const program = Effect.gen(function*() {
 *   yield* Ping.run()
 *   const events = yield* TestWorkerPool.events
 *   console.log(events.map((event) => event._tag).join()) // => TaskQueued,TaskStarted,TaskStopping,TaskExited
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(PingLive.pipe(Layer.provideMerge(TestWorkerPool.layer())))))
 * ```
 *
 * @category observing
 * @since 0.1.0
 */
export const events: Effect.Effect<ReadonlyArray<TaskEvent>, never, EventLog> = eventLog.EventLogKey.use((log) =>
  Effect.sync(() => [...log.events])
)
