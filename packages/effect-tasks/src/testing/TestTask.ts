/**
 * Handles for tests of code that takes handles.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { jobState } from "../internal/dispatch/registry.ts"
import type { Defined } from "../internal/handle/job.ts"
import { machineIn } from "../internal/handle/service.ts"
import { toTask } from "../internal/handle/task.ts"
import { type Checks, read, toInteger, toWord } from "../internal/job/checks.ts"
import { report } from "../internal/observe/progress.ts"
import { indexOf } from "../internal/record/lookup.ts"
import { type State, transitions } from "../internal/record/state.ts"
import { progressOf, TaskRecord } from "../internal/record/task.ts"
import { toExit, toJob } from "../internal/testing/given.ts"
import type * as Job from "../Job.ts"
import type { Task } from "../Task.ts"
import type { TaskError } from "../TaskError.ts"
import type { WorkerPool } from "../WorkerPool.ts"

/**
 * How the task stands: "Exited" when an exit is given, else "Queued", unless `state` says otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<J extends Job.Any> {
  readonly state?: State | undefined
  readonly exit?: Exit.Exit<Job.Success<J>, Job.Error<J> | TaskError> | undefined
  readonly progress?: Job.Progress<J> | undefined
  readonly attempt?: number | undefined
}

/**
 * A handle of a task that never runs, in any state. As long as the worker pool is open it is found by its id (`Job.get`,
 * `workerPool.task`), by nothing else: no pool counts it, waits for it or lists it.
 *
 * **Example** (Testing code that takes a handle)
 *
 * ```ts
 * import { Effect, Exit, Schema } from "effect"
 * import { Job } from "effect-tasks"
 * import { TestTask, TestWorkerPool } from "effect-tasks/testing"
 *
 * class Count extends Job.make("Count", { payload: { text: Schema.String }, success: Schema.Int }) {}
 *
 * const program = Effect.gen(function*() {
 *   const task = yield* TestTask.make(Count, { text: "four" }, { exit: Exit.succeed(4) })
 *   console.log(yield* task.await) // => 4
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestWorkerPool.layer())))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <J extends Job.Any>(
  job: J,
  payload: Job.Payload<J>,
  options: Options<J> = {}
): Effect.Effect<Task<Job.Success<J>, Job.Error<J>, Job.Progress<J>, Job.Message<J>>, never, WorkerPool> =>
  Effect.withFiber((fiber) => {
    const definition = definitionOf(toJob(job, "the job", "TestTask.make"))
    const { attempt, exit, state = exit === undefined ? "Queued" : "Exited" } = read(options, known, "TestTask.make")
    const machine = machineIn(fiber.context)
    const now = machine.timers.now()
    const task = new TaskRecord(jobState(machine, definition), payload, machine.global, 0)
    task.number = machine.nextNumber()
    task.queuedAt = now
    task.state = state
    task.attempt = attempt ?? 1
    if (state !== "Queued") task.startedAt = now
    if ("progress" in options) {
      report(task, options.progress)
    }
    if (state === "Exited") {
      task.finishedAt = now
      task.verdict = exit ?? Exit.void
      progressOf(task).ended = true
    }
    indexOf(machine).add(task)
    return Effect.succeed(toTask(task))
  })

const known = {
  state: toWord(...Object.keys(transitions) as ReadonlyArray<State>),
  exit: toExit,
  progress: (value) => value,
  attempt: toInteger(1)
} satisfies Checks<Options<Job.Any>>

const definitionOf = (job: Job.Any) => (job as unknown as Defined).definition // every job carries its definition
