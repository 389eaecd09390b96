/** Time that passes only when nothing else can happen. It is a TestClock too, so tests that adjust one run under it. */
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
    while (this.sleeps.length > 0 && this.sleeps[0].at === next.at && this.sleeps[0].last === next.last) {
      this.sleeps.shift()!.wake()
    }
    return true
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
    return this.until(() => this.now + Duration.toMillis(Duration.fromInputUnsafe(duration)), true)
  }

  setTime(timestamp: number): Effect.Effect<void> {
    return Effect.suspend(() => {
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
