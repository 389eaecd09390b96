/**
 * The data of the machine: what stays of a task (`TaskRecord`), what lives only while it does (`Run`), and pools.
 * They are written by the transition functions beside this file and by nobody else.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Definition, Timeouts } from "./definition.ts"
import { Fifo } from "./fifo.ts"
import type { Gate } from "./gate.ts"
import type { HookSet, Isolated } from "./hooks.ts"
import type { Line } from "./line.ts"
import type { Machine } from "./machine.ts"
import type { JobMetrics } from "./metrics.ts"
import type { TaskPool, WaitingFor } from "./model.ts"
import type { Entry, Lane } from "./readyQueue.ts"
import type { Kept } from "./retention.ts"
import type { State } from "./state.ts"
import type { Tasks } from "./tasks.ts"
import type { Deadline } from "./timers.ts"

/** Why a task ends: the result of its handler, or a stop. */
export type Verdict = Exit.Exit<unknown, unknown> | Stop

/** A cancel or a timeout; one may end many tasks. */
export type Stop =
  | { readonly _tag: "cancel", readonly reason: string | undefined }
  | { readonly _tag: "timeout", readonly phase: "queued" | "running", readonly after: number }

/** Who waits, as the wait graph sees it, and how to wake him. */
export interface Waiter {
  readonly from: TaskRecord | PoolRecord | undefined
  wake(): void
}

/** What has waiters. */
export interface Waited {
  waiters: Set<Waiter> | undefined
}

/** What can be waited for. */
export interface Source extends Waited {
  readonly ready: boolean
}

/** Numbers that roll up. `total = queued + running + sleeping + complete`, always. */
export class Counts {
  total = 0
  queued = 0
  running = 0
  sleeping = 0
  complete = 0
  failed = 0
  canceled = 0

  /** By name, but not `this[column]`, which costs several times as much. */
  add(column: Column, by: 1 | -1): void {
    if (column === "queued") this.queued += by
    else if (column === "running") this.running += by
    else if (column === "sleeping") this.sleeping += by
    else this.complete += by
  }
}

/** The column of a task's state. */
export type Column = "queued" | "running" | "sleeping" | "complete"

/** All tasks of one tag. */
export interface JobState {
  readonly tag: string
  definition: Definition
  readonly registrations: Array<Registration>
  readonly tasks: Tasks
  readonly lines: Map<string, Line>
  readonly gates: Map<string, Gate>
  kept: Kept
  metrics: JobMetrics | undefined
}

/** One handler layer that is alive. */
export interface Registration {
  readonly job: JobState
  readonly definition: Definition
  readonly handler: (payload: any, task: any) => Effect.Effect<unknown, unknown, any>
  readonly context: Context.Context<never>
  /** "open", then "closing" while its live tasks have their grace, then "closed". */
  phase: "open" | "closing" | "closed"
}

/** What a fiber can be inside of; `by` is where the fiber stands that registered a hook too late and so runs it. */
export type Place =
  | Run
  | { readonly kind: "hook", readonly task: TaskRecord, by: Place | undefined }
  | { readonly kind: "finalizer", readonly pool: PoolRecord, by: Place | undefined }

/** The part of a task that stays with its handle. */
export class TaskRecord implements Source {
  readonly number: number
  readonly job: JobState
  readonly payload: unknown
  readonly pool: PoolRecord
  readonly queuedAt: number
  state: State = "Queued"
  priority: number
  attempt = 1
  startedAt: number | undefined
  finishedAt: number | undefined
  worker: number | undefined
  verdict: Verdict | undefined
  key: string | undefined
  /** Its neighbours among the visible tasks of its job. */
  before: TaskRecord | undefined
  after: TaskRecord | undefined
  waiters: Set<Waiter> | undefined
  /** Present until the task has settled. */
  run: Run | undefined
  extras: Extras | undefined
  private madeId: string | undefined

  constructor(number: number, job: JobState, payload: unknown, pool: PoolRecord, priority: number, queuedAt: number) {
    this.number = number
    this.job = job
    this.payload = payload
    this.pool = pool
    this.priority = priority
    this.queuedAt = queuedAt
  }

  get id(): string {
    return this.madeId ??= `${this.job.tag}-${this.number}`
  }

  get machine(): Machine {
    return this.pool.machine
  }

  get parentId(): string | undefined {
    return this.pool.createdBy?.id ?? this.extras?.parentId
  }

  /** Whether the hooks have run too; nothing changes afterwards. */
  get settled(): boolean {
    return this.state === "Exited" && this.run === undefined
  }

  get ready(): boolean {
    return this.settled
  }
}

/** What few tasks have: most never make it, so that a queued or remembered task stays small. */
export class Extras {
  /** The task that dispatched it into a pool which no task has made. */
  parentId: string | undefined
  /** The visible tasks of its key before and after it. */
  older: TaskRecord | undefined
  newer: TaskRecord | undefined
  /** Made when somebody reports or reads. */
  progress: Progress | undefined
  childPool: PoolRecord | undefined
  hooks: HookSet | undefined
  inbox: Queue.Queue<any> | undefined
  /** What a recompute dispatches with again; the job's own unless given. */
  timeouts: Timeouts | undefined
  /** The exit that a stop gives this task, made when first read. */
  exit: Exit.Exit<any, any> | undefined
  /** Whether the history has forgotten it, though its result is kept. */
  outOfHistory = false
  /** Pools that count this kept result. */
  reusedIn: WeakSet<PoolRecord> | undefined
}

export const extrasOf = (task: TaskRecord): Extras => task.extras ??= new Extras()

