/**
 * How much this node claims: what free workers can start, and a little ahead of them.
 *
 * `room = free slots + ahead − ready − buffered − unstored outcomes`. What is claimed waits in a buffer, is handed to the
 * worker pool for free slots and about as much again, and goes back when it has not started soon: no node holds back work
 * while another is idle.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { UndecodablePayload } from "../DurableError.ts"
import { reach } from "./fault.ts"
import type { SqlError } from "./journal.ts"
import type { Mail } from "./mail.ts"
import { payloadOf } from "./payload.ts"
import type { Recorded, Recorder } from "./recorder.ts"
import type { ClaimedRow } from "./rows.ts"
import { State } from "./schema.ts"
import { type Entry, entryOf, type Store, taken } from "./store.ts"
import type { Waiters } from "./waiters.ts"

const mostAhead = 500
/** In milliseconds. */
const worthAhead = 50
const heldAtMost = 200
const measured = 20
const longIdle = 200
const pauseAfterFailure = 500

export class Window implements Recorded {
  private readonly store: Store
  private readonly recorder: Recorder
  private readonly waiters: Waiters
  private readonly mail: Mail
  /** Claimed and not handed over. */
  private buffer: Array<ClaimedRow> = []
  private returning = false
  /** Whether there may be rows to take. */
  private backlog = true
  private pulling = false
  private again = false
  /** What has been there at two crashes runs alone among its like, so that only the culprit reaches its limit. */
  private suspect: string | undefined
  private perMilli = 0
  private since = { at: performance.now(), ended: 0 }
  private closed = false
  /** "" for all jobs. */
  paused: ReadonlySet<string> = new Set()

  /** Ids that are being dispatched here: their rows may be claimed before their dispatch has heard of its commit. */
  private readonly pending = new Set<string>()
  private readonly early = new Map<string, ClaimedRow>()
  private strays: ReadonlySet<string> = new Set()

  constructor(store: Store, recorder: Recorder, waiters: Waiters, mail: Mail) {
    this.store = store
    this.recorder = recorder
    this.waiters = waiters
    this.mail = mail
  }

  /** A dispatch of this id has begun. */
  expect(id: string): void {
    this.pending.add(id)
  }

  /** It has been accepted, or will not be. */
  met(id: string): void {
    this.pending.delete(id)
    const row = this.early.get(id)
    if (row === undefined) return
    this.early.delete(id)
    this.handOver(row)
  }

  close(): void {
    this.closed = true
  }

  /** How many rows a dispatcher may claim as it inserts them: none while older ones wait. */
  get roomForNew(): number {
    return this.backlog || this.store.connection.paused() ? 0 : this.room
  }

  private get room(): number {
    const { connection, isClient } = this.store
    if (isClient || this.closed) return 0
    return connection.workers() - connection.busy() + this.ahead - connection.ready() - this.buffer.length -
      this.recorder.unstored
  }

  private get ahead(): number {
    const idle = performance.now() - this.since.at
    const rate = idle > longIdle ? this.since.ended / idle : this.perMilli
    return Math.min(mostAhead, Math.ceil(rate * worthAhead))
  }

  recorded(count: number): void {
    this.measure(count)
    this.hungry()
  }

  private measure(count: number): void {
    this.since.ended += count
    const took = performance.now() - this.since.at
    if (took < measured) return
    this.perMilli = took > 2000 ? 0 : this.perMilli / 2 + this.since.ended / took / 2
    this.since = { at: performance.now(), ended: 0 }
  }

  freed(): void {
    this.backlog = true
    this.hungry()
  }

  /** Something may start: hands over what is there, and looks for more. */
  hungry(): void {
    if (this.buffer.length > 0) this.feed()
    if (this.closed || this.store.isClient || !this.backlog) return
    if (this.pulling) {
      this.again = true
      return
    }
    const { connection } = this.store
    const { room } = this
    const few = Math.max(1, (connection.workers() + this.ahead) / 2)
    const idle = connection.busy() + connection.ready() <= connection.workers() / 2
    if (connection.paused() || (room < few && (room < 1 || !idle)) || Object.keys(this.jobs).length === 0) return
    this.pulling = true
    this.again = false
    this.store.fork(this.pull(room))
  }

  /** The versions that it takes of each job that it may run now. */
  private get jobs(): Record<string, number> {
    const open = [...this.store.entries].filter(([_, entry]) => this.mayRun(entry))
    return Object.fromEntries(open.map(([job, { policy }]) => [job, policy.version]))
  }

  /** Whether a task of this job may start here now. */
  mayRun({ port, runs }: Entry): boolean {
    return runs && port.isOpen() && !this.paused.has("") && !this.paused.has(port.job.tag)
  }

  private pull(room: number): Effect.Effect<void> {
    const { journal } = this.store
    return Effect.gen({ self: this }, function*() {
      const { me } = this.store
      const rows = yield* journal.pull(this.jobs, room, me, false)
      if (rows.length > 0) reach("claimed")
      if (rows.length < room && !this.again) this.backlog = false
      this.take(rows)
      if (rows.length < room && this.suspect === undefined) yield* this.pullSuspect(me)
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.delay(Effect.logWarning("Cannot look for tasks to run", cause), pauseAfterFailure)
      ),
      Effect.andThen(Effect.sync(() => {
        this.pulling = false
        this.hungry()
      }))
    )
  }

