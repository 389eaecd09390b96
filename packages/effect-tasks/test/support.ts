/**
 * What the tests share. The shape of a test:
 *
 * ```ts
 * it.effect("a cancelled task has stopped", () =>
 *   Effect.gen(function*() {
 *     const held = gate()
 *     const task = yield* work("a", () => held.wait) // this task's handler is this function
 *     yield* awaitState(task, "Running")
 *     yield* task.cancel()
 *     canceled(yield* task.exit)
 *   }).pipe(withPool({ workers: 1 })))
 * ```
 *
 * A job with policies: `class Timed extends Job.make("Timed", { ...scripted, timeout: "1 second" }) {}`, then
 * `withPool({ workers: 1 }, Timed)` and `script("a", …)` before `Timed.dispatch({ id: "a" })`. Other handler layers:
 * `JobRegistry.layer(ALive, BLive).pipe(Layer.provideMerge(testPool({ workers: 1 })))`.
 */
import { assert } from "@effect/vitest"
import {
  Cause,
  Context,
  Deferred,
  type Duration,
  Effect,
  Exit,
  Layer,
  Logger,
  Option,
  Schema,
  type Scope,
  Stream
} from "effect"
import {
  type DispatchError,
  Job,
  type Task,
  TaskCanceled,
  type TaskError,
  type TaskEvent,
  TaskTimeout,
  WorkerPool
} from "effect-tasks"
import { expectNoLeaks } from "effect-tasks/testing"
import { TestClock } from "effect/testing"

/** The typed error of every scripted job. */
export class TestError extends Schema.TaggedError<TestError>()("TestError", { id: Schema.String }) {}

/** The schemas of a scripted job: its handler is looked up by `id` among the scripts of the test. */
export const scripted = {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: TestError,
  progress: Schema.Int,
  message: Schema.String
}

/** The plain scripted job, in every `testPool`. */
export class Work extends Job.make("Work", scripted) {}

type ScriptedJob<Tag extends string> = Job.Job<
  Tag,
  Schema.Struct<{ id: typeof Schema.String }>,
  typeof Schema.Unknown,
  typeof TestError,
  typeof Schema.Int,
  typeof Schema.String
>

/** The handle of a task of a scripted job. */
export type ScriptedTask = Task.Task<unknown, TestError, number, string>

/** What one task does. May fail, dispatch, make pools, set further scripts; runs in the task's own Scope. */
export type Script = (
  task: Task.TaskContext<unknown, TestError, number, string>
) => Effect.Effect<
  unknown,
  TestError | TaskError | DispatchError,
  WorkerPool | Scope.Scope | Scripts | Job.Handler<any>
>

/** The scripts of one test, by payload id. */
export class Scripts extends Context.Service<Scripts, Map<string, Script>>()("test/Scripts") {}

/** Sets what tasks with this payload id do, of whatever scripted job. Without a script a task succeeds with its id. */
export const script = (id: string, run: Script): Effect.Effect<void, never, Scripts> =>
  Scripts.use((scripts) => Effect.sync(() => scripts.set(id, run)))

/** Sets the script of this id and dispatches a `Work` task with it; in tests and inside scripts. */
export const work = (id: string, run?: Script, options?: Job.DispatchOptions) =>
  Effect.suspend(() => run === undefined ? Effect.void : script(id, run)).pipe(
    Effect.andThen(Work.dispatch({ id }, options))
  )

/** The layer of a scripted job. */
export const scriptedLayer = <Tag extends string>(
  job: ScriptedJob<Tag>
): Layer.Layer<Job.Handler<Tag>, never, WorkerPool | Scripts> =>
  job.toLayer(
    Scripts.use((scripts) => Effect.succeed(job.of(({ id }, task) => scripts.get(id)?.(task) ?? Effect.succeed(id))))
  ) as any // scripts may dispatch any job; a Handler is a proof for the compiler alone

/** A worker pool (4 workers unless given) with `Work` and the given scripted jobs. */
export const testPool = <const Jobs extends ReadonlyArray<ScriptedJob<any>> = []>(
  options?: Parameters<typeof WorkerPool.layer>[0],
  ...jobs: Jobs
): Layer.Layer<WorkerPool | Scripts | Job.Handler<"Work"> | HandlerOf<Jobs[number]>> =>
  Layer.mergeAll(scriptedLayer(Work), ...jobs.map(scriptedLayer)).pipe(
    Layer.provideMerge(WorkerPool.layer({ workers: 4, unhandled: { defect: "None", failure: "None" }, ...options })),
    Layer.provideMerge(Layer.sync(Scripts, () => new Map()))
  ) as any // mergeAll of a spread has no precise type
type HandlerOf<J> = J extends { readonly tag: infer Tag extends string } ? Job.Handler<Tag> : never

