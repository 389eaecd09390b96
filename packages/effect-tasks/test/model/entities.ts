/** What the model of the rules is made of. */
import type { HookKind, Outcome } from "./acts.ts"
import { type JobName, limitsOf, type NamedLimit } from "./jobs.ts"

export type State = "Queued" | "Running" | "Sleeping" | "Stopping" | "Exited"

/** A call of the public API and what came of it; no result while it has not returned. */
export interface Op {
  readonly label: string
  result: string | undefined
}

/** Something that the driver will open some day. */
export interface Gate {
  readonly name: string
  isOpen: boolean
  onOpen: (() => void) | undefined
}

export interface Timer {
  readonly at: number
  readonly fire: () => void
}

export interface Verdict {
  readonly status: "success" | "error" | "canceled"
  readonly exit: string
}

export interface Hook {
  readonly name: string
  readonly kind: HookKind
  readonly attempt: number | undefined
  readonly gate: Gate | undefined
}

/** That a fiber of a handler waits. */
export interface Wait {
  readonly fiber: Fiber
  readonly reason: string
  /** R7: a closing waits on when its task is stopped. */
  readonly evenMarked: boolean
  /** R26: what follows is a start, another attempt. */
  readonly starts: boolean
  target: Task | Pool | undefined
  /** It has been woken, and its fiber goes on when the task has a slot. */
  isOver: boolean
  proceed: () => void
}

/** A fiber of a handler. */
export class Fiber {
  readonly task: Task
  /** 0 is the handler itself. */
  readonly number: number
  /** It can be told to do something. */
  idle = true
  op: Op | undefined
  /** What it does now goes on when it is interrupted. */
  masked = false
  interrupted = false
  ended = false
  /** What it has dispatched by `run`. */
  owned: Ticket | undefined
  reading: (() => void) | undefined
  readonly onEnd: Array<() => void> = []

  constructor(task: Task, number: number) {
    this.task = task
    this.number = number
  }
}

/** R15: that a pool holds a task, by so many dispatches. */
export interface Ticket {
  readonly task: Task
  readonly pool: Pool
  holds: number
}

/** What an attempt has acquired: its release waits for a gate or a task, or dies. */
export type Finalizer = Gate | "die" | { readonly task: Task, readonly name: string }

export class Task {
  readonly number: number
  readonly job: JobName
  readonly key: string
  readonly pool: Pool
  instant: Outcome | undefined
  /** R29: until when its delay may start anew. */
  dueBy = Infinity
  readonly tickets = new Map<Pool, Ticket>()
  /** The parent of the pools that it makes. */
  above: Pool | undefined
  state: State = "Queued"
  priority: number
  timeout: number | undefined
  queueTimeout: number | undefined
  readonly given: { readonly timeout: number | undefined, readonly queueTimeout: number | undefined }
  attempt = 1
  progress: number | undefined
  verdict: Verdict | undefined
  settled = false
  /** A stop has reached it. */
  marked = false
  delayed = false
  /** Its place among those that want a slot; none while it wants none. */
  place: number | undefined
  worker: number | undefined
  deadline: Timer | undefined
  /** The delay before the first start or before a retry. */
  pause: Timer | undefined
  main: Fiber
  children: Array<Fiber> = []
  forks = 0
  /** What comes when all fibers of the handler have ended. */
  afterFibers: (() => void) | undefined
  /** The oldest first. */
  waits: Array<Wait> = []
  /** An attempt, or all of it, is being closed. */
  closing = false
  finalizers: Array<Finalizer> = []
  finalizerDied = false
  pools: Array<Pool> = []
  hooks: Array<Hook> = []
  hookKind = 0
  messages = 0
  /** Fibers that read its inbox, the first of them first. */
  readers: Array<Fiber> = []
  senders: Array<{ readonly by: Fiber | undefined, readonly taken: () => void, readonly ended: () => void }> = []
  readonly waiters: Array<() => void> = []

