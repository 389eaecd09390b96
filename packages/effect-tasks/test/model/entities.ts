/** What the model of the rules is made of. */
import type { HookKind, Outcome } from "./acts.ts"
import { type JobName, policyOf } from "./jobs.ts"

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

/** Where a task waits; without target it has been woken. */
export interface Wait {
  readonly reason: string
  target: Task | Pool | undefined
  readonly proceed: () => void
}

export class Task {
  readonly number: number
  readonly job: JobName
  readonly key: string
  readonly pool: Pool
  readonly instant: Outcome | undefined
  readonly holders: Set<Pool>
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
  /** Its handler can be told to do something. */
  idle = false
  op: Op | undefined
  wait: Wait | undefined
  /** An attempt, or all of it, is being closed. */
  closing = false
  finalizers: Array<Gate | "die"> = []
  finalizerDied = false
  pools: Array<Pool> = []
  hooks: Array<Hook> = []
  hookKind = 0
  messages = 0
  reading: (() => void) | undefined
  senders: Array<{ readonly by: Task | undefined, readonly taken: () => void, readonly ended: () => void }> = []
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
    this.holders = new Set([options.pool])
  }

  /** R19: tasks with the same gate share permits. */
  get gate(): string | undefined {
    const { concurrency } = policyOf(this.job)
    return concurrency && `${this.job} ${concurrency.perKey ? this.key : ""}`
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
  /** The pool let go of the task when it was cancelled: canceled for this pool, whatever comes of it. */
  letGo: boolean
}

export class Pool {
  readonly number: number
  readonly creator: Task | undefined
  readonly depth: number
  readonly cancelOnFailure: boolean
  readonly finalizer: boolean
  readonly entries: Array<Entry> = []
  sealed = false
  canceled = false
  done = false
  /** Done, and its finalizers have run. */
  released = false
  ownFailed = 0
  /** A Scope closes once; nothing waits for the second time. */
  isScopeClosed = false
  readonly waiters: Array<() => void> = []

  constructor(number: number, creator: Task | undefined, options: Pick<Pool, "cancelOnFailure" | "finalizer">) {
    this.number = number
    this.creator = creator
    this.depth = creator === undefined ? 0 : creator.pool.depth + 1
    this.cancelOnFailure = options.cancelOnFailure
    this.finalizer = options.finalizer
  }

  get isGlobal(): boolean {
    return this.number === 0
  }

  /** R9: never GLOBAL. */
  get parent(): Pool | undefined {
    const pool = this.creator?.pool
    return pool?.isGlobal ? undefined : pool
  }

  /** This pool and its ancestors. */
  get chain(): ReadonlyArray<Pool> {
    return [this, ...this.parent?.chain ?? []]
  }

  entryOf(task: Task): Entry | undefined {
    return this.entries.find((entry) => entry.task === task && !entry.letGo)
  }

  /** R10: upward until the first pool that already counts it. */
  count(task: Task): void {
    for (const pool of this.chain) {
      if (pool.entryOf(task) !== undefined) return
      pool.entries.push({ task, letGo: false })
    }
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