  private pullSuspect(me: number): Effect.Effect<void, SqlError> {
    return Effect.map(this.store.journal.pull(this.jobs, 1, me, true), (rows) => {
      this.suspect = rows[0]?.id
      this.take(rows)
    })
  }

  private take(rows: ReadonlyArray<ClaimedRow>): void {
    for (const row of rows) this.recorder.claimed(row.id, row.claim)
    this.buffer.push(...rows)
    this.feed()
  }

  private feed(): void {
    const { connection } = this.store
    const workers = connection.workers()
    const most = workers - connection.busy() + Math.min(workers, this.ahead)
    while (this.buffer.length > 0 && connection.ready() < most) this.handOver(this.buffer.shift()!)
    if (this.buffer.length === 0 || this.returning) return
    this.returning = true
    const [first] = this.buffer
    this.store.fork(Effect.delay(Effect.suspend(() => this.giveBack(first)), heldAtMost))
  }

  /** What has waited here, if it still does. */
  private giveBack(first: ClaimedRow): Effect.Effect<void> {
    this.returning = false
    this.measure(0)
    if (this.buffer[0] !== first) {
      this.feed()
      return Effect.void
    }
    const back = this.buffer
    this.buffer = []
    reach("before-return")
    return this.release(back)
  }

  private release(rows: ReadonlyArray<Pick<ClaimedRow, "id" | "claim" | "attempt" | "restarts">>): Effect.Effect<void> {
    for (const { id } of rows) if (this.store.connection.find(id)?.here !== true) this.recorder.drop(id)
    const { journal, me, tell } = this.store
    const outcomes = rows.map(({ attempt, claim, id, restarts }) => ({
      id,
      claim,
      state: State.queued,
      exit: null,
      attempt,
      restarts,
      keep: null,
      progress: null
    }))
    return Effect.eventually(
      Effect.map(Effect.tapError(journal.outcomes(outcomes, me), () => Effect.sleep(pauseAfterFailure)), () => {
        this.backlog = true
        tell(taken)
      })
    )
  }

  /** Rows of this node that it knows nothing of, twice in a row: the answer to their claim was lost. */
  get giveStraysBack(): Effect.Effect<void, SqlError> {
    const { journal, me } = this.store
    return Effect.flatMap(journal.claimsOf({ me }), (rows) => {
      const unknown = rows.filter(({ id }) => this.recorder.claimOf(id) === undefined)
      const strays = unknown.filter(({ id }) => this.strays.has(id))
      this.strays = new Set(unknown.map(({ id }) => id))
      return strays.length === 0 ? Effect.void : this.release(strays)
    })
  }

  /** Everything that is claimed and not handed over goes back. */
  get giveAllBack(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const back = this.buffer
      this.buffer = []
      return back.length === 0 ? Effect.void : this.release(back)
    })
  }

  private handOver(row: ClaimedRow): void {
    const { connection } = this.store
    const { codec, policy, port } = entryOf(this.store, row.job)
    if (!port.isOpen()) return this.store.fork(this.release([row]))
    if (this.pending.has(row.id)) {
      this.early.set(row.id, row)
      return
    }
    const known = connection.find(row.id)
    if (known?.hasEnded === false) {
      // it still stops here under an earlier claim, or it is parked
      if (known.here) return this.store.fork(this.release([row]))
      this.waiters.remove(row.id)
      if (row.has_mail) this.mail.fetch(known)
      return port.claim(known, row.attempt, row.restarts)
    }
    const payload = payloadOf(row, policy, codec)
    if (typeof payload === "string") return this.bury(row, payload)
    const task = port.adopt({
      id: row.id,
      here: true,
      attempt: row.attempt,
      restarts: row.restarts,
      payload: payload.value,
      key: row.key ?? undefined,
      priority: row.priority,
      timeout: row.timeout ?? Infinity,
      queueTimeout: row.queue_timeout === null || row.attempt > 1 ? Infinity : Math.max(0, row.queue_timeout),
      parentId: row.parent_id ?? undefined
    })
    if (row.has_mail) this.mail.fetch(task)
  }

  /** It is never started. */
  private bury(row: ClaimedRow, issue: string): void {
    this.recorder.drop(row.id)
    const { journal, me } = this.store
    const { codec } = entryOf(this.store, row.job)
    const defect = new UndecodablePayload({ taskId: row.id, job: row.job, version: row.version, issue })
    const { attempt, claim, id, restarts } = row
    const outcome = { id, claim, attempt, restarts, keep: null, progress: null, ...codec.outcome(id, Exit.die(defect)) }
    this.store.fork(Effect.andThen(Effect.ignore(journal.outcomes([outcome], me)), Effect.logWarning(defect.message)))
  }

  /** The suspect has ended, or has gone back. */
  settled(id: string): void {
    if (id !== this.suspect) return
    this.suspect = undefined
    this.backlog = true // there may be another one
  }
}