  constructor(
    options: Pick<Task, "number" | "job" | "key" | "pool" | "instant" | "priority" | "timeout" | "queueTimeout">
  ) {
    this.number = options.number
    this.job = options.job
    this.key = options.key
    this.pool = options.pool
    this.instant = options.instant
    this.priority = options.priority
    this.timeout = options.timeout
    this.queueTimeout = options.queueTimeout
    this.given = options
    this.main = new Fiber(this, 0)
    this.main.idle = false
    this.above = options.pool.isGlobal ? undefined : options.pool
    this.hold(options.pool)
  }

  get holders(): ReadonlyArray<Pool> {
    return [...this.tickets.keys()]
  }

  hold(pool: Pool): void {
    const ticket = this.tickets.get(pool)
    if (ticket !== undefined) ticket.holds++
    else this.tickets.set(pool, { task: this, pool, holds: 1 })
  }

  get fibers(): ReadonlyArray<Fiber> {
    return this.main.ended ? this.children : [this.main, ...this.children]
  }

  /** R9: when the pool above those that it makes lets go of it, they hang below the oldest that holds it and is not below. */
  hang(): void {
    this.above = this.holders.find((pool) =>
      !pool.isGlobal && !pool.canceled && !pool.chain.some(({ creator }) => creator === this)
    )
  }

  /** R19, R26: those of its job; the pools above it have their own. */
  get limits(): ReadonlyArray<NamedLimit> {
    return limitsOf(this.job, this.key)
  }

  /** Whether what it wants a slot for is a start. */
  get wantsStart(): boolean {
    return this.state === "Queued" || this.waits.some(({ isOver, starts }) => isOver && starts)
  }

  get column(): "queued" | "running" | "sleeping" | "complete" {
    if (this.state === "Queued") return "queued"
    if (this.state === "Sleeping") return "sleeping"
    return this.state === "Exited" ? "complete" : "running"
  }
}

/** That a pool counts a task. */
interface Entry {
  readonly task: Task
  /** The pool let go of the task, or of one above it: canceled for this pool, whatever comes of it. */
  letGo: boolean
}

export class Pool {
  readonly number: number
  readonly creator: Task | undefined
  readonly depth: number
  readonly cancelOnFailure: boolean
  readonly finalizer: boolean
  readonly entries: Array<Entry> = []
  /** R32: how many of its tasks, and of those below it, run at once; none where it was never limited. */
  concurrency: number | undefined
  sealed = false
  canceled = false
  done = false
  /** Done, and its finalizers have run. */
  released = false
  ownFailed = 0
  /** A Scope closes once; nothing waits for the second time. */
  isScopeClosed = false
  readonly waiters: Array<() => void> = []

  constructor(
    number: number,
    creator: Task | undefined,
    options: Pick<Pool, "cancelOnFailure" | "finalizer" | "concurrency">
  ) {
    this.number = number
    this.creator = creator
    this.depth = creator === undefined ? 0 : creator.pool.depth + 1
    this.cancelOnFailure = options.cancelOnFailure
    this.finalizer = options.finalizer
    this.concurrency = options.concurrency
  }

  get isGlobal(): boolean {
    return this.number === 0
  }

  /** R9: never GLOBAL. */
  get parent(): Pool | undefined {
    return this.creator?.above
  }

  /** This pool and its ancestors. */
  get chain(): ReadonlyArray<Pool> {
    return [this, ...this.parent?.chain ?? []]
  }

  entryOf(task: Task): Entry | undefined {
    return this.entries.find((entry) => entry.task === task && !entry.letGo)
  }

  /** Counts the task, where it is not counted already. */
  count(task: Task): void {
    if (this.entryOf(task) === undefined) this.entries.push({ task, letGo: false })
  }

  get status() {
    const count = { queued: 0, running: 0, sleeping: 0, complete: 0 }
    let [failed, canceled] = [0, 0]
    for (const { letGo, task } of this.entries) {
      count[letGo ? "complete" : task.column]++
      if (letGo || (task.state === "Exited" && task.verdict!.status === "canceled")) canceled++
      else if (task.state === "Exited" && task.verdict!.status === "error") failed++
    }
    const state = this.done ? "done" : this.canceled ? "canceled" : this.sealed ? "sealed" : "open"
    return { state, total: this.entries.length, ...count, failed, canceled }
  }
}
