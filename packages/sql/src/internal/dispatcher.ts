/** From a checked dispatch to a committed row to an accepted task. */
import { type DispatchError, DuplicateTask, StoreUnavailable, type Task } from "effect-tasks"
import type { Placed, Request, StoredTask } from "effect-tasks/Backend"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { reasonText } from "./codec.ts"
import { reach } from "./fault.ts"
import { type GroupCommit, groupCommit, whyOf } from "./groupCommit.ts"
import { childId, newId, storedKey } from "./ids.ts"
import type { SqlError } from "./journal.ts"
import type { Recorder } from "./recorder.ts"
import type { NewRow, Seen } from "./rows.ts"
import { State } from "./schema.ts"
import { type Entry, type Store, taken } from "./store.ts"
import type { Waiters } from "./waiters.ts"
import type { Window } from "./window.ts"

type Dispatched = Effect.Effect<Task.Any, DispatchError>

interface Dispatch {
  readonly entry: Entry
  readonly request: Request
  readonly row: NewRow
  readonly since: number
  readonly resume: (dispatched: Dispatched) => void
  /** Its dispatcher has gone, or has waited long enough. */
  givenUp: boolean
}

export class Dispatcher {
  private readonly store: Store
  private readonly window: Window
  private readonly waiters: Waiters
  private readonly recorder: Recorder
  private readonly rows: GroupCommit<Dispatch>
  private readonly open = new Set<Dispatch>()
  /** Given up while they were written. */
  private readonly unsure = new Set<string>()
  /** How often each attempt of a parent has asked for the same child. */
  private readonly asked = new WeakMap<StoredTask, { readonly attempt: number, readonly counts: Map<string, number> }>()
  /** A delayed row is due so much later. */
  private readonly delayed: (delay: number) => void

  constructor(store: Store, parts: {
    readonly window: Window,
    readonly waiters: Waiters,
    readonly recorder: Recorder,
    readonly delayed: (delay: number) => void
  }) {
    this.store = store
    this.window = parts.window
    this.waiters = parts.waiters
    this.recorder = parts.recorder
    this.delayed = parts.delayed
    this.rows = groupCommit<Dispatch>({
      fork: store.fork,
      write: (dispatches) => this.write(dispatches),
      refused: (dispatch, error) => {
        this.finish(dispatch, this.unavailable(dispatch, whyOf(error)))
        return false
      },
      isWanted: ({ givenUp }) => !givenUp,
      failing: (dispatches, error) => Effect.sync(() => this.expire(dispatches, whyOf(error)))
    })
  }

  submit(entry: Entry, request: Request): Dispatched {
    return Effect.withFiber((fiber) => {
      const { refusal } = request
      if (refusal !== undefined) return Effect.fail(refusal)
      const row = this.rowOf(entry, request)
      this.window.expect(row.id)
      const { replaces } = request
      if (replaces !== undefined) {
        return this.standBehind(entry, request, row, replaces.id, [replaces.id], "recomputed")
      }
      const isWithin = Context.getOrUndefined(fiber.context, this.store.journal.client.transactionService) !== undefined
      if (isWithin) return this.submitWithin(entry, request, row)
      return Effect.callback<Task.Any, DispatchError>((resume) => {
        const dispatch: Dispatch = { entry, request, row, resume, since: performance.now(), givenUp: false }
        this.open.add(dispatch)
        this.rows.add(dispatch)
        return Effect.sync(() => {
          this.open.delete(dispatch)
          this.giveUp(dispatch)
        })
      })
    })
  }

  private rowOf({ codec, policy, port }: Entry, request: Request): NewRow {
    const { delay, depth, key, owned, parent, priority, queueTimeout, timeout } = request
    const { job: { kept, tag, unique } } = port
    const payload = codec.payload(request.payload)
    const orNull = (millis: number) => millis === Infinity ? null : Math.ceil(millis)
    return {
      id: parent === undefined ? newId() : this.idOfChild(parent, tag, key ?? payload),
      job: tag,
      version: policy.version,
      key: key === undefined ? null : storedKey(key),
      uniq: unique === undefined && kept === undefined ? 0 : 1,
      state: delay > 0 ? State.delayed : State.queued,
      priority,
      depth,
      delay: Math.ceil(delay),
      owner: null,
      claim: 0,
      max_crashes: policy.crashes,
      parent_id: parent?.id ?? null,
      behind: null,
      owned: owned ? 1 : 0,
      timeout: orNull(timeout),
      queue_timeout: orNull(queueTimeout),
      keep_success: policy.keepSuccess,
      keep_error: policy.keepError,
      payload
    }
  }

