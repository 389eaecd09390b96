/**
 * Time that passes when nothing else can happen, or when whoever holds it lets it race with what can. It is a TestClock
 * too, so tests that adjust one run under it.
 */
import type * as Clock from "effect/Clock"
import { Clock as ClockKey } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as TestClock from "effect/testing/TestClock"

interface Sleep {
  readonly at: number
  /** Whoever adjusts the time goes on after all that sleep until then. */
  readonly last: boolean
  readonly wake: () => void
}

export class VirtualClock implements TestClock.TestClock {
  private now = 0
  /** Whether time has passed while something could run. */
  raced = false
  /** Whether the test has moved the time itself: then no one else does while something can run. */
  adjusted = false
  private readonly sleeps: Array<Sleep> = []
  private readonly live: Clock.Clock

  constructor(live: Clock.Clock) {
    this.live = live
  }

  /** Moves on to the next time at which somebody wakes; whether there was one. */
  advance(): boolean {
    const [next] = this.sleeps
    if (next === undefined) return false
    this.now = next.at
    const others = this.sleeps.findIndex(({ at, last }) => at !== next.at || last !== next.last)
    // who wakes may wait for the same moment again, but not be woken again in this one
    for (const sleep of this.sleeps.splice(0, others < 0 ? this.sleeps.length : others)) sleep.wake()
    return true
  }

  /** Whether somebody sleeps that may wake although others can run: not who waits for all others. */
  get mayRace(): boolean {
    return this.sleeps.length > 0 && !this.sleeps[0].last && !this.adjusted
  }

  /** Moves on while something can run. */
  race(): void {
    this.raced = true
    this.advance()
  }

  currentTimeMillisUnsafe(): number {
    return this.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1_000_000))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = this.currentTimeNanos

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    return millis > 0 ? this.until(() => this.now + millis, false) : Effect.void
  }

  adjust(duration: Duration.Input): Effect.Effect<void> {
    const millis = Duration.toMillis(Duration.fromInputUnsafe(duration))
    return this.until(() => {
      if (millis > 0) this.adjusted = true
      return this.now + millis
    }, true)
  }

  setTime(timestamp: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.adjusted = true
      if (timestamp < this.now) this.now = timestamp
      return this.until(() => timestamp, true)
    })
  }

  withLive<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.provideService(effect, ClockKey, this.live)
  }

  private until(time: () => number, last: boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const sleep: Sleep = { at: time(), last, wake: () => resume(Effect.void) }
      if (sleep.at < Infinity) this.insert(sleep)
      return Effect.sync(() => {
        const index = this.sleeps.indexOf(sleep)
        if (index >= 0) this.sleeps.splice(index, 1)
      })
    })
  }

  private insert(sleep: Sleep): void {
    const before = (other: Sleep) =>
      other.at < sleep.at || (other.at === sleep.at && Number(other.last) <= Number(sleep.last))
    const index = this.sleeps.findLastIndex(before)
    this.sleeps.splice(index + 1, 0, sleep)
  }
}
