import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type DispatchError, TaskAlreadyComplete } from "../TaskError.ts"
import type { Accepted } from "./accept.ts"
import { toPriority } from "./checks.ts"
import * as control from "./control.ts"
import { recompute } from "./dispatch.ts"
import { handleOf } from "./handles.ts"
import { register } from "./hooks.ts"
import { setPriority } from "./lifecycle.ts"
import { type CancelOptions, type Origin, type Status, type Task, type TaskPool, TaskTypeId } from "./model.ts"
import { exitOf, exitStatusOf } from "./outcome.ts"
import { latestOf, progressOf } from "./progress.ts"
import type { Reports, Run, TaskRecord } from "./records.ts"
import { lending, until } from "./waiting.ts"

type AnyHandle = Task<any, any, any, any>

/** A handle of a task. */
export class TaskHandle implements AnyHandle {
  readonly [TaskTypeId] = TaskTypeId
  readonly record: TaskRecord
  readonly origin: Origin

  constructor(record: TaskRecord, origin: Origin) {
    this.record = record
    this.origin = origin
  }

  get id(): string {
    return this.record.id
  }

  get job(): string {
    return this.record.job.tag
  }

  get payload(): unknown {
    return this.record.payload
  }

  get key(): string {
    return keyOf(this.record)
  }

  get pool(): TaskPool {
    return handleOf(this.record.pool)
  }

  get await(): Effect.Effect<any, any> {
    return Effect.flatMap(control.settled(this.record), () => exitOf(this.record))
  }

  get exit(): Effect.Effect<Exit.Exit<any, any>> {
    return Effect.map(control.settled(this.record), () => exitOf(this.record))
  }

  get status(): Effect.Effect<Status<any, any, any>> {
    return Effect.sync(() => statusOf(this.record))
  }

  get progress(): Stream.Stream<any> {
    const { record } = this
    return latest(progressOf(record), () => record.extras!.progress!.latest)
  }

  get firstProgress(): Effect.Effect<Option.Option<any>> {
    const { record } = this
    return Effect.suspend(() => {
      const progress = progressOf(record)
      return Effect.map(
        until(reader(progress, 0), { reason: "task", target: record }),
        () => progress.version === 0 ? Option.none() : Option.some(progress.first)
      )
    })
  }

  get childPool(): Effect.Effect<Option.Option<TaskPool>> {
    return Effect.sync(() => Option.map(Option.fromUndefinedOr(this.record.extras?.childPool), handleOf))
  }

  cancel(options?: CancelOptions): Effect.Effect<void> {
    return control.cancel(this.record, options)
  }

  send(message: unknown): Effect.Effect<void, TaskAlreadyComplete> {
    return Effect.suspend(() => {
      const { run } = this.record
      const complete = Effect.fail(new TaskAlreadyComplete({ taskId: this.id, job: this.job }))
      if (run === undefined || this.record.state === "Exited") return complete
      if (run.marked) return Effect.void // no wait of a marked task returns normally, so nobody will read it
      return Effect.flatMap(offer(this.record, message), (taken) => (taken ? Effect.void : complete))
    })
  }

  setTimeout(duration: Duration.Input): Effect.Effect<void> {
    return control.setTimeout(this.record, duration)
  }

  get clearTimeout(): Effect.Effect<void> {
    return control.clearTimeout(this.record)
  }

  setPriority(priority: number): Effect.Effect<void> {
    return Effect.sync(() => setPriority(this.record, toPriority(priority, this.job)))
  }

  get recompute(): Effect.Effect<AnyHandle, DispatchError> {
    return Effect.map(recompute(this.record), toHandle)
  }

  onFailure(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.record, "onFailure", undefined, f)
  }

  onExit(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.record, "onExit", undefined, f)
  }

  onSuccess(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.record, "onSuccess", undefined, f)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof TaskHandle && that.record === this.record
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }

  toJSON(): unknown {
    return { _id: "Task", id: this.id, state: this.record.state, origin: this.origin }
  }
}

const toHandle = ({ origin, task }: Accepted): AnyHandle => new TaskHandle(task, origin)