  private idOfChild(parent: StoredTask, job: string, what: string): string {
    let asked = this.asked.get(parent)
    if (asked?.attempt !== parent.attempt) {
      asked = { attempt: parent.attempt, counts: new Map() }
      this.asked.set(parent, asked)
    }
    const same = JSON.stringify([job, what])
    const nth = (asked.counts.get(same) ?? 0) + 1
    asked.counts.set(same, nth)
    return childId(parent.id, job, what, nth)
  }

  /** Inside a user's transaction: the row comes and goes with it, and is taken by whoever is first after the commit. */
  private submitWithin(entry: Entry, request: Request, row: NewRow): Dispatched {
    const { journal } = this.store
    return Effect.gen({ self: this }, function*() {
      const transaction = journal.isPostgres ? (yield* journal.transactionId())[0].xid : undefined
      const [inserted] = yield* journal.insert([row], this.store.me)
      reach("in-transaction")
      if (inserted === undefined) return yield* this.found(entry, request, row, (yield* journal.conflicting([row]))[0])
      const accepted = this.accept(entry, request, row, "created", { transaction })
      yield* journal.client.afterCommit(Effect.sync(() => {
        const task = this.store.connection.find(row.id)
        if (task !== undefined) this.waiters.committed(task)
        if (row.state === State.delayed) this.delayed(row.delay)
        this.store.tell(taken)
        this.window.freed()
      }))
      return yield* accepted
    }).pipe(
      Effect.catchTag("SqlError", (error) => Effect.fail(this.unavailableError(entry, whyOf(error))))
    )
  }

  private write(dispatches: ReadonlyArray<Dispatch>): Effect.Effect<void, SqlError> {
    const { journal } = this.store
    return Effect.gen({ self: this }, function*() {
      this.claimSome(dispatches)
      const { me } = this.store
      reach("before-insert")
      const rows = yield* journal.insert(dispatches.map(({ row }) => row), me)
      reach("after-insert")
      const inserted = new Map(rows.map(({ id, state }) => [id, state]))
      const left = dispatches.filter(({ row }) => !inserted.has(row.id))
      const found = left.length === 0 ? [] : yield* journal.conflicting(left.map(({ row }) => row))
      const byId = new Map(found.map((row) => [row.id, row]))
      let isFree = false
      for (const dispatch of dispatches) {
        const { entry, request, row } = dispatch
        const state = inserted.get(row.id)
        if (dispatch.givenUp) {
          this.unsure.delete(row.id)
          this.window.met(row.id)
        }
        if (state !== undefined && dispatch.givenUp) {
          row.state = state
          this.discard(row)
        } else if (state === undefined) {
          const other = byId.get(row.id) ??
            found.find(({ job, key, uniq }) =>
              row.uniq === 1 && Number(uniq) === 1 && job === row.job && key === row.key
            )
          this.finish(dispatch, this.found(entry, request, row, other))
        } else {
          if (state === State.delayed) this.delayed(row.delay)
          if (state === State.queued) {
            isFree = true
            if (row.queue_timeout !== null) this.delayed(row.queue_timeout)
          }
          row.state = state
          this.finish(dispatch, this.accept(entry, request, row, "created"))
        }
      }
      reach("after-accept")
      if (!isFree) return
      this.store.tell(taken)
      this.window.freed()
    })
  }

  /** While workers are free and no older row waits, what comes in is claimed as it is inserted. */
  private claimSome(dispatches: ReadonlyArray<Dispatch>): void {
    let room = this.window.roomForNew
    for (const { entry, row } of dispatches) {
      if (row.state === State.claimed) Object.assign(row, { state: State.queued, owner: null, claim: 0 }) // sent again
      if (room <= 0 || row.state !== State.queued || !this.window.mayRun(entry)) continue
      Object.assign(row, { state: State.claimed, owner: this.store.me, claim: 1 })
      room--
    }
  }

  private giveUp(dispatch: Dispatch): void {
    if (this.rows.withdraw(dispatch)) return this.window.met(dispatch.row.id)
    dispatch.givenUp = true
    this.unsure.add(dispatch.row.id)
  }

