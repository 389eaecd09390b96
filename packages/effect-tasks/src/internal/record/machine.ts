/**
 * The state of one worker pool.
 *
 * Transitions (`transition/`) are synchronous, change data and call nobody. What must run afterwards is left as a message
 * for the turn (`run/turn.ts`), which the Scheduler calls on a stack of its own.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Origin, Task } from "../../Task.ts"
import type { Unhandled } from "../../WorkerPool.ts"
import type { LimitDefinition } from "../job/limit.ts"
import type { Family } from "../queue/family.ts"
import { Fifo } from "../queue/fifo.ts"
import { LimitTree } from "../queue/limits.ts"
import { ReadyQueue } from "../queue/readyQueue.ts"
import { Slots } from "../queue/slots.ts"
import { type Suspended, SuspendedQueue } from "../queue/suspended.ts"
import { Timers } from "../queue/timers.ts"
import { asyncContext } from "./asyncContext.ts"
import { Counts } from "./counts.ts"
import type { CronRecord } from "./cron.ts"
import { CurrentTask } from "./currentTask.ts"
import type { BulkEntry } from "./cursor.ts"
import { History } from "./history.ts"
import type { JobState } from "./job.ts"
import type { Listener, MakeEvent } from "./listener.ts"
import type { Index } from "./lookup.ts"
import type { Message, SuspendedDispatch } from "./message.ts"
import { PoolRecord } from "./pool.ts"
import type { Run } from "./run.ts"
import { Reports, takeWaiters, type Waited, type Waiter } from "./source.ts"
import { extrasOf, type TaskRecord } from "./task.ts"

/** What a machine is made with, checked. Times are milliseconds. */
export interface Settings {
  readonly workers: number
  readonly capacity: number
  readonly onFull: "suspend" | "fail"
  readonly history: number
  readonly gracePeriod: number
  readonly shutdown: "finish-all" | "finish-running"
  readonly ids: "short" | "unique"
  readonly unhandled: Required<Unhandled>
  /** Whether a dispatch returns when its task has ended, and delays, of a dispatch and between attempts, take no time. */
  readonly inline: boolean
  readonly toHandle: (task: TaskRecord, origin: Origin) => Task<any, any, any, any>
  readonly turn: (machine: Machine) => void
}

export class Machine {
  /** What the library runs for itself is inside of no task, though the worker pool may be built in one. */
  context: Context.Context<never>
  readonly settings: Settings
  readonly timers: Timers
  readonly slots: Slots
  readonly ready = new ReadyQueue()
  readonly resuming = new ReadyQueue()
  readonly suspended = new SuspendedQueue<Suspended & SuspendedDispatch>()
  readonly limits = new LimitTree()
  /** Of limits that somebody still has. */
  families = new WeakMap<LimitDefinition, Family>()
  /** Dispatches of many tasks that have not made them all. */
  readonly cursors = new Set<BulkEntry>()
  /** How many pools have a limit of their own. */
  limitedPools = 0
  readonly jobs = new Map<string, JobState>()
  /** Its schedules, by name, and what dispatches at once. */
  readonly crons = new Map<string, { readonly record: CronRecord, readonly trigger: Effect.Effect<unknown, unknown> }>()
  readonly pools = new Map<number, PoolRecord>()
  readonly global: PoolRecord
  readonly history: History<TaskRecord>
  readonly poolHistory: History<PoolRecord>
  /** The visible tasks that a backend stores, by the id that it gave them. */
  readonly stored = new Map<string, TaskRecord>()
  /** A backend's, called at the end of each turn. */
  onTurn: (() => void) | undefined
  /** Once somebody has looked for a task. */
  index: Index | undefined
  /** Once it has closed: the tasks that were visible then, which its directory keeps, and no handle. */
  past: WeakRef<ReadonlyArray<TaskRecord>> | undefined
  readonly counts = new Counts()
  readonly changes = new Reports()
  readonly listeners = new Set<Listener>()
  /** For tests that wait for the next thing to happen: woken whenever a task has settled. */
  readonly settlements: Waited = { waiters: undefined }
  /** Those that wait until nothing is live. */
  readonly drainers = new Set<Waiter>()
  /** Tasks that went on in this turn while some of their fibers still wait: they lend again in the next one. */
  readonly granted: Array<Run> = []
  /**
   * How many waits there are that no stop ends: of hooks, finalizers, closings and tasks whose result has come; those for
   * what is below the waiter are left out. While there are none, what was stopped waits for nobody else.
   */
  lateWaits = 0
  /** Tasks that have not settled though every pool has let go of them. */
  readonly unheld = new Set<Run>()
  /** How many tickets there are beside the first ones of their tasks. */
  sharedTickets = 0
  /** More than 0 in the middle of a transition: no fiber goes on, nothing of a user runs. */
  inStep = 0
  seq = 0
  /** How many events no listener was woken for. */
  untold = 0
  delayed = 0
  stopping = 0
  /** Accepted and not settled. */
  live = 0
  paused = false
  /** Closing: tasks have their grace, and nobody but they may dispatch. */
  phase: "open" | "closing" | "closed" = "open"
  /** When the grace of the shutdown that has begun ends. */
  graceEnd: number | undefined
  /** How many handler layers are closing, or this worker pool. */
  closings = 0
  /** What stands before the number in the ids of its tasks and pools. */
  readonly idPrefix: string
  private lastNumber = 0
  private lastOrder = 0
  private readonly outbox = new Fifo<Message>()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private turn: () => void
  private scheduled = false

