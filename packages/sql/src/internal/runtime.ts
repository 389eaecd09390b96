/** Assembles the parts of a durable layer. */
import { StoreUnavailable } from "effect-tasks"
import type { Task, WorkerPool } from "effect-tasks"
import { type Backend, connect, type Port } from "effect-tasks/Backend"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { AccessDenied, DurableError } from "../DurableError.ts"
import { codecOf } from "./codec.ts"
import { Dispatcher } from "./dispatcher.ts"
import { embeddedIn } from "./embedded.ts"
import { whyOf } from "./groupCommit.ts"
import { storedKey } from "./ids.ts"
import { type Journal, make as makeJournal, SqlClient, type SqlError } from "./journal.ts"
import { Mail } from "./mail.ts"
import { Due, maintain } from "./maintenance.ts"
import { enter, join, leave } from "./node.ts"
import { anything, make as makeNotifier } from "./notifier.ts"
import { payloadOf } from "./payload.ts"
import { Recorder } from "./recorder.ts"
import { State } from "./schema.ts"
import { dueLater, type Entry, entryOf, pauseChanged, type Policy, type Store } from "./store.ts"
import { Waiters } from "./waiters.ts"
import { Window } from "./window.ts"

/** In milliseconds. */
export interface Settings {
  readonly namespace: string
  readonly table: string
  readonly clientOnly: boolean
  readonly grace: number
  readonly dispatchTimeout: number
  readonly notify: boolean
  readonly pruneEvery: number | undefined
}

/** What the database did not do, in our words. */
export const toDurableError = (error: SqlError): DurableError =>
  new DurableError({
    reason: error.reason._tag === "AuthenticationError" || error.reason._tag === "AuthorizationError"
      ? new AccessDenied({ why: whyOf(error) })
      : new StoreUnavailable({ why: whyOf(error) })
  })

export const make = (
  settings: Settings
): Effect.Effect<Parts, DurableError, SqlClient | WorkerPool | Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* SqlClient
    const connection = yield* connect
    const journal = makeJournal(client, settings)
    const embedded = embeddedIn(client)
    if (!settings.clientOnly && embedded !== undefined) yield* embedded.lock
    yield* journal.migrate
    const run = yield* FiberSet.makeRuntime<never>()
    const fork = (effect: Effect.Effect<unknown>): void => void run(effect)
    const notifier = makeNotifier({ journal, namespace: settings.namespace, notify: settings.notify, fork })
    const store: Store = {
      journal,
      connection,
      namespace: settings.namespace,
      isClient: settings.clientOnly,
      dispatchTimeout: settings.dispatchTimeout,
      entries: new Map(),
      me: -1,
      fork,
      tell: notifier.tell
    }
    const runtime = assemble(store)
    const { due, window } = runtime
    yield* journal.isPostgres
      ? join(store, { grace: settings.grace, cutOff: () => stopAll(store, runtime.recorder) })
      : takeOver(store)
    yield* notifier.listen((text) => hear(runtime, text))
    yield* maintain(store, { ...runtime, pauses: runtime.rereadPauses, pruneEvery: settings.pruneEvery })
    yield* runtime.rereadPauses
    due.arm(0)
    yield* connection.onTurn(() => window.hungry())
    yield* Effect.addFinalizer(() => {
      window.close()
      const left = Effect.ignore(Effect.andThen(window.giveAllBack, leave(store)))
      return Effect.timeoutOrElse(left, { duration: patience, orElse: () => Effect.void })
    })
    return runtime
  }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(toDurableError(error))))

/** For a database that is away when the layer closes: others find what is left. */
const patience = "2 seconds"

const assemble = (store: Store) => {
  const waiters = new Waiters(store)
  const mail = new Mail(store)
  const recorder: Recorder = new Recorder(store, waiters, () => window)
  const window: Window = new Window(store, recorder, waiters, mail)
  const due = new Due(store, waiters, () => window)
  const dispatcher = new Dispatcher(store, {
    window,
    waiters,
    recorder,
    delayed: (wait) => {
      due.arm(wait)
      store.tell(dueLater)
    }
  })
  let asked = 0
  let answered = 0
  const rereadPauses = Effect.suspend(() => {
    const question = ++asked
    return Effect.map(store.journal.pauses(), (rows) => {
      if (question < answered) return // a later question has been answered before
      answered = question
      window.paused = new Set(rows.map(({ job }) => job))
    })
  })
  return { store, waiters, mail, recorder, window, due, dispatcher, rereadPauses }
}

export type Parts = ReturnType<typeof assemble>

/** An embedded file has one runner, who is this one: what others had claimed is free. */
const takeOver = (store: Store): Effect.Effect<void, SqlError> =>
  Effect.gen(function*() {
    const { journal } = store
    yield* enter(store)
    if (store.isClient) return
    yield* journal.client.withTransaction(Effect.andThen(
      journal.releaseOthers({ me: store.me }),
      journal.otherNodes({ me: store.me })
    ))
  })