  /** Rows of dispatches that were given up while nobody could tell whether they were stored leave again. */
  get clear(): Effect.Effect<void, SqlError> {
    return Effect.suspend(() => {
      if (this.unsure.size === 0) return Effect.void
      const ids = [...this.unsure]
      const removed = Effect.andThen(this.waiters.cancel(ids, "it was not accepted"), this.store.journal.remove(ids))
      return Effect.map(removed, () => {
        for (const id of ids) {
          this.unsure.delete(id)
          this.window.met(id)
        }
      })
    })
  }

  private finish(dispatch: Dispatch, dispatched: Dispatched): void {
    this.open.delete(dispatch)
    dispatch.resume(dispatched)
  }

  private accept(
    { port }: Entry,
    request: Request,
    row: Pick<NewRow, "id" | "state" | "owner" | "claim"> & { readonly attempt?: number, readonly restarts?: number },
    origin: Task.Origin,
    within?: { readonly transaction: string | undefined }
  ): Exit.Exit<Task.Any, DispatchError> {
    const here = row.state === State.claimed && row.owner === this.store.me && within === undefined &&
      origin === "created"
    const placed: Placed = { id: row.id, here, attempt: row.attempt ?? 1, restarts: row.restarts ?? 0 }
    if (here) this.recorder.claimed(row.id, row.claim)
    const accepted = port.accept(request, placed, origin)
    if (Exit.isFailure(accepted)) {
      this.window.met(row.id)
      if (origin === "created") this.discard(row)
      return accepted
    }
    const task = this.store.connection.find(row.id)
    if (!here && task !== undefined) this.waiters.add(task, within)
    this.window.met(row.id)
    return accepted
  }

  /** Nobody has accepted what was stored: it leaves no row. */
  private discard({ claim, id, owner, state }: Pick<NewRow, "id" | "state" | "owner" | "claim">): void {
    const { fork, journal, me } = this.store
    const reason = "it was not accepted"
    const isOwn = state === State.claimed && owner === me
    const outcome = {
      id,
      claim,
      state: State.canceled,
      exit: reasonText(reason),
      attempt: 1,
      restarts: 0,
      keep: null,
      progress: null
    }
    const ended: Effect.Effect<unknown, SqlError> = isOwn
      ? journal.outcomes([outcome], me) :
      this.waiters.cancel([id], reason)
    fork(Effect.ignore(Effect.andThen(ended, journal.remove([id]))))
  }

  /** A row with its id, or its key, is there already. */
  private found(entry: Entry, request: Request, row: NewRow, other: Seen | undefined): Dispatched {
    if (other === undefined) return this.submitAgain(entry, request, row) // it has gone meanwhile
    if (other.id === row.id) return this.foundOwn(entry, request, row, other)
    this.window.met(row.id)
    const { port } = entry
    if (other.kept === 1) {
      if (!other.is_stale) return this.reuse(entry, request, other)
      return this.attempted(
        entry,
        row.id,
        this.store.journal.unkeep({ id: other.id }),
        () => this.submitAgain(entry, request, row)
      )
    }
    const known = this.known(other.id)
    const isStopping = other.cancel !== null || known?.stop !== undefined || known?.isStopping === true
    const { job: { unique } } = port
    if (unique === "reject") {
      return Effect.fail(port.refusal(new DuplicateTask({ taskId: other.id, key: request.key! })))
    }
    if (unique === "supersede" || isStopping) return this.queueBehind(entry, request, row, other, !isStopping)
    return this.join(entry, request, other)
  }

  private foundOwn(entry: Entry, request: Request, row: NewRow, other: Seen): Dispatched {
    const own = { ...other, state: Number(other.state) }
    const isOurs = own.state === State.claimed && own.owner === this.store.me &&
      this.recorder.claimOf(own.id) === undefined
    if (row.parent_id === null || isOurs) return this.accept(entry, request, own, "created") // its answer was lost
    if (own.state === State.success || this.known(row.id) !== undefined) this.window.met(row.id)
    if (own.state === State.success) return this.reuse(entry, request, other)
    if (own.state < State.success) return this.join(entry, request, other)
    return this.attempted(entry, row.id, this.store.journal.requeue([row.id]), () => {
      const accepted = this.accept(entry, request, { ...own, state: State.queued, attempt: 1, restarts: 0 }, "created")
      this.store.tell(taken)
      this.window.freed()
      return accepted
    })
  }