/** The handle of a dispatch, at once when it was accepted at once. */
export const handled = <E>(accepted: Effect.Effect<Accepted, E>): Effect.Effect<AnyHandle, E> =>
  isAccepted(accepted) ? Exit.succeed(toHandle(accepted.value)) : Effect.map(accepted, toHandle)

const isAccepted = <E>(accepted: Effect.Effect<Accepted, E>): accepted is Exit.Success<Accepted, E> =>
  Exit.isExit(accepted) && Exit.isSuccess(accepted)

/** A handle for who finds the task rather than dispatches it. */
export const toTask = (task: TaskRecord): TaskHandle => new TaskHandle(task, "created")

/** A payload without JSON form is like no other; a job that needs keys has refused it. */
export const keyOf = (task: TaskRecord): string => {
  if (task.key !== undefined) return task.key
  try {
    task.key = task.job.definition.keyOf(task.payload)
  } catch {
    task.key = task.id
  }
  return task.key
}

const offer = (task: TaskRecord, message: unknown): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const inbox = control.inboxOf(task)
    return Queue.offerUnsafe(inbox, message) ? Effect.succeed(true) : lending("task", Queue.offer(inbox, message))
  })

/** A view of reports from the reader who has seen this version. */
const reader = (reports: Reports, seen: number) => ({
  get ready() {
    return reports.ended || reports.version > seen
  },
  get waiters() {
    return reports.waiters
  },
  set waiters(waiters) {
    reports.waiters = waiters
  }
})

/** The current value, then later ones as fast as the reader goes, the last one always, then the end. */
export const latest = <A>(
  reports: Reports,
  read: () => A,
  initial = 0,
  check?: Parameters<typeof until>[1]["check"]
): Stream.Stream<A> =>
  Stream.fromPull(Effect.sync(() => {
    let seen = initial
    return Effect.suspend(() =>
      Effect.flatMap(
        until(reader(reports, seen), { reason: "task", check }),
        () => {
          if (reports.version === seen) return Cause.done()
          seen = reports.version
          return Effect.succeed([read()] as const)
        }
      )
    )
  }))

const statusOf = (task: TaskRecord): Status<any, any, any> => {
  const { run, state, startedAt, finishedAt } = task
  const { timers } = task.machine
  const now = timers.now()
  const exited = state === "Exited"
  return {
    id: task.id,
    job: task.job.tag,
    key: keyOf(task),
    state,
    waitingFor: run === undefined ? Option.none() : waitingFor(run),
    exit: exited ? Option.some(exitOf(task)) : Option.none(),
    exitStatus: exited ? Option.some(exitStatusOf(task)) : Option.none(),
    progress: latestOf(task),
    priority: task.priority,
    attempt: task.attempt,
    worker: Option.fromUndefinedOr(task.worker),
    poolId: task.pool.id,
    parentTaskId: Option.fromUndefinedOr(task.parentId),
    queuedAt: timers.date(task.queuedAt),
    startedAt: Option.map(Option.fromUndefinedOr(startedAt), (moment) => timers.date(moment)),
    finishedAt: Option.map(Option.fromUndefinedOr(finishedAt), (moment) => timers.date(moment)),
    // never negative, though a clock that is set back would have it
    queueTime: Math.max(0, (startedAt ?? finishedAt ?? now) - task.queuedAt),
    runTime: startedAt === undefined ? 0 : Math.max(0, (finishedAt ?? now) - startedAt)
  }
}

const waitingFor = (run: Run): Status["waitingFor"] => {
  const { machine, state } = run.task
  if (state === "Queued") {
    if (run.delay !== undefined) return Option.some("delay")
    if (run.lane === undefined) return Option.some("key")
    if (run.gate !== undefined && !run.gate.hasRoom) return Option.some("job-concurrency")
    return Option.some(machine.paused ? "paused" : "slot")
  }
  if (state !== "Sleeping") return Option.none()
  if (run.waiting?.claiming !== true) return Option.fromUndefinedOr(run.waiting?.for)
  return Option.some(run.gate !== undefined && !run.gate.hasRoom ? "job-concurrency" : "slot")
}