/** Runs a test in its own `testPool`, of which nothing may be left; the test's Scope closes before the worker pool does. */
export const withPool = <const Jobs extends ReadonlyArray<ScriptedJob<any>> = []>(
  options?: Parameters<typeof WorkerPool.layer>[0],
  ...jobs: Jobs
) =>
<A, E, R>(self: Effect.Effect<A, E, R>) =>
  TestClock.adjust(0).pipe( // disarms TestClock's warning, whose first sleep would break a sleeping finalizer
    Effect.andThen(Effect.scoped(self)),
    Effect.provide(testPool(options, ...jobs)),
    expectNoLeaks
  )

/** Holds whoever waits until it is opened. */
export interface Gate {
  readonly wait: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}
export const gate = (): Gate => {
  const deferred = Deferred.makeUnsafe<void>()
  return { wait: Deferred.await(deferred), open: Effect.asVoid(Deferred.succeed(deferred, undefined)) }
}

/** A log to compare orders with. */
export interface Trace {
  readonly log: Array<string>
  push(entry: string): Effect.Effect<void>
}
export const trace = (): Trace => {
  const log: Array<string> = []
  return { log, push: (entry) => Effect.sync(() => void log.push(entry)) }
}

/** Lets everything run that can run without time passing. */
export const settleTurns: Effect.Effect<void> = Effect.gen(function*() {
  for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
})

/** Lets this many milliseconds pass in steps (20 unless given): what one sleep leads to then sleeps at its own time. */
export const elapse = (millis: number, steps = Math.min(20, millis)): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* settleTurns
    for (let step = 0; step < steps; step++) {
      const to = Math.round((millis * (step + 1)) / steps)
      yield* TestClock.adjust(to - Math.round((millis * step) / steps))
      yield* settleTurns
    }
  })

/** Yields until the condition holds; dies with this description when it does not come to hold. */
export const eventually = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  Effect.gen(function*() {
    for (let turn = 0; turn < 2000; turn++) {
      if (yield* condition) return
      yield* Effect.yieldNow
    }
    return yield* Effect.die(new Error(`never happened: ${what}`))
  })

/** Yields until the task is in this state. */
export const awaitState = (task: Pick<Task.Any, "id" | "status">, state: Task.State): Effect.Effect<void> =>
  Effect.gen(function*() {
    let seen: Task.State | undefined
    for (let turn = 0; turn < 2000; turn++) {
      seen = (yield* task.status).state
      if (seen === state) return
      yield* Effect.yieldNow
    }
    return yield* Effect.die(new Error(`${task.id} never became ${state}, it is ${seen}`))
  })

/** The state of a task now. */
export const stateOf = (task: Pick<Task.Any, "status">) => Effect.map(task.status, ({ state }) => state)

/** What it waits for; null when it waits for nothing. */
export const waitingFor = (task: Pick<Task.Any, "status">) =>
  Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))

/** Lets time pass, and what is due then happen. */
export const pass = (duration: Duration.Input) => Effect.andThen(TestClock.adjust(duration), settleTurns)

/** The handle of a task by its id: how a handler gets its own. */
export const taskById = (id: string): Effect.Effect<Task.Any, never, WorkerPool> =>
  Effect.flatMap(WorkerPool, (pool) => Effect.map(pool.task(id), Option.getOrThrow))

/** An array that fills with the events from now on; call `settleTurns` before reading it. */
export const recordEvents: Effect.Effect<Array<TaskEvent.TaskEvent>, never, WorkerPool | Scope.Scope> = Effect.gen(
  function*() {
    const seen: Array<TaskEvent.TaskEvent> = []
    const { events } = yield* WorkerPool
    yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))))
    yield* settleTurns
    return seen
  }
)

/** A logger layer and what it logged, message and cause as one text; provide it outside `withPool`. */
export const recordLogs = () => {
  const logs: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message, cause }) => {
    logs.push(`${[message].flat().map(String).join(" ")} ${Cause.pretty(cause)}`)
  })
  return { logs, layer: Logger.layer([logger]) }
}

const only = (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return assert.fail(`expected a failure, got success with ${String(exit.value)}`)
  assert.strictEqual(exit.cause.reasons.length, 1, Cause.pretty(exit.cause))
  return exit.cause.reasons[0]!
}

/** The typed error of an exit that must hold exactly one `Fail`. */
export const failure = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const reason = only(exit)
  return Cause.isFailReason(reason) ? reason.error : assert.fail(`expected a Fail, got ${reason._tag}`)
}

/** The defect of an exit that must hold exactly one `Die`. */
export const defect = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const reason = only(exit)
  return Cause.isDieReason(reason) ? reason.defect : assert.fail(`expected a Die, got ${reason._tag}`)
}

/** The `TaskCanceled` of an exit that must be exactly that. */
export const canceled = (exit: Exit.Exit<unknown, unknown>): TaskCanceled => {
  const error = failure(exit)
  assert.instanceOf(error, TaskCanceled)
  return error as TaskCanceled
}

/** The `TaskTimeout` of an exit that must be exactly that. */
export const timedOut = (exit: Exit.Exit<unknown, unknown>): TaskTimeout => {
  const error = failure(exit)
  assert.instanceOf(error, TaskTimeout)
  return error as TaskTimeout
}
