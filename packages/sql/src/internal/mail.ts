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

  constructor(store: Store) {
    this.store = store
  }

  /** Whether the task still takes messages. */
  post(task: StoredTask, message: unknown): Effect.Effect<boolean, SqlError> {
    const { journal, tell } = this.store
    const body = entryOf(this.store, task.job).codec.message(message)
    return Effect.map(journal.post({ id: task.id, body }), ({ length }) => {
      if (length > 0) tell(mailed(task.id))
      return length > 0
    })
  }

  /** A task that runs again gets all of them again, from the first. */
  fetch(task: StoredTask): void {
    this.store.fork(Effect.ignore(this.deliver(task)))
  }

  private deliver(task: StoredTask): Effect.Effect<void, SqlError> {
    const { codec, port } = entryOf(this.store, task.job)
    return Effect.gen({ self: this }, function*() {
      const rows = yield* this.store.journal.mail({ id: task.id, after: this.delivered.get(task) ?? 0 })
      for (const { body, seq } of rows) {
        if (Number(seq) <= (this.delivered.get(task) ?? 0)) continue
        const message = codec.messageOf(body)
        while (!task.hasEnded && !port.offer(task, message)) yield* Effect.sleep(whileFull)
        this.delivered.set(task, Number(seq))
      }
    })
  }
}
