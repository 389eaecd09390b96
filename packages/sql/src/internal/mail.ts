/** Messages from other processes to tasks that run here. */
import type { StoredTask } from "effect-tasks/Backend"
import * as Effect from "effect/Effect"
import type { SqlError } from "./journal.ts"
import { entryOf, mailed, type Store } from "./store.ts"

const whileFull = "100 millis"

export class Mail {
  private readonly store: Store
  /** The last one that each has got in this life. */
  private readonly delivered = new WeakMap<StoredTask, number>()
  /** Those to which this process has sent by way of the table: later messages go after the earlier ones. */
  private readonly posted = new WeakSet<StoredTask>()
  /** Whose messages are on the way to the inbox, and whether there may be more. */
  private readonly delivering = new WeakMap<StoredTask, { again: boolean }>()

  constructor(store: Store) {
    this.store = store
  }

  /** None where the inbox may take it. */
  send(task: StoredTask, message: unknown): Effect.Effect<boolean, SqlError> | undefined {
    if (task.here && !this.posted.has(task)) return undefined
    this.posted.add(task)
    return this.post(task, message)
  }

  /** Whether the task still takes messages. */
  private post(task: StoredTask, message: unknown): Effect.Effect<boolean, SqlError> {
    const { journal, tell } = this.store
    const body = entryOf(this.store, task.job).codec.message(message)
    return Effect.map(journal.post({ id: task.id, body }), ({ length }) => {
      if (length > 0) tell(mailed(task.id))
      if (task.here) this.fetch(task)
      return length > 0
    })
  }

  /** A task that runs again gets all of them again, from the first. */
  fetch(task: StoredTask): void {
    const before = this.delivering.get(task)
    if (before !== undefined) {
      before.again = true
      return
    }
    const state = { again: true }
    this.delivering.set(task, state)
    const round: Effect.Effect<void, SqlError> = Effect.suspend(() => {
      if (!state.again) return Effect.void
      state.again = false
      return Effect.andThen(this.deliver(task), round)
    })
    this.store.fork(Effect.ensuring(Effect.ignore(round), Effect.sync(() => this.delivering.delete(task))))
  }

  private deliver(task: StoredTask): Effect.Effect<void, SqlError> {
    const { codec, port } = entryOf(this.store, task.job)
    return Effect.gen({ self: this }, function*() {
      const rows = yield* this.store.journal.mail({ id: task.id, after: this.delivered.get(task) ?? 0 })
      for (const { body, seq } of rows) {
        const message = codec.messageOf(body)
        while (!task.hasEnded && !port.offer(task, message)) yield* Effect.sleep(whileFull)
        this.delivered.set(task, Number(seq))
      }
    })
  }
}
