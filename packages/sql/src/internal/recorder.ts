/** How tasks that run here end, and what changes about them before: written in batches. */
import type { Outcome, StoredTask } from "effect-tasks/Backend"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { UnstorableOutcome } from "../DurableError.ts"
import { reasonOf } from "./codec.ts"
import { reach } from "./fault.ts"
import { type GroupCommit, groupCommit, whyOf } from "./groupCommit.ts"
import type { SqlError } from "./journal.ts"
import type { Note, Outcome as OutcomeRow, RecordedRow } from "./rows.ts"
import { State } from "./schema.ts"
import { chunks, ended, entryOf, mostIds, type Store, taken } from "./store.ts"
import type { Waiters } from "./waiters.ts"

interface Recording {
  readonly task: StoredTask
  outcome: Outcome
  row: OutcomeRow
  /** Since when the database does not answer. */
  failingSince: number | undefined
  dropped: boolean
}

/** What the window wants to know of recorded tasks. */
export interface Recorded {
  /** So many are stored. */
  readonly recorded: (count: number) => void
  /** Rows have become free. */
  readonly freed: () => void
  /** This one no longer runs here. */
  readonly settled: (id: string) => void
}

const patience = 5000

export class Recorder {
  private readonly store: Store
  private readonly waiters: Waiters
  private readonly recorded: () => Recorded
  private readonly claims = new Map<string, number>()
  /** Those whose outcome stands in the row already, with the handler's own writes. */
  private readonly completed = new Map<string, Exit.Exit<unknown, unknown>>()
  private readonly outcomes: GroupCommit<Recording>
  private readonly notes: GroupCommit<Note>
  private readonly reportedAt = new Map<string, number>()
  private unstoredCount = 0
  private warned = false

  constructor(store: Store, waiters: Waiters, recorded: () => Recorded) {
    this.store = store
    this.waiters = waiters
    this.recorded = recorded
    const { fork } = store
    this.outcomes = groupCommit<Recording>({
      fork,
      write: (items) => this.write(items),
      refused: (item, error) => this.refused(item, error),
      isWanted: ({ dropped }) => !dropped,
      failing: (items, error) => this.failing(items, error)
    })
    this.notes = groupCommit<Note>({
      fork,
      write: (items) => Effect.map(store.journal.notes(latestOf(items), store.me), () => reach("retrying")),
      refused: () => false,
      isWanted: ({ id }) => this.claims.has(id),
      failing: () => Effect.void
    })
  }

  /** How many outcomes are not stored: a crash runs those again. */
  get unstored(): number {
    return this.unstoredCount
  }

  /** This node runs the task under this claim. */
  claimed(id: string, claim: number): void {
    this.claims.set(id, claim)
  }

  get claimedIds(): ReadonlyArray<string> {
    return [...this.claims.keys()]
  }

  claimOf(id: string): number | undefined {
    return this.claims.get(id)
  }

  complete(id: string, exit: Exit.Exit<unknown, unknown>): void {
    this.completed.set(id, exit)
  }

  record(task: StoredTask, outcome: Outcome): void {
    const completed = this.completed.get(task.id)
    if (completed !== undefined) {
      this.store.fork(Effect.andThen(Effect.yieldNow, Effect.sync(() => this.settle(task, completed))))
      return
    }
    this.unstoredCount++
    this.outcomes.add({ task, outcome, row: this.rowOf(task, outcome), failingSince: undefined, dropped: false })
  }

  /** The row that says so. */
  rowOf(task: StoredTask, outcome: Outcome): OutcomeRow {
    const { codec, port: { job: { kept } } } = entryOf(this.store, task.job)
    const base = { id: task.id, claim: this.claims.get(task.id)!, progress: this.progressOf(task) } // it runs here
    if (isShutdown(outcome)) {
      const restarts = task.hasStarted ? 1 : 0
      return {
        ...base,
        state: State.queued,
        exit: null,
        attempt: task.attempt + restarts,
        restarts: task.restarts + restarts,
        keep: null
      }
    }
    const { exit, state } = codec.outcome(task.id, outcome)
    const keep = state !== State.success || kept === undefined || kept.timeToLive === 0
      ? null
      : kept.timeToLive === Infinity
      ? -1
      : kept.timeToLive
    return { ...base, state, exit, attempt: task.attempt, restarts: task.restarts, keep }
  }

  private progressOf(task: StoredTask): string | null {
    if (Option.isNone(task.progress)) return null
    try {
      return entryOf(this.store, task.job).codec.progress(task.progress.value)
    } catch {
      return null // what does not encode is seen here alone
    }
  }

