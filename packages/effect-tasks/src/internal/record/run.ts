/** The part of a task that lives only while it does. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { WaitingFor } from "../../Task.ts"
import type { Timeouts } from "../job/definition.ts"
import type { KeyPlace } from "../queue/keyQueue.ts"
import type { Limits } from "../queue/limits.ts"
import type { Entry, Lane } from "../queue/readyQueue.ts"
import type { Deadline } from "../queue/timers.ts"
import type { BulkEntry } from "./cursor.ts"
import type { Registration } from "./job.ts"
import type { PoolRecord } from "./pool.ts"
import type { Node } from "./source.ts"
import type { Stop, TaskRecord } from "./task.ts"

/**
 * That a pool holds a task; it settles once, with the task or when the pool lets go of it. A task is its own first ticket:
 * one that no second pool holds needs no other object.
 */
export interface Ticket {
  readonly run: Run
  readonly pool: PoolRecord
  /** How many dispatches hold the task there; none once the ticket has settled. */
  holds: number
  /** Its neighbours among the tickets of its pool. */
  previous: Ticket | undefined
  next: Ticket | undefined
}

/** The ticket of a pool that comes to hold a task that is there already. */
export class LaterTicket implements Ticket {
  readonly run: Run
  readonly pool: PoolRecord
  holds = 1
  previous: Ticket | undefined
  next: Ticket | undefined

  constructor(run: Run, pool: PoolRecord) {
    this.run = run
    this.pool = pool
  }
}

export class Run implements Entry, Ticket {
  declare readonly kind: "handler"
  declare readonly weight: number
  readonly task: TaskRecord
  /** The newest at its acceptance. */
  registration: Registration
  limits: Limits | undefined
  heapIndex = -1
  lane: Lane | undefined
  ahead: Entry | undefined
  behind: Entry | undefined
  order = 0
  holds = 1
  previous: Ticket | undefined
  next: Ticket | undefined
  /** The cancel or timeout, of it or of what is above it, that has reached this task. */
  stop: Stop | undefined
  execution: Execution | undefined
  waiting: Waiting | undefined
  rare: Rare | undefined

  static {
    Object.defineProperties(this.prototype, { kind: { value: "handler" }, weight: { value: 1 } }) // the same for all: no fields of each
  }

  constructor(task: TaskRecord, registration: Registration) {
    this.task = task
    this.registration = registration
  }

  get marked(): boolean {
    return this.stop !== undefined
  }

  get number(): number {
    return this.task.number
  }

  get run(): Run {
    return this
  }

  get pool(): PoolRecord {
    return this.task.pool
  }
}

/** What a handler ends an attempt with that is to be followed by another one. */
export interface Snooze {
  readonly millis: number
  readonly hold: boolean
}

/** What few tasks have while they live, so that a queued one stays small. */
export class Rare {
  /** Where it stands for its key. */
  keyPlace: KeyPlace<Run> | undefined
  delay: Deadline | undefined
  /** Until when later dispatches of its key may put it off, in monotonic time. */
  dueBy: number | undefined
  deadline: Deadline | undefined
  /** The job's own unless given. */
  timeouts: Timeouts | undefined
  sharing: Sharing | undefined
  /** Whether somebody is bound to see how it ends, or has begun to read of it. */
  seen = false
  /** The cursor that has made it, until it starts. */
  cursor: BulkEntry | undefined
  /** Those of the attempt that runs, which may have swallowed some. */
  snoozed: Set<unknown> | undefined
  snoozes = 0
  dispatchedIn: { readonly span: Tracer.AnySpan | undefined, readonly tracer: Tracer.Tracer | undefined } | undefined
}

export const rareOf = (run: Run): Rare => run.rare ??= new Rare()

export const timeoutsOf = ({ rare, registration }: Run): Timeouts => rare?.timeouts ?? registration.definition.timeouts

const emptyScope = Scope.makeUnsafe()

/** What a task has once it has started, made anew for each attempt; it is the Scope in which the handler runs. */
// by its prototype: a Scope has no class
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class Execution {
  slot: number
  /** When the slot was given, in monotonic time, where a rate asks. */
  takenAt: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  state: Scope.Scope["state"] = emptyScope.state
  retryStep: ((error: unknown) => Effect.Effect<number | undefined>) | undefined
  /** Unfinished pools made by this task. */
  pools: Set<PoolRecord> | undefined

  constructor(before?: Execution) {
    this.slot = before === undefined ? -1 : before.slot
    this.takenAt = before === undefined ? 0 : before.takenAt
    this.retryStep = before?.retryStep
    this.pools = before?.pools
  }

  static {
    const { state: _, ...same } = Object.getOwnPropertyDescriptors(emptyScope)
    Object.defineProperties(this.prototype, same) // the same for all: no field of each
  }
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface Execution extends Scope.Closeable {}

/** What a task has once it has waited; `transition/slot.ts` has the table. */
export class Waiting {
  /** Its fibers that wait. */
  readonly waits = new Set<PendingWait>()
  /** Its fibers whose wait has ended and that go on as soon as the task may. */
  claimants: Array<PendingWait> = []
  /** How many streams of changes or events it reads. */
  reading = 0
  /** Since when it sleeps. */
  since = 0
  /** When the pause before another attempt ends. */
  attemptAt: Deadline | undefined
}

export const waitingOf = (run: Run): Waiting => run.waiting ??= new Waiting()

/** A fiber of a task that waits. */
export interface PendingWait {
  readonly reason: WaitingFor
  /** What it waits for, where that is a task or a pool. */
  readonly target: Node | undefined
  /** Whether a stop of the task leaves it alone. */
  readonly evenMarked: boolean
  /** Whether what follows is a start: it needs all that a start needs. */
  readonly starts: boolean
  /** It waits no longer, as far as anyone can see. */
  withdraw(): void
  /** The verdict has fallen and it lasts. */
  outlast(): void
  /** Its fiber goes on, interrupted. */
  stop(): void
  /** Its fiber goes on. */
  goOn(): void
}

/** What a task has once more than its first pool has come to hold it. */
export class Sharing {
  /** Its tickets that have not settled, the oldest first. */
  readonly tickets: Map<PoolRecord, Ticket>
  /** The pools that count it: those of its tickets and all above them, with the number of tickets below each. */
  readonly counters: Map<PoolRecord, number>
  /** The parent of the pools that it makes. */
  parent: PoolRecord | undefined

  constructor(run: Run, counters: Iterable<PoolRecord>) {
    this.parent = run.pool.isGlobal ? undefined : run.pool
    this.tickets = new Map([[run.pool, run]])
    this.counters = new Map(Array.from(counters, (pool) => [pool, 1]))
  }
}