  private known(id: string): StoredTask | undefined {
    const task = this.store.connection.find(id)
    return task?.hasEnded === false ? task : undefined
  }

  private join(entry: Entry, request: Request, other: Seen): Dispatched {
    const known = this.known(other.id)
    if (known !== undefined) return entry.port.join(request, known)
    return this.accept(entry, request, other, "joined")
  }

  private reuse({ codec, port }: Entry, request: Request, other: Seen): Dispatched {
    const { attempt, id, restarts } = other
    const ended = this.store.connection.find(id)
    if (ended?.hasEnded === true && ended.outcome?._tag === "Success") return port.reuse(request, ended)
    const accepted = port.accept(request, { id, here: false, attempt, restarts }, "reused")
    if (Exit.isFailure(accepted)) return accepted
    const task = this.store.connection.find(id)
    if (task !== undefined) port.settle(task, codec.outcomeOf(other))
    return accepted
  }

  /** The holder of the key ends first; one that goes on is cancelled. */
  private queueBehind(entry: Entry, request: Request, row: NewRow, holder: Seen, cancels: boolean): Dispatched {
    const { journal } = this.store
    const joins = entry.port.job.unique === "join"
    const looked = Effect.flatMap(
      journal.blocked({ job: row.job, key: row.key }),
      (rows) => joins && rows.length > 0 ? journal.lookAt([rows[0].id]) : Effect.succeed(rows)
    )
    return this.attempted(entry, row.id, looked, (rows) => {
      const [first] = rows
      if (joins && first !== undefined) return this.join(entry, request, first as Seen) // it was looked at
      const replaced = [...cancels ? [holder.id] : [], ...rows.map(({ id }) => id)]
      return this.standBehind(entry, request, row, holder.id, joins ? [] : replaced, "superseded")
    })
  }

  /** Stands behind a task, and has these cancelled. */
  private standBehind(
    entry: Entry,
    request: Request,
    row: NewRow,
    behind: string,
    canceled: ReadonlyArray<string>,
    reason: string
  ): Dispatched {
    const { journal } = this.store
    const blocked: NewRow = { ...row, behind, state: State.blocked, owner: null, claim: 0 }
    this.window.expect(row.id)
    const stored = Effect.gen({ self: this }, function*() {
      yield* journal.insert([blocked], this.store.me)
      if (canceled.length > 0) yield* this.waiters.cancel(canceled, reason)
      yield* journal.unkeepBlocking()
      const freed = yield* journal.unblock()
      if (freed.length > 0) this.window.freed()
    })
    return this.attempted(entry, row.id, stored, () => this.accept(entry, request, blocked, "created"))
  }

  private submitAgain(entry: Entry, request: Request, row: NewRow): Dispatched {
    return Effect.callback((resume) => {
      Object.assign(row, { state: row.delay > 0 ? State.delayed : State.queued, owner: null, claim: 0 })
      this.window.expect(row.id)
      this.rows.add({ entry, request, row, resume, since: performance.now(), givenUp: false })
    })
  }

  private attempted<A>(
    entry: Entry,
    id: string,
    effect: Effect.Effect<A, SqlError>,
    then: (a: A) => Dispatched
  ): Dispatched {
    return Effect.matchEffect(effect, {
      onFailure: (error) => {
        this.window.met(id)
        return Effect.fail(this.unavailableError(entry, whyOf(error)))
      },
      onSuccess: then
    })
  }

  private unavailable({ entry }: Dispatch, why: string): Dispatched {
    return Effect.fail(this.unavailableError(entry, why))
  }

  private unavailableError({ port }: Entry, why: string): DispatchError {
    return port.refusal(new StoreUnavailable({ why }))
  }

  /** Those that have waited for the database long enough. */
  expire(dispatches: Iterable<Dispatch> = this.open, why = "it does not answer"): void {
    const since = performance.now() - this.store.dispatchTimeout
    for (const dispatch of dispatches) {
      if (dispatch.givenUp || dispatch.since > since) continue
      this.giveUp(dispatch)
      this.finish(dispatch, this.unavailable(dispatch, why))
    }
  }
}
