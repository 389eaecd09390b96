/**
 * The state of one worker pool, and its turn.
 *
 * Transitions are synchronous and run no user code. What must run afterwards (waiters, hooks, starts) is left for the
 * turn, which the Scheduler calls on a stack of its own.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Scheduler from "effect/Scheduler"
import type { TaskEvent } from "../TaskEvent.ts"
import type { Admission } from "./admission.ts"
import { atLeastOne, toMillis } from "./checks.ts"
import type { Listener } from "./events.ts"
import { Fifo } from "./fifo.ts"
import type { WorkerPoolOptions } from "./model.ts"
import { ReadyQueue } from "./readyQueue.ts"
import {
  Counts,
  extrasOf,
  type JobState,
  PoolRecord,
  type Run,
  type TaskRecord,
  type Waited,
  type Waiter
} from "./records.ts"
import { History } from "./retention.ts"
import { Slots } from "./slots.ts"
import { Numbers } from "./tasks.ts"
import { type Deadline, Timers } from "./timers.ts"

/** What a machine is made with, beside its options. */
export interface Parts {
  readonly turn: (machine: Machine) => void
  readonly admission: (machine: Machine) => Admission
  /** Whether delays, of a dispatch and between attempts, take no time. */
  readonly instant?: boolean
}

export class Machine {
  readonly context: Context.Context<never>
  readonly timers: Timers
  readonly slots: Slots
  readonly capacity: number
  readonly onFull: "suspend" | "fail"
  readonly gracePeriod: number
  readonly instant: boolean
  readonly ready = new ReadyQueue()
  readonly resuming = new ReadyQueue()
  readonly jobs = new Map<string, JobState>()
  readonly numbers = new Numbers()
  readonly pools = new Map<number, PoolRecord>()
  readonly global: PoolRecord
  readonly history: History<TaskRecord>
  readonly poolHistory: History<PoolRecord>
  readonly counts = new Counts()
  readonly listeners = new Set<Listener>()
  readonly admission: Admission
  /** Called whenever a task has settled: for tests that wait for the next thing to happen. */
  readonly idleChecks = new Set<() => void>()
  /** Those that wait until nothing is live. */
  readonly drainers = new Set<Waiter>()
  /** Running tasks of which some fibers still wait, with what the others hung on at the last look. */
  readonly halfAsleep = new Map<Run, ReadonlyArray<unknown> | undefined>()
  /** The next look at them, while others need a slot. */
  watch: Deadline | undefined
  seq = 0
  /** How many events no listener was woken for. */
  untold = 0
  delayed = 0
  /** Accepted and not settled. */
  live = 0
  paused = false
  closed = false
  /** When the grace of the shutdown that has begun ends. */
  graceEnd: number | undefined
  /** How many handler layers are closing, or this worker pool. */
  closings = 0
  private lastNumber = 0
  private lastOrder = 0
  private readonly outbox = new Fifo<() => void>()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly turn: () => void
  private scheduled = false

  constructor(
    context: Context.Context<never>,
    options: WorkerPoolOptions,
    parts: Parts
  ) {
    this.context = context
    this.timers = new Timers(Context.get(context, Clock.Clock), context)
    this.slots = new Slots(atLeastOne(options.workers ?? processors()))
    this.capacity = atLeastOne(options.capacity ?? Infinity)
    this.onFull = options.onFull ?? "suspend"
    this.gracePeriod = options.gracePeriod === undefined ? 0 : toMillis(options.gracePeriod, "gracePeriod")
    this.instant = parts.instant ?? false
    const remembered = Math.max(0, options.history ?? 1000) || 0
    this.history = new History(remembered, (task) => this.forget(task))
    this.poolHistory = new History(remembered, (pool) => this.pools.delete(pool.number))
    this.global = new PoolRecord(this, 0, undefined, "GLOBAL", true, this.timers.now())
    this.pools.set(0, this.global)
    this.dispatcher = Context.get(context, Scheduler.Scheduler).makeDispatcher()
    this.admission = parts.admission(this)
    this.turn = () => {
      this.scheduled = false
      parts.turn(this)
    }
  }

  nextNumber(): number {
    return ++this.lastNumber
  }

  nextOrder(): number {
    return ++this.lastOrder
  }

  /** Asks for a turn. */
  schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.dispatcher.scheduleTask(this.turn, 0)
  }

  /** Leaves something that may run user code for the turn. */
  tell(message: () => void): void {
    this.outbox.push(message)
    this.schedule()
  }

  nextMessage(): (() => void) | undefined {
    return this.outbox.shift()
  }

  wakeAll(source: Waited): void {
    if (source.waiters === undefined || source.waiters.size === 0) return
    const waiters = takeWaiters(source)
    this.tell(() => {
      for (const waiter of waiters) waiter.wake()
    })
  }

  /** Numbers a transition and, when somebody listens, tells of it. */
  emit<A>(teller: (subject: A, seq: number) => TaskEvent, subject: A): void
  emit<A, B>(teller: (subject: A, seq: number, detail: B) => TaskEvent, subject: A, detail: B): void
  emit<A, B>(teller: (subject: A, seq: number, detail: B) => TaskEvent, subject: A, detail?: B): void {
    this.seq++
    if (this.listeners.size === 0) return
    const event = teller(subject, this.seq, detail!)
    for (const listener of this.listeners) listener.offer(event)
    this.untold++
    this.schedule()
  }

  /** Wakes the listeners, once for many events; whether there was news. For the turn alone: they run. */
  tellNews(): boolean {
    if (this.untold === 0) return false
    this.untold = 0
    for (const listener of this.listeners) {
      if (!listener.ready) continue
      for (const waiter of takeWaiters(listener)) waiter.wake()
    }
    return true
  }

  /** A task leaves the history; a kept result stays visible. */
  forget(task: TaskRecord): void {
    if (task.job.kept.has(task)) extrasOf(task).outOfHistory = true
    else task.job.tasks.delete(task)
  }
}

const takeWaiters = (source: Waited): Iterable<Waiter> => {
  const { waiters } = source
  source.waiters = undefined
  return waiters ?? []
}

const processors = (): number =>
  (globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 4