const stopAll = ({ connection, entries }: Store, recorder: Recorder): void => {
  for (const id of recorder.claimedIds) {
    const task = connection.find(id)
    if (task?.here === true) {
      entries.get(task.job)?.port.stop(task, { _tag: "cancel", reason: "cut off from the database", shutdown: true })
    }
  }
}

/** What others have told. */
const hear = ({ due, mail, recorder, rereadPauses, store, waiters, window }: Parts, text: string): void => {
  const look = (effect: Effect.Effect<unknown, SqlError>) => store.fork(Effect.ignore(effect))
  const ids = text.slice(2).split(",")
  const here = ids.flatMap((id) => {
    const task = recorder.claimOf(id) === undefined ? undefined : store.connection.find(id)
    return task === undefined ? [] : [task]
  })
  switch (text[0]) {
    case "q":
      return window.freed()
    case "d":
      return look(waiters.look(ids))
    case "c":
      return here.length > 0 ? look(waiters.stopCanceled) : undefined
    case "m":
      return here.forEach((task) => mail.fetch(task))
    case dueLater:
      return due.arm(0)
    case pauseChanged:
      return look(Effect.map(rereadPauses, () => window.freed()))
    case anything:
      look(Effect.all([waiters.lookAtAll, waiters.stopCanceled, rereadPauses]))
      for (const id of recorder.claimedIds) {
        const task = store.connection.find(id)
        if (task?.here === true && takesMessages(entryOf(store, task.job))) mail.fetch(task)
      }
      due.arm(0)
      return window.freed()
  }
}

const takesMessages = ({ port: { job: { message } } }: Entry): boolean => message.ast._tag !== "Never"

/** The backend of one job's layer. */
export const backendOf = (
  { dispatcher, mail, recorder, store, waiters, window }: Parts,
  port: Port,
  policy: Policy,
  runs: boolean
): Effect.Effect<Backend, never, Scope.Scope> => {
  const entry: Entry = { port, codec: codecOf(port.job), policy, runs }
  const { journal } = store
  const get = (id: string): Effect.Effect<Option.Option<Task.Any>> =>
    Effect.orDie(handleOf(journal, store, waiters, entry, id))
  const backend: Backend = {
    submit: (request) => dispatcher.submit(entry, request),
    record: (task, outcome) => recorder.record(task, outcome),
    stopElsewhere: (task, stop) => {
      const reason = stop._tag === "cancel" ? stop.reason : "its time is over"
      store.fork(Effect.eventually(Effect.tapError(waiters.cancel([task.id], reason), () => Effect.sleep(500))))
    },
    retrying: (task, delay) => recorder.retrying(task, delay),
    reported: (task) => recorder.reported(task),
    prioritized: (task, priority) =>
      store.fork(Effect.ignore(Effect.map(journal.setPriority({ id: task.id, priority }), () => window.freed()))),
    watched: (task) => store.fork(Effect.ignore(waiters.look([task.id]))),
    send: (task, message) => {
      const sent = mail.send(task, message)
      return sent === undefined ? undefined : Effect.orDie(sent)
    },
    find: (key) =>
      Effect.flatMap(
        Effect.orDie(journal.newestOf({ job: port.job.tag, key: storedKey(key) })),
        ([row]) => row === undefined ? Effect.succeedNone : get(row.id)
      ),
    get
  }
  return Effect.as(
    Effect.acquireRelease(
      Effect.sync(() => {
        store.entries.set(port.job.tag, entry)
      }),
      () =>
        Effect.sync(() => {
          if (store.entries.get(port.job.tag) === entry) store.entries.delete(port.job.tag)
        })
    ),
    backend
  )
}

/** A stored task that this process does not know, as a handle: live ones are waited for. */
const handleOf = (
  journal: Journal,
  store: Store,
  waiters: Waiters,
  { codec, policy, port }: Entry,
  id: string
): Effect.Effect<Option.Option<Task.Any>, SqlError> =>
  Effect.map(journal.fullRow({ id, job: port.job.tag }), ([row]) => {
    if (row === undefined) return Option.none()
    const known = store.connection.find(id)
    if (known !== undefined) return Option.some(port.handleOf(known, "created"))
    const payload = payloadOf(row, policy, codec)
    const task = port.adopt({
      id,
      here: false,
      attempt: row.attempt,
      restarts: row.restarts,
      payload: typeof payload === "string" ? undefined : payload.value,
      key: row.key ?? undefined,
      priority: Number(row.priority),
      timeout: Infinity,
      queueTimeout: Infinity,
      parentId: row.parent_id ?? undefined
    })
    if (row.state >= State.success) port.settle(task, codec.outcomeOf(row))
    else waiters.add(task)
    return Option.some(port.handleOf(task, "created"))
  })

/** The service, as this package sees it. */
export const RuntimeId = "~effect-tasks/sql/Runtime"
export const runtimeOf = (service: object): Parts => (service as { readonly [RuntimeId]: Parts })[RuntimeId]
