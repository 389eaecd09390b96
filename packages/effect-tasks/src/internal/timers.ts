/**
 * Deadlines of all tasks in one heap, with one sleep of the Clock armed for the earliest.
 *
 * A cleared deadline leaves the heap lazily, so setting and clearing cost O(1) when deadlines come in order.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Heap, type HeapItem } from "./heap.ts"

/** One deadline. */
export class Deadline implements HeapItem {
  heapIndex = -1
  readonly at: number
  fire: (() => void) | undefined

  constructor(at: number, fire: () => void) {
    this.at = at
    this.fire = fire
  }
}

const compactAfter = 64

export class Timers {
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private heap = new Heap<Deadline>(earlier)
  private live = 0
  private armed: { readonly at: number, fiber: Fiber.Fiber<void> | undefined } | undefined

  constructor(clock: Clock.Clock, context: Context.Context<never>) {
    this.clock = clock
    this.fork = Effect.runForkWith(context)
  }

  now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.live
  }

  get isArmed(): boolean {
    return this.armed !== undefined
  }

  /** Calls `fire` after that many milliseconds; never when they are infinite. */
  set(millis: number, fire: () => void): Deadline {
    const deadline = new Deadline(this.now() + Math.max(0, millis), fire)
    if (!Number.isFinite(deadline.at)) return deadline
    this.heap.push(deadline)
    this.live++
    if (this.armed === undefined || deadline.at < this.armed.at) this.arm(deadline.at)
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

  private arm(at: number): void {
    this.disarm()
    const armed: Timers["armed"] = { at, fiber: undefined }
    this.armed = armed
    const sleep = this.clock.sleep(Duration.millis(Math.max(1, at - this.now())))
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
    const now = this.now()
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
    if (next !== undefined && (this.armed === undefined || next.at < this.armed.at)) this.arm(next.at)
  }
}

const earlier = (a: Deadline, b: Deadline): boolean => a.at < b.at
