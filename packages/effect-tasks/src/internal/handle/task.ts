/** Handles of tasks. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { CancelOptions, Origin, Status, Task } from "../../Task.ts"
import { type DispatchError, TaskAlreadyComplete } from "../../TaskError.ts"
import type { TaskPool } from "../../TaskPool.ts"
import { recompute } from "../dispatch/dispatch.ts"
import { settled } from "../dispatch/holding.ts"
import { subjectOf, toMillis, toPriority, toReason } from "../job/checks.ts"
import { nameOf } from "../observe/label.ts"
import { Printed } from "../observe/printed.ts"
import { latestOf } from "../observe/progress.ts"
import { Hold } from "../queue/rate.ts"
import { exitOf, exitStatusOf } from "../record/outcome.ts"
import { handleOf } from "../record/pool.ts"
import { rareOf, type Run } from "../record/run.ts"
import { isParked } from "../record/stored.ts"
import { changesOf, progressOf, type TaskRecord } from "../record/task.ts"
import { TaskTypeId } from "../record/typeIds.ts"
import { register } from "../run/hooks.ts"
import { send } from "../run/inbox.ts"
import { setPriority } from "../transition/lifecycle.ts"
import { setTimeout } from "../transition/stop.ts"
import { cancelTask } from "../wait/closing.ts"
import { checkRing } from "../wait/graph.ts"
import { reading, until } from "../wait/wait.ts"
import { type Check, latest, reader } from "./latest.ts"

type AnyHandle = Task<any, any, any, any>

export class TaskHandle extends Printed implements AnyHandle {
  readonly [TaskTypeId] = TaskTypeId
  readonly record: TaskRecord
  readonly origin: Origin

  constructor(record: TaskRecord, origin: Origin) {
    super()
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
    return Effect.flatMap(settled(this.record), () => exitOf(this.record))
  }

  get exit(): Effect.Effect<Exit.Exit<any, any>> {
    return Effect.map(settled(this.record), () => exitOf(this.record))
  }

  get status(): Effect.Effect<Status<any, any, any>> {
    return Effect.sync(() => statusOf(this.record))
  }

  get changes(): Stream.Stream<Status<any, any, any>> {
    const { record } = this
    // even when nothing has changed yet, the current one comes first
    const check: Check = (from) => checkRing(from, record)
    return reading(
      latest(() => changesOf(watched(record)), () => statusOf(record), { seen: -1, check, target: record })
    )
  }

  get progress(): Stream.Stream<any> {
    const { record } = this
    const check: Check = (from) => checkRing(from, record)
    return latest(() => progressOf(watched(record)), () => record.extras!.progress!.latest, {
      seen: 0,
      check,
      target: record
    })
  }

  get firstProgress(): Effect.Effect<Option.Option<any>> {
    const { record } = this
    return Effect.suspend(() => {
      const progress = progressOf(watched(record))
      return Effect.map(
        until(reader(progress, 0), { reason: "task", target: record }),
        () => progress.version === 0 ? Option.none() : Option.some(progress.first)
      )
    })
  }

  get childPool(): Effect.Effect<Option.Option<TaskPool>> {
    return Effect.sync(() => Option.map(Option.fromUndefinedOr(this.record.extras?.childPool), handleOf))
  }

  cancel(given?: string | CancelOptions): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reason = toReason(given)
      const { run } = this.record
      return run === undefined ? Effect.void : cancelTask(run, reason)
    })
  }

  send(message: unknown): Effect.Effect<void, TaskAlreadyComplete> {
    return Effect.suspend(() => {
      const { run, state } = this.record
      const complete = Effect.fail(new TaskAlreadyComplete({ taskId: this.id, job: this.job }))
      if (run === undefined || state === "Exited") return complete
      const stored = this.record.extras?.stored
      const sent = stored === undefined ? undefined : run.registration.backend!.send(stored, message)
      if (sent !== undefined) return Effect.flatMap(sent, (taken) => (taken ? Effect.void : complete))
      if (run.marked) return Effect.void // no wait of a marked task returns normally, so nobody will read it
      return Effect.flatMap(send(this.record, message), (taken) => (taken ? Effect.void : complete))
    })
  }

  setTimeout(duration: Duration.Input): Effect.Effect<void> {
    return setTimeoutOf(this.record, duration)
  }

  get clearTimeout(): Effect.Effect<void> {
    return setTimeoutOf(this.record, Infinity)
  }

  setPriority(priority: number): Effect.Effect<void> {
    return Effect.sync(() => {
      const { extras, run } = this.record
      const checked = toPriority(priority, "priority", subjectOf(this.job))
      setPriority(this.record, checked)
      if (extras?.stored !== undefined) run?.registration.backend!.prioritized(extras.stored, checked)
    })
  }

  get recompute(): Effect.Effect<AnyHandle, DispatchError> {
    return recompute(this.record)
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

  toString(): string {
    return `Task ${nameOf(this.record)}, ${this.record.state}`
  }

  toJSON(): unknown {
    return { _id: "Task", id: this.id, state: this.record.state, origin: this.origin }
  }
}

/** A task that somebody reads of: its failure is no surprise. */
const watched = (task: TaskRecord): TaskRecord => {
  if (task.run !== undefined) rareOf(task.run).seen = true
  if (isParked(task)) task.run?.registration.backend!.watched(task.extras!.stored!)
  return task
}

