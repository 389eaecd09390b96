/** Tasks that this process waits for while others run them: looked at when told, and every now and then. */
import type { StoredTask } from "effect-tasks/Backend"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TaskForgotten } from "../DurableError.ts"
import { reasonOf, reasonText } from "./codec.ts"
import { reach } from "./fault.ts"
import type { SqlError } from "./journal.ts"
import type { Seen } from "./rows.ts"
import { State } from "./schema.ts"
import { canceling, chunks, ended, entryOf, mostIds, type Store } from "./store.ts"

interface Waited {
  readonly task: StoredTask
  /** The transaction that it was dispatched in, where that has not been seen to end: its Postgres id. */
  transaction: string | undefined
  /** Whether its row has been seen, or is known to be committed. */
  isCommitted: boolean
  progress: string | null
}

const mostLooked = 1000

export class Waiters {
  private readonly store: Store
  private readonly waited = new Map<string, Waited>()

  constructor(store: Store) {
    this.store = store
  }

  get ids(): ReadonlyArray<string> {
    return [...this.waited.keys()]
  }

  add(task: StoredTask, within?: { readonly transaction: string | undefined }): void {
    this.waited.set(task.id, {
      task,
      transaction: within?.transaction,
      isCommitted: within === undefined,
      progress: null
    })
  }

  committed(task: StoredTask): void {
    const waited = this.waited.get(task.id)
    if (waited !== undefined) waited.isCommitted = true
  }

  remove(id: string): void {
    this.waited.delete(id)
  }

  has(id: string): boolean {
    return this.waited.has(id)
  }

  /** Nobody waits for what a shutdown has ended here, whatever becomes of it elsewhere. */
  private isWaited(id: string): boolean {
    const waited = this.waited.get(id)
    if (waited?.task.hasEnded === true) this.waited.delete(id)
    return waited?.task.hasEnded === false
  }

  /** Looks at those of these that are waited for. */
  look(ids: ReadonlyArray<string>): Effect.Effect<void, SqlError> {
    const wanted = ids.filter((id) => this.isWaited(id))
    return Effect.forEach(
      chunks(wanted, mostLooked),
      (some) =>
        Effect.flatMap(this.store.journal.lookAt(some), (rows) => {
          const found = new Map(rows.map((row) => [row.id, row]))
          return Effect.forEach(some, (id) => {
            const row = found.get(id)
            return row === undefined ? this.missing(id) : Effect.sync(() => this.see(row))
          }, { discard: true })
        }),
      { discard: true }
    )
  }

  get lookAtAll(): Effect.Effect<void, SqlError> {
    return Effect.suspend(() => this.look(this.ids))
  }

  private see(row: Seen): void {
    const waited = this.waited.get(row.id)
    if (waited === undefined) return
    const { task } = waited
    const { codec, port } = entryOf(this.store, task.job)
    waited.isCommitted = true
    if (row.progress !== null && row.progress !== waited.progress) {
      waited.progress = row.progress
      port.report(task, codec.progressOf(row.progress))
    }
    if (row.state < State.success) return
    this.waited.delete(row.id)
    port.settle(task, codec.outcomeOf(row))
  }

  /** Its row is not there: not yet, or not any more. */
  private missing(id: string): Effect.Effect<void, SqlError> {
    const waited = this.waited.get(id)
    if (waited === undefined) return Effect.void
    const { isCommitted, task, transaction } = waited
    const { port } = entryOf(this.store, task.job)
    const settle = (outcome: Parameters<typeof port.settle>[1]) =>
      Effect.sync(() => {
        this.waited.delete(id)
        port.settle(task, outcome)
      })
    if (isCommitted) return settle(Exit.die(new TaskForgotten({ taskId: id, job: task.job, why: "pruned" })))
    const rolledBack = settle({ _tag: "cancel", reason: "rolled back" })
    if (transaction === undefined) return rolledBack // one connection: its transaction has ended
    return Effect.flatMap(
      this.store.journal.transactionStatus({ xid: transaction }),
      ([row]) => row.status === "aborted" ? rolledBack : Effect.void
    )
  }

  /** Rows that nobody runs are canceled at once, the others by who runs them. */
  cancel(ids: ReadonlyArray<string>, reason: string | undefined): Effect.Effect<number, SqlError> {
    const { journal, tell } = this.store
    return Effect.gen({ self: this }, function*() {
      const rows = yield* journal.cancel(ids, reasonText(reason))
      reach("after-cancel")
      const running = rows.filter(({ state }) => state === State.claimed).map(({ id }) => id)
      const canceled = rows.filter(({ state }) => state !== State.claimed).map(({ id }) => id)
      for (const some of chunks(running, mostIds)) tell(canceling(some))
      for (const some of chunks(canceled, mostIds)) tell(ended(some))
      this.stopHere(running, reason)
      yield* this.look([...ids, ...canceled])
      return rows.length
    })
  }

  private stopHere(ids: ReadonlyArray<string>, reason: string | undefined): void {
    for (const id of ids) {
      const task = this.store.connection.find(id)
      if (task?.here === true) entryOf(this.store, task.job).port.stop(task, { _tag: "cancel", reason })
    }
  }

  /** Others have asked for the cancel of tasks that run here. */
  get stopCanceled(): Effect.Effect<void, SqlError> {
    return Effect.suspend(() =>
      Effect.map(this.store.journal.cancelsOf({ me: this.store.me }), (rows) => {
        for (const { cancel, id } of rows) this.stopHere([id], reasonOf(cancel))
      })
    )
  }
}
