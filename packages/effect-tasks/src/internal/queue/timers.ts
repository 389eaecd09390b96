/**
 * Deadlines of all tasks in one heap, with one sleep of the Clock armed for the earliest. They are kept in monotonic
 * time, so that a wall clock that is set forward ends no task early, and one that is set back none late.
 *
 * A cleared deadline leaves the heap lazily, so setting and clearing cost O(1) when deadlines come in order.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Heap, type HeapItem } from "./heap.ts"

/** One deadline. */
export class Deadline implements HeapItem {
  heapIndex = -1
  readonly at: number
  /** Of those that fire at the same time, the first that was set is the first to fire. */
  readonly order: number
  fire: (() => void) | undefined

  constructor(at: number, order: number, fire: () => void) {
    this.at = at
    this.order = order
    this.fire = fire
  }
}

interface Armed {
  readonly at: number
  readonly since: number
  fiber: Fiber.Fiber<void> | undefined
}

const compactAfter = 64

export class Timers {
  private readonly clock: Clock.Clock
  private readonly start: number
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private heap = new Heap<Deadline>(earlier)
  private live = 0
  private lastOrder = 0
  private armed: Armed | undefined
  private readonly isEffects: boolean
  private last = 0
  private isFresh = false

  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>) {
    this.clock = clock
    this.start = clock.currentTimeMillisUnsafe()
    this.isEffects = clock === Context.get(Context.empty(), Clock.Clock)
    this.fork = fork
  }

  /** Milliseconds since these timers were made: V8 stores small integers without a box, of which each task has three. */
  now(): number {
    this.isFresh = this.isEffects
    // the compiler's first code would box what it does not know to be an integer
    return this.last = Math.floor(this.clock.currentTimeMillisUnsafe() - this.start)
  }

  /** The last reading, where nothing of a user's has run since: reading the clock costs as much as checking a payload. */
  recent(): number {
    return this.isFresh ? this.last : this.now()
  }

  /** Something of a user's has run. */
  age(): void {
    this.isFresh = false
  }

  /** Milliseconds since the epoch, for what leaves the machine. */
  date(moment = this.now()): number {
    return this.start + moment
  }

  /** Milliseconds that nobody sets. */
  ticks(): number {
    return Math.floor(this.moment())
  }

  /** The same with their fractions. */
  moment(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.live
  }

  get isArmed(): boolean {
    return this.armed !== undefined
  }

  /** Calls `fire` after that many milliseconds, from now unless given; never when they are infinite. */
  set(millis: number, fire: () => void, from = this.ticks()): Deadline {
    const deadline = new Deadline(from + Math.max(0, millis), ++this.lastOrder, fire)
    if (!Number.isFinite(deadline.at)) return deadline
    this.heap.push(deadline)
    this.live++
    this.armFor(deadline)
    return deadline
  }

  clear(deadline: Deadline): void {
    if (deadline.fire === undefined) return
    deadline.fire = undefined
    if (deadline.heapIndex < 0) return
    this.live--
    if (this.heap.size > compactAfter && this.heap.size > 2 * this.live) this.compact()
  }

  /** Lets go of the armed sleep when no deadline is left. */
  sweep(): void {
    if (this.live > 0 || this.armed === undefined) return
    this.compact()
    this.disarm()
  }

  private compact(): void {
    const old = this.heap
    this.heap = new Heap(earlier)
    for (let deadline = old.pop(); deadline !== undefined; deadline = old.pop()) {
      if (deadline.fire !== undefined) this.heap.push(deadline)
    }
  }

  private armFor({ at }: Deadline): void {
    const { armed } = this
    if (armed === undefined || at < armed.at) this.arm(at)
    // a clock of a test sleeps by the wall: set back, it would wake late
    else if (this.now() < armed.since) this.arm(armed.at)
  }

  private arm(at: number): void {
    this.disarm()
    const armed: Armed = { at, since: this.now(), fiber: undefined }
    this.armed = armed
    const sleep = this.clock.sleep(Duration.millis(Math.max(1, at - this.ticks())))
    armed.fiber = this.fork(Effect.andThen(
      sleep,
      Effect.sync(() => {
        if (this.armed === armed) this.ring()
      })
    ))
  }

  private disarm(): void {
    const fiber = this.armed?.fiber
    this.armed = undefined
    fiber?.interruptUnsafe()
  }

  private ring(): void {
    this.armed = undefined
    const now = this.ticks()
    let next = this.heap.peek()
    while (next !== undefined && (next.fire === undefined || next.at <= now)) {
      this.heap.pop()
      const { fire } = next
      if (fire !== undefined) {
        next.fire = undefined
        this.live--
        fire()
      }
      next = this.heap.peek()
    }
    // what fired may have armed a later deadline
    if (next !== undefined) this.armFor(next)
  }
}

const earlier = (a: Deadline, b: Deadline): boolean => (a.at !== b.at ? a.at < b.at : a.order < b.order)