const setTimeoutOf = ({ job, run }: TaskRecord, duration: Duration.Input): Effect.Effect<void> =>
  Effect.sync(() => {
    const millis = toMillis(duration, "timeout", subjectOf(job.tag))
    if (run !== undefined) setTimeout(run, millis)
  })

/** A handle for who finds the task rather than dispatches it. */
export const toTask = (task: TaskRecord): TaskHandle => new TaskHandle(task, "created")
export const toHandle = (task: TaskRecord, origin: Origin): TaskHandle => new TaskHandle(task, origin)

/** A payload without a text is like no other; a job that needs keys has refused it. */
export const keyOf = (task: TaskRecord): string => {
  if (task.key !== undefined) return task.key
  try {
    task.key = task.job.definition.keyOf(task.payload)
  } catch {
    task.key = task.id
  }
  return task.key
}

export const statusOf = (task: TaskRecord): Status<any, any, any> => {
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
    runTime: startedAt === undefined ? 0 : Math.max(0, (finishedAt ?? now) - startedAt),
    sleepTime: sleepTime(task, now),
    waitingUntil: Option.map(
      Option.fromUndefinedOr(run && waitingUntil(run)),
      (at) => timers.date(now + at - timers.moment())
    )
  }
}

const sleepTime = ({ extras, run, state }: TaskRecord, now: number): number =>
  (extras?.slept ?? 0) + (state === "Sleeping" ? Math.max(0, now - run!.waiting!.since) : 0)

/** When what it waits for ends by itself, in monotonic time. */
const waitingUntil = ({ lane, rare, task, waiting }: Run): number | undefined => {
  const full = lane?.limits?.full
  if (full instanceof Hold) return full.opensAt < Infinity ? full.opensAt : undefined
  return task.state === "Queued" ? rare?.delay?.at : waiting?.attemptAt?.at
}

const waitingFor = (run: Run): Status["waitingFor"] => {
  const { machine, state } = run.task
  const full = run.lane?.limits?.full?.waitingFor
  if (state === "Queued") {
    if (isParked(run.task)) return Option.some("elsewhere")
    if (run.rare?.delay !== undefined) return Option.some("delay")
    if (run.lane === undefined) return Option.some("key")
    return Option.some(full ?? (machine.paused ? "paused" : "slot"))
  }
  if (state !== "Sleeping") return Option.none()
  if (run.lane !== undefined) return Option.some(full ?? "slot")
  const [pending] = run.waiting!.waits // it sleeps over something
  return Option.fromUndefinedOr(pending?.reason)
}
