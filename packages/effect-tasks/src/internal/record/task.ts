/** The part of a task that stays with its handle. */
import type * as Exit from "effect/Exit"
import type * as Queue from "effect/Queue"
import type { Stop } from "../../Backend.ts"
import type { Timeouts } from "../job/definition.ts"
import type { HookSet } from "./hooks.ts"
import type { JobState } from "./job.ts"
import type { Machine } from "./machine.ts"
import type { PoolRecord } from "./pool.ts"
import type { Run } from "./run.ts"
import { Progress, Reports, type Source, type Waiter } from "./source.ts"
import type { State } from "./state.ts"
import type { Stored } from "./stored.ts"

export type { Stop }

/** Why a task ends: the result of its handler, or a stop. */
export type Verdict = Exit.Exit<unknown, unknown> | Stop

export class TaskRecord implements Source {
  /** 0 until it is accepted. */
  number = 0
  readonly job: JobState
  /** Another one while it is queued, where its job is unique as "latest". */
  payload: unknown
  /** The pool that it was dispatched into. */
  readonly pool: PoolRecord
  queuedAt = 0
  state: State = "Queued"
  priority: number
  attempt = 1
  startedAt: number | undefined
  finishedAt: number | undefined
  worker: number | undefined
  verdict: Verdict | undefined
  key: string | undefined
  waiters: Set<Waiter> | undefined
  /** Present until the task has settled. */
  run: Run | undefined
  extras: Extras | undefined
  private madeId: string | undefined

  constructor(job: JobState, payload: unknown, pool: PoolRecord, priority: number) {
    this.job = job
    this.payload = payload
    this.pool = pool
    this.priority = priority
  }

  get id(): string {
    return this.madeId ??= this.extras?.stored?.id ?? `${this.job.tag}-${this.machine.idPrefix}${this.number}`
  }

  get machine(): Machine {
    return this.pool.machine
  }

  get parentId(): string | undefined {
    return this.pool.makerId ?? this.extras?.parentId
  }

  /** Whether the hooks have run too; nothing changes afterwards. */
  get settled(): boolean {
    return this.state === "Exited" && this.run === undefined
  }

  get ready(): boolean {
    return this.settled
  }
}

/** Only this library makes handles of tasks, and each has its record. */
export const recordOf = (handle: unknown): TaskRecord => (handle as { readonly record: TaskRecord }).record

/** What few tasks have: most never make it, so that a queued or remembered task stays small. */
export class Extras {
  /** The task that dispatched it into a pool which no task has made. */
  parentId: string | undefined
  /** The visible tasks of its key before and after it, once tasks are looked up. */
  older: TaskRecord | undefined
  newer: TaskRecord | undefined
  /** What its backend knows it by. */
  stored: Stored | undefined
  /** Made when somebody reports or reads. */
  progress: Progress | undefined
  /** For readers of its status; made when somebody reads. */
  changes: Reports | undefined
  childPool: PoolRecord | undefined
  hooks: HookSet | undefined
  inbox: Queue.Queue<any> | undefined
  /** How long it has slept, in milliseconds; while it sleeps, until then. */
  slept = 0
  /** What a recompute dispatches with again; the job's own unless given. */
  timeouts: Timeouts | undefined
  /** The exit that a stop gives this task, made when first read. */
  exit: Exit.Exit<any, any> | undefined
  /** Whether the history has forgotten it, though its result is kept; once tasks are looked up. */
  outOfHistory = false
  /** Pools that count this kept result. */
  reusedIn: WeakSet<PoolRecord> | undefined
  /** The pools that held it when it ended, where that is not its own alone. */
  heldBy: WeakSet<PoolRecord> | undefined
}

export const extrasOf = (task: TaskRecord): Extras => task.extras ??= new Extras()

/** For a reader of its status, or of its progress; made for the first one. */
export const changesOf = (task: TaskRecord): Reports => extrasOf(task).changes ??= new Reports(task.settled)
export const progressOf = (task: TaskRecord): Progress => extrasOf(task).progress ??= new Progress(task.settled)

/** Tells the readers of its status. */
export const touchTask = ({ extras, machine }: TaskRecord): void => {
  if (extras?.changes === undefined) return
  extras.changes.version++
  machine.wakeAll(extras.changes)
}
