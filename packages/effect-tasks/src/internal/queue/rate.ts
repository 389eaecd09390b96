/** Limits that time lifts: a hold, and a rate of starts. They are read in monotonic time, with its fractions. */
import type { WaitingFor } from "../../Task.ts"
import { Fifo } from "./fifo.ts"
import { Limit } from "./limit.ts"
import type { Lane } from "./readyQueue.ts"
import type { Deadline, Timers } from "./timers.ts"

/** What it needs of the machine: nobody else sees that time passes. */
export interface Driver {
  readonly timers: Timers
  schedule(): void
}

/** No start before a moment. */
export class Hold extends Limit {
  readonly isHeld = false
  until = -Infinity
  protected readonly driver: Driver
  private alarm: Deadline | undefined

  constructor(driver: Driver, onIdle: () => void) {
    super(onIdle)
    this.driver = driver
  }

  get waitingFor(): WaitingFor {
    return "paused"
  }

  /** When it has room again, in the time of `Timers.moment`; a moment that has passed when it has. */
  get opensAt(): number {
    return this.until
  }

  get room(): number {
    return this.isHeldBack ? 0 : Infinity
  }

  take(_now: number): void {}
  release(): void {}

  /** Replaces what was said before. */
  hold(until: number): void {
    this.until = until
    this.rearm()
  }

  override park(lane: Lane): void {
    super.park(lane)
    this.watch()
  }

  override unpark(lane: Lane): void {
    super.unpark(lane)
    if (!this.hasParked) this.disarm()
  }

  protected get isHeldBack(): boolean {
    return this.until > -Infinity && this.until > this.driver.timers.moment()
  }

  protected rearm(): void {
    this.disarm()
    this.watch()
  }

  /** Whatever is parked is let go when there is room. */
  protected watch(): void {
    if (!this.hasParked || this.alarm !== undefined) return
    const { timers } = this.driver
    const left = this.opensAt - timers.moment()
    if (left <= 0) {
      this.offer()
      return this.driver.schedule()
    }
    this.alarm = timers.set(Math.ceil(left), () => {
      this.alarm = undefined
      this.watch() // a timer may ring a hair early
    })
  }

  private disarm(): void {
    if (this.alarm !== undefined) this.driver.timers.clear(this.alarm)
    this.alarm = undefined
  }
}

/** Never more than `limit` starts in any stretch of time of length `window`: a log of the last ones. */
export class Rate extends Hold {
  limit: number
  readonly window: number
  readonly isKeyed: boolean
  private readonly starts = new Fifo<number>()

  constructor(
    { isKeyed, limit, window }: { readonly limit: number, readonly window: number, readonly isKeyed: boolean },
    driver: Driver,
    onIdle: () => void
  ) {
    super(driver, onIdle)
    this.limit = limit
    this.window = window
    this.isKeyed = isKeyed
  }

  override get waitingFor(): WaitingFor {
    return this.isHeldBack ? "paused" : "rate"
  }

  override get room(): number {
    if (this.isHeldBack) return 0
    // mostly there is room without a look at the clock
    if (this.starts.length >= this.limit) this.sweep()
    return Math.max(0, this.limit - this.starts.length)
  }

  override get opensAt(): number {
    this.sweep()
    const full = this.starts.length >= this.limit
    return Math.max(this.until, full ? this.starts.at(this.starts.length - this.limit)! + this.window : -Infinity)
  }

  /** Whether another one would be no different. */
  get isForgotten(): boolean {
    this.sweep()
    return this.starts.length === 0 && !this.isHeldBack
  }

  /** How many of its starts are within the window. */
  get used(): number {
    this.sweep()
    return this.starts.length
  }

  override take(now: number): void {
    this.starts.push(now)
    this.watch()
  }

  /** A start is later than it was taken for. */
  move(from: number, to: number): void {
    this.starts.removeLast(from)
    this.starts.push(to)
  }

  resize(limit: number): void {
    this.limit = limit
    this.rearm()
  }

  private sweep(): void {
    const { starts, window } = this
    const now = this.driver.timers.moment()
    for (let first = starts.peek(); first !== undefined && first + window <= now; first = starts.peek()) starts.shift()
  }
}