  private write(items: ReadonlyArray<Recording>): Effect.Effect<void, SqlError> {
    return Effect.gen({ self: this }, function*() {
      const { journal, me } = this.store
      reach("before-outcome")
      const rows = yield* journal.outcomes(items.map(({ row }) => row), me)
      reach("after-outcome")
      this.warned = false
      this.unstoredCount -= items.length
      const stored = new Map(rows.map((row) => [row.id, row]))
      for (const item of items) {
        const row = stored.get(item.task.id)
        if (row === undefined) this.fenced(item.task)
        else this.settle(item.task, this.standing(item, row))
      }
      yield* this.tellOf(rows)
      this.recorded().recorded(items.length)
    })
  }

  /** What the row says, which may be a cancel that came before, or that the result could not be stored. */
  private standing({ outcome, row, task }: Recording, { exit, state }: RecordedRow): Outcome {
    if (state === State.error && outcome._tag === "Success") {
      return entryOf(this.store, task.job).codec.outcomeOf({ ...row, state, crashes: 0, queue_timeout: null })
    }
    if (state === State.canceled && outcome._tag === "cancel" && outcome.shutdown === true) {
      return { _tag: "cancel", reason: reasonOf(exit) }
    }
    return outcome
  }

  private settle(task: StoredTask, outcome: Outcome): void {
    reach("before-settle")
    this.drop(task.id)
    entryOf(this.store, task.job).port.settle(task, outcome)
  }

  /** This node has nothing to do with it any more. */
  drop(id: string): void {
    this.recorded().settled(id)
    this.claims.delete(id)
    this.completed.delete(id)
    this.reportedAt.delete(id)
  }

  /** Somebody else has the task now: what he records stands. */
  private fenced(task: StoredTask): void {
    this.drop(task.id)
    entryOf(this.store, task.job).port.park(task)
    this.waiters.add(task)
    this.store.fork(Effect.ignore(this.waiters.look([task.id])))
  }

  private tellOf(
    rows: ReadonlyArray<RecordedRow>
  ): Effect.Effect<void, SqlError> {
    const { journal, me, tell } = this.store
    const others = rows.filter(({ origin, state }) => Number(origin) !== me && state >= State.success)
    for (const some of chunks(others.map(({ id }) => id), mostIds)) tell(ended(some))
    const unblocked = rows.some(({ frees, state }) => Boolean(frees) && state >= State.success)
      ? journal.unblock()
      : Effect.succeed([])
    return Effect.map(unblocked, ({ length }) => {
      if (length === 0 && rows.every(({ state }) => state >= State.success)) return
      tell(taken)
      this.recorded().freed()
    })
  }

  private refused(item: Recording, error: SqlError): boolean {
    const { id, job } = item.task
    item.outcome = Exit.die(new UnstorableOutcome({ taskId: id, job, issue: whyOf(error) }))
    item.row = { ...this.rowOf(item.task, item.outcome), progress: null }
    return true
  }

  /** A layer that closes does not wait for a database that is away: the row is found by who takes over. */
  private failing(items: ReadonlyArray<Recording>, error: SqlError): Effect.Effect<void> {
    const now = performance.now()
    for (const item of items) {
      item.failingSince ??= now
      if (entryOf(this.store, item.task.job).port.isOpen() || now - item.failingSince < patience) continue
      item.dropped = true
      this.unstoredCount--
      this.settle(item.task, item.outcome)
    }
    if (this.warned) return Effect.void
    this.warned = true
    return Effect.logWarning(`Outcomes wait: the database does not take them (${whyOf(error)})`)
  }

  /** The next attempt, and when it is due, survive a crash. */
  retrying(task: StoredTask, delay: number): void {
    this.note(task, { attempt: task.attempt, restarts: task.restarts, delay: Math.round(delay) })
  }

  /** At most once a second for a task; the last one goes with the outcome. */
  reported(task: StoredTask): void {
    const now = performance.now()
    if (now - (this.reportedAt.get(task.id) ?? -Infinity) < 1000) return
    this.reportedAt.set(task.id, now)
    const progress = this.progressOf(task)
    if (progress !== null) this.note(task, { progress })
  }

  private note({ id }: StoredTask, what: Partial<Note>): void {
    const claim = this.claims.get(id)
    if (claim !== undefined) {
      this.notes.add({ id, claim, attempt: null, restarts: null, delay: null, progress: null, ...what })
    }
  }
}

const isShutdown = (outcome: Outcome): boolean => outcome._tag === "cancel" && outcome.shutdown === true

/** One statement changes a row once: later notes of a task add to earlier ones. */
const latestOf = (notes: ReadonlyArray<Note>): ReadonlyArray<Note> => {
  const byId = new Map<string, Note>()
  for (const note of notes) {
    const before = byId.get(note.id)
    byId.set(note.id, {
      ...note,
      attempt: note.attempt ?? before?.attempt ?? null,
      restarts: note.restarts ?? before?.restarts ?? null,
      delay: note.delay ?? before?.delay ?? null,
      progress: note.progress ?? before?.progress ?? null
    })
  }
  return [...byId.values()]
}
