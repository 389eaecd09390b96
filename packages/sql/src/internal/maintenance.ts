/** What is due: delayed rows, rows that have waited too long, ended rows whose time is over. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Dispatcher } from "./dispatcher.ts"
import { reach } from "./fault.ts"
import type { SqlError } from "./journal.ts"
import { forever } from "./notifier.ts"
import { chunks, ended, mostIds, type Store, taken } from "./store.ts"
import type { Waiters } from "./waiters.ts"
import type { Window } from "./window.ts"

const longest = 60_000
const lookEvery = "2 seconds"
const sweepEvery = "5 seconds"
const expireEvery = "1 second"

/** A timer for the next row that is due. */
export class Due {
  private readonly store: Store
  private readonly waiters: Waiters
  private readonly window: () => Window
  private armed: { readonly at: number, fiber: Fiber.Fiber<void> | undefined } | undefined

  constructor(store: Store, waiters: Waiters, window: () => Window) {
    this.store = store
    this.waiters = waiters
    this.window = window
  }

  /** A row is due in so many milliseconds. */
  readonly arm = (wait: number): void => {
    if (this.store.isClient) return
    this.store.fork(Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.suspend(() => {
        const at = now + wait
        if (this.armed !== undefined && this.armed.at <= at) return Effect.void
        this.armed?.fiber?.interruptUnsafe()
        const armed: NonNullable<typeof this.armed> = { at, fiber: undefined }
        this.armed = armed
        return Effect.withFiber<void>((fiber) => {
          armed.fiber = fiber as Fiber.Fiber<void>
          return Effect.andThen(
            Effect.sleep(wait),
            Effect.suspend(() => {
              if (this.armed === armed) this.armed = undefined
              armed.fiber = undefined
              return Effect.catch(this.look, () => Effect.delay(Effect.sync(() => this.arm(0)), 500))
            })
          )
        })
      })))
  }

  private get look(): Effect.Effect<void, SqlError> {
    const { journal, tell } = this.store
    return Effect.gen({ self: this }, function*() {
      const staged = yield* journal.stage()
      reach("after-stage")
      const expired = yield* journal.expireQueued()
      if (staged.length > 0) {
        tell(taken)
        this.window().freed()
      }
      if (expired.length > 0) {
        const ids = expired.map(({ id }) => id)
        for (const some of chunks(ids, mostIds)) tell(ended(some))
        yield* this.waiters.look(ids)
      }
      const [due] = yield* journal.nextDue()
      const [expiry] = yield* journal.nextExpiry()
      const next = Math.min(
        due.wait === null ? longest : Number(due.wait),
        expiry.wait === null ? longest : Number(expiry.wait)
      )
      this.arm(Math.max(1, next))
    })
  }
}

/** Deletes what has expired, until few are left. */
const pruned = ({ journal }: Store): Effect.Effect<number, SqlError> =>
  Effect.gen(function*() {
    let count = 0
    for (;;) {
      const rows = yield* journal.prune()
      reach("after-prune")
      if (rows.length > 0) yield* journal.dropMail(rows.map(({ id }) => id))
      count += rows.length
      if (rows.length < 1000) return count
    }
  })

interface Parts {
  readonly waiters: Waiters
  readonly window: Window
  readonly dispatcher: Dispatcher
  readonly pauses: Effect.Effect<void, SqlError>
  /** In milliseconds; none for never. */
  readonly pruneEvery: number | undefined
}

/** The slow looks that make good what was not told. */
export const maintain = (store: Store, parts: Parts): Effect.Effect<void, never, Scope.Scope> => {
  const { dispatcher, pauses, pruneEvery, waiters, window } = parts
  const each = (what: string, effect: Effect.Effect<unknown, SqlError>, every: string | number) =>
    Effect.forkScoped(forever(what, Effect.forever(Effect.delay(effect, every as "1 second"))))
  return Effect.gen(function*() {
    yield* each("Looking at tasks elsewhere", waiters.lookAtAll, lookEvery)
    yield* each(
      "Giving up dispatches",
      Effect.andThen(Effect.sync(() => dispatcher.expire()), dispatcher.clear),
      expireEvery
    )
    if (store.isClient) return
    const sweep = Effect.gen(function*() {
      yield* pauses
      yield* window.giveStraysBack
      const freed = [...yield* store.journal.unblock(), ...yield* store.journal.adoptOrphans()]
      if (freed.length > 0) store.tell(taken)
      window.freed()
    })
    yield* each("Looking for tasks to run", sweep, sweepEvery)
    if (pruneEvery !== undefined) yield* each("Pruning", pruned(store), pruneEvery)
  })
}