  constructor(context: Context.Context<never>, settings: Settings) {
    this.context = Context.add(context, CurrentTask, undefined)
    this.settings = settings
    this.idPrefix = settings.ids === "unique" ? `${crypto.randomUUID().slice(-12)}-` : ""
    this.timers = new Timers(Context.get(context, Clock.Clock), (effect) => this.fork(effect))
    this.slots = new Slots(settings.workers)
    this.history = new History(settings.history, (task) => this.forget(task))
    this.poolHistory = new History(settings.history, (pool) => this.pools.delete(pool.number))
    this.global = new PoolRecord(this, 0, undefined, undefined)
    this.pools.set(0, this.global)
    this.dispatcher = Context.get(context, Scheduler.Scheduler).makeDispatcher()
    this.turn = this.makeTurn(asyncContext())
  }

  private makeTurn(inContext: (f: () => void) => void): () => void {
    return () => {
      this.scheduled = false
      inContext(() => this.settings.turn(this))
    }
  }

  get closed(): boolean {
    return this.phase === "closed"
  }

  nextNumber(): number {
    return ++this.lastNumber
  }

  nextOrder(): number {
    return ++this.lastOrder
  }

  /** Runs what belongs to the library, not to a task. */
  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Asks for a turn. */
  schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.dispatcher.scheduleTask(this.turn, 0)
  }

  /** Leaves something for the turn. */
  tell(message: Message): void {
    this.outbox.push(message)
    this.schedule()
  }

  /** Calls something after the turn that is due. */
  afterwards(f: () => void): void {
    this.schedule()
    this.dispatcher.scheduleTask(f, 0)
  }

  nextMessage(): Message | undefined {
    return this.outbox.shift()
  }

  wakeAll(source: Waited): void {
    if (source.waiters !== undefined && source.waiters.size > 0) {
      this.tell({ _tag: "wake", waiters: takeWaiters(source) })
    }
  }

  /** Something has happened to this: dispatchers that wait for room may need none any more, or wait in vain. */
  reconsider(concern: unknown): void {
    if (typeof concern !== "string") { for (const cursor of this.cursors) cursor.reconsider() }
    if (this.suspended.size === 0) return
    const dispatches = this.suspended.concernedBy(concern)
    if (dispatches.length > 0) this.tell({ _tag: "admit", dispatches })
  }

  /** Numbers a transition and, when somebody listens, tells of it; some are told of with the next that are news. */
  emit<A, B>(make: MakeEvent<A, B>, subject: A, detail: B, moment?: number, news = true): void {
    this.seq++
    if (news) this.touch()
    if (this.listeners.size === 0) return
    const at = moment ?? this.timers.now()
    for (const listener of this.listeners) listener.offer(make, subject, this.seq, at, detail, news)
    this.untold++
    this.schedule()
  }

  /** Tells the readers of `changes`. */
  touch(): void {
    this.changes.version++
    this.wakeAll(this.changes)
  }

  /** Wakes the listeners, once for many events; whether there was news. For the turn alone: they run. */
  tellNews(): boolean {
    if (this.untold === 0) return false
    this.untold = 0
    this.timers.age()
    for (const listener of this.listeners) {
      if (!listener.ready) continue
      for (const waiter of takeWaiters(listener)) waiter.wake()
    }
    return true
  }

  /** A task leaves the history; a kept result stays visible. Without an index it is not even read. */
  private forget(task: TaskRecord): void {
    if (task.extras?.stored !== undefined) this.stored.delete(task.id)
    if (this.index === undefined) return
    if (task.job.kept.has(task)) extrasOf(task).outOfHistory = true
    else this.index.delete(task)
  }

  /** Nothing will happen any more: whoever holds a handle keeps what it needs and nothing else. */
  release(past: ReadonlyArray<TaskRecord>): void {
    this.past = new WeakRef(past)
    this.history.clear()
    this.poolHistory.clear()
    for (const { kept } of this.jobs.values()) kept.clear()
    this.families = new WeakMap()
    this.index = undefined // each task that leaves it lets go of the others of its key
    this.timers.sweep()
    this.context = Context.empty()
    this.turn = this.makeTurn((f) => f()) // who closes from inside goes on, but not in the async context of the builder
  }
}