/** A value that changes, for readers who want the latest: `version` counts the changes. */
export class Reports implements Waited {
  version = 0
  ended = false
  waiters: Set<Waiter> | undefined
}

/** What a task has reported. */
export class Progress extends Reports {
  first: unknown
  latest: unknown
}

/** The part of a task that lives only while it does. */
export class Run implements Entry {
  declare readonly kind: "handler"
  readonly task: TaskRecord
  readonly registration: Registration
  readonly gate: Gate | undefined

  heapIndex = -1
  lane: Lane | undefined
  order = 0
  /** Where this task stands for its key. */
  inLine: InLine | undefined
  delay: Deadline | undefined
  deadline: Deadline | undefined
  timeouts: Timeouts
  /** How many dispatches hold this task. */
  holds = 1
  /** The cancel or timeout, of it or of what is above it, that has reached this task. */
  stop: Stop | undefined
  execution: Execution | undefined
  waiting: Waiting | undefined
  sharing: Sharing | undefined
  previous: Run | undefined
  next: Run | undefined
  dispatchedIn: { readonly span: Tracer.AnySpan | undefined, readonly tracer: Tracer.Tracer | undefined } | undefined

  static {
    Object.defineProperty(this.prototype, "kind", { value: "handler" }) // the same for all: no field of each
  }

  constructor(task: TaskRecord, registration: Registration, gate: Gate | undefined, timeouts: Timeouts) {
    this.task = task
    this.registration = registration
    this.gate = gate
    this.timeouts = timeouts
  }

  get marked(): boolean {
    return this.stop !== undefined
  }

  /** The pools that hold the task. */
  get holders(): ReadonlyArray<PoolRecord> {
    const { sharing, task: { pool } } = this
    return sharing === undefined ? [pool] : sharing.leftHome ? [...sharing.guestOf] : [pool, ...sharing.guestOf]
  }
}

/** A task's place among those of its key. */
export interface InLine {
  readonly line: Line
  ahead: Run | undefined
  behind: Run | undefined
}

/** What a task has once it has started. */
export class Execution {
  slot = -1
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  scope: Scope.Closeable = Scope.makeUnsafe()
  retryStep: ((error: unknown) => Effect.Effect<number | undefined>) | undefined
  /** Unfinished pools made by this task. */
  pools: Set<PoolRecord> | undefined
}

/** What a task has once it has waited. */
export class Waiting {
  for: WaitingFor | undefined
  /** Whether it stands in line to go on. */
  claiming = false
  claimants: Array<Claimant> = []
  readonly waits = new Set<Stoppable>()
  /** Fibers that went on after a wait while others still wait; when they have ended the slot is lent again. */
  readonly awake = new Set<Fiber.Fiber<unknown, unknown>>()
  /** Fibers whose end is noticed. */
  watched: WeakSet<Fiber.Fiber<unknown, unknown>> | undefined
}

/** What a task has once another pool holds it too. */
export class Sharing {
  /** Pools that hold this task beside its own. */
  readonly guestOf = new Set<PoolRecord>()
  /** Whether its own pool was cancelled and let go of it. */
  leftHome = false
  /** All pools that count it. */
  readonly countedBy: Set<PoolRecord>

  constructor(countedBy: Iterable<PoolRecord>) {
    this.countedBy = new Set(countedBy)
  }
}

/** A fiber that goes on when its task has a slot. */
export interface Claimant {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly proceed: () => void
}

/** A wait of a task, which a cancel ends. */
export interface Stoppable {
  readonly reason: WaitingFor
  /** It waits no longer, as far as anyone can see. */
  withdraw(): void
  /** Its fiber goes on, interrupted. */
  stop(): void
}

/** A pool. Done: closed with nothing left. Released: its finalizers have run too. */
export class PoolRecord implements Source {
  readonly machine: Machine
  readonly number: number
  readonly id: string
  readonly name: string
  readonly parent: PoolRecord | undefined
  readonly depth: number
  readonly createdBy: TaskRecord | undefined
  /** What the failure of an own task sets off. */
  onOwnFailure: (() => void) | undefined
  readonly isGlobal: boolean
  readonly openedAt: number
  readonly counts = new Counts()
  readonly changes: Reports = new Reports()
  sealed = false
  canceled = false
  cancelReason: string | undefined
  done = false
  doneAt: number | undefined
  released = false
  /** Tasks held and not settled. */
  remaining = 0
  firstRun: Run | undefined
  lastRun: Run | undefined
  guests: Set<Run> | undefined
  readonly failures: Array<TaskRecord> = []
  readonly ownFailures: Array<TaskRecord> = []
  ownFailed = 0
  readonly finalizers = new Fifo<Isolated>()
  /** Its part of the Scope that made it; gone when it is released, so that a long-lived Scope does not collect pools. */
  scope: Scope.Closeable | undefined
  waiters: Set<Waiter> | undefined
  handle: TaskPool | undefined

  constructor(
    machine: Machine,
    number: number,
    createdBy: TaskRecord | undefined,
    name: string | undefined,
    isGlobal: boolean,
    openedAt: number
  ) {
    this.machine = machine
    this.number = number
    this.createdBy = createdBy
    this.parent = createdBy === undefined || createdBy.pool.isGlobal ? undefined : createdBy.pool
    this.depth = createdBy === undefined ? 0 : createdBy.pool.depth + 1
    this.isGlobal = isGlobal
    this.openedAt = openedAt
    this.id = isGlobal ? "GLOBAL" : `Pool-${number}`
    this.name = name ?? this.id
  }

  get ready(): boolean {
    return this.released
  }
}
