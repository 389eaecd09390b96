/** What is known of a pool. */
import type * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import type { TaskPool } from "../../TaskPool.ts"
import { Fifo } from "../queue/fifo.ts"
import type { Permits } from "../queue/limit.ts"
import { Counts } from "./counts.ts"
import type { Isolated } from "./hooks.ts"
import type { Machine } from "./machine.ts"
import type { Run, Ticket } from "./run.ts"
import { Reports, type Source, type Waited, type Waiter } from "./source.ts"
import type { TaskRecord } from "./task.ts"

/** What is remembered of a task that ended as error. */
export class Failed {
  readonly taskId: string
  readonly job: string
  /** The ids of the tasks above it, from the root, and its own. */
  readonly path: ReadonlyArray<string>
  readonly cause: Cause.Cause<unknown>
  label = ""
  /** Until its label is made, in the turn at the latest: that may run a user's code. */
  task: TaskRecord | undefined

  constructor(task: TaskRecord, path: ReadonlyArray<string>, cause: Cause.Cause<unknown>) {
    this.taskId = task.id
    this.job = task.job.tag
    this.path = path
    this.cause = cause
    this.task = task
  }
}

/** Done: closed with nothing left. Released: its finalizers have run too. */
export class PoolRecord implements Source {
  readonly machine: Machine
  readonly number: number
  readonly id: string
  readonly name: string
  readonly isGlobal: boolean
  readonly depth: number
  readonly makerId: string | undefined
  /** The task that made it, while both last. */
  maker: TaskRecord | undefined
  /** One of the pools that hold its maker; never GLOBAL. */
  parent: PoolRecord | undefined
  /** Whether the first failure of a task of its own cancels it. */
  readonly failsFast: boolean
  /** Of its tasks and all below them. */
  permits: Permits | undefined
  readonly openedAt: number
  /** Without what is pending in pools below: `countsOf` of `transition/rollUp.ts` reads it all. */
  readonly counts = new Counts()
  /** What its parent has not counted yet. */
  pending: Counts | undefined
  /** The pools below it, next to it, that have something pending. */
  readonly behind = new Set<PoolRecord>()
  readonly changes: Reports = new Reports()
  /** Whether its readers know that it has changed since somebody last read its counts. */
  told = false
  /** Who goes on when the pool is cancelled. */
  readonly cancellation: Waited = { waiters: undefined }
  sealed = false
  canceled = false
  cancelReason: string | undefined
  done = false
  doneAt: number | undefined
  released = false
  /** How many tickets it has had. */
  held = 0
  /** Its tickets that have not settled. */
  remaining = 0
  first: Ticket | undefined
  last: Ticket | undefined
  /** The first failures of it and of all below it, and those of its own tasks. */
  readonly failures: Array<Failed> = []
  readonly ownFailures: Array<Failed> = []
  ownFailed = 0
  /** Of its own failures, as long as somebody may still join it. */
  payloads: Array<unknown> | undefined
  joining = 0
  readonly finalizers = new Fifo<Isolated>()
  /** Its part of the Scope that made it; gone when it is released, so that a long-lived Scope does not collect pools. */
  scope: Scope.Closeable | undefined
  waiters: Set<Waiter> | undefined
  handle: TaskPool | undefined

  constructor(
    machine: Machine,
    number: number,
    maker: TaskRecord | undefined,
    parent: PoolRecord | undefined,
    options: { readonly name?: string | undefined, readonly onFailure?: "continue" | "cancel" | undefined } = {}
  ) {
    this.machine = machine
    this.number = number
    this.isGlobal = number === 0
    this.id = this.isGlobal ? "GLOBAL" : `Pool-${machine.idPrefix}${number}`
    this.name = options.name ?? this.id
    this.failsFast = options.onFailure === "cancel"
    this.maker = maker
    this.makerId = maker?.id
    this.parent = parent
    this.depth = maker === undefined ? 0 : maker.pool.depth + 1
    this.openedAt = machine.timers.now()
  }

  get ready(): boolean {
    return this.released
  }
}

/** Every pool gets its handle when it is made. */
export const handleOf = (pool: PoolRecord): TaskPool => pool.handle!

/** The tasks that a pool holds and that have not settled. */
export const runsOf = (pool: PoolRecord): Array<Run> => {
  const runs: Array<Run> = []
  for (let ticket = pool.first; ticket !== undefined; ticket = ticket.next) runs.push(ticket.run)
  return runs
}

/** The tasks of these pools and of all below them that have not settled. */
export const runsBelow = function*(pools: Iterable<PoolRecord>): Generator<Run> {
  const below = new Set(pools) // a Set iterates on over what is added; a task may share itself into a pool of its own
  for (const pool of below) {
    for (const run of runsOf(pool)) {
      yield run
      for (const made of run.execution?.pools ?? []) below.add(made)
    }
  }
}

/** A pool and those above it. */
export const chain = function*(pool: PoolRecord | undefined): Generator<PoolRecord> {
  for (let each = pool; each !== undefined; each = each.parent) yield each
}
