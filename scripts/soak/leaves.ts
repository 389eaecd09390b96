/** The tasks of the soak: every policy and every way to end, and what their callers do with them. */
import { Cause, Effect, Exit, Option, Queue, Schedule, Schema, type Scope, Stream } from "effect"
import { type DispatchError, Job, type Task, type TaskError, TaskPool, type WorkerPool } from "effect-tasks"
import { count, expect, many, totals } from "./ledger.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { id: Schema.Int }) {}

const leaf = {
  payload: { kind: Schema.String, id: Schema.Int },
  success: Schema.Int,
  error: Refused,
  progress: Schema.Int,
  message: Schema.Int
}

export class Leaf extends Job.make("Leaf", leaf) {}
class Timed extends Job.make("Timed", { ...leaf, timeout: "30 seconds", queueTimeout: "60 seconds" }) {}
class Joined extends Job.make("Joined", { ...leaf, unique: true }) {}
class Single extends Job.make("Single", { ...leaf, unique: "reject" }) {}
class Latest extends Job.make("Latest", { ...leaf, unique: "supersede", key: ({ id }) => `${id}` }) {}
class Kept extends Job.make("Kept", { ...leaf, persistent: true, unique: true }) {}
class Retried extends Job.make("Retried", { ...leaf, retry: { times: 3, while: ({ id }) => id > 0 } }) {}
class Delayed extends Job.make("Delayed", { ...leaf, retry: { times: 2, schedule: Schedule.spaced("1 millis") } }) {}
class Limited extends Job.make("Limited", { ...leaf, concurrency: { limit: 2, key: ({ id }) => `${id % 7}` } }) {}
export class Keyed extends Job.make("Keyed", { ...leaf, concurrency: { limit: 1, key: ({ id }) => `${id}` } }) {}
export class Stubborn extends Job.make("Stubborn", { ...leaf, retry: {} }) {}
export class Branch extends Job.make("Branch", {
  payload: { depth: Schema.Int, width: Schema.Int },
  success: Schema.Int // tasks below
}) {}

type Context = Task.TaskContext<number, Refused, number, number>
type Run = Effect.Effect<number, Refused | TaskError | DispatchError, WorkerPool | Scope.Scope>

export const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const behaviours: { readonly [kind: string]: (id: number, task: Context) => Run } = {
  plain: (id) => Effect.succeed(id),
  turn: (id) => Effect.as(turn, id),
  fail: (id) => Effect.fail(new Refused({ id })),
  die: (id) => Effect.die(new Error(`defect ${id}`)),
  hang: () => Effect.never,
  scoped: (id) => Effect.as(Effect.addFinalizer(() => count("finalizers")), id),
  report: (id, task) => Effect.as(Effect.forEach([1, 2, 3], (n) => task.report(n), { discard: true }), id),
  sleep: (id, task) => Effect.as(task.whileSleeping(turn), id),
  message: (id, task) => Effect.map(Queue.take(task.inbox), (message) => id + message - message),
  deadline: (id, task) => Effect.as(Effect.andThen(task.setTimeout("20 seconds"), task.clearTimeout), id),
  hooks: (id, task) =>
    Effect.as(Effect.andThen(task.onExit(() => count("hooks")), task.onSuccess(() => count("hooks"))), id),
  halfAsleep: (id, task) =>
    Effect.as(Effect.andThen(Effect.forkChild(task.whileSleeping(Effect.never)), task.whileSleeping(turn)), id),
  stubborn: (id, task) =>
    Effect.andThen(
      task.onExit(() => Effect.void),
      task.attempt < many ? Effect.fail(new Refused({ id })) : Effect.succeed(id)
    ),
  chain: (id) =>
    Effect.as(Effect.andThen(turn, id > 0 ? Leaf.dispatch({ kind: "chain", id: id - 1 }) : Effect.void), id) as Run,
  flaky: (id, task) => (task.attempt < 3 ? Effect.fail(new Refused({ id })) : Effect.succeed(id))
}

const handler = (
  { id, kind }: { readonly id: number, readonly kind: string },
  task: Task.TaskContext<any, any, any, any>
) => behaviours[kind](id, task)

// ---------------------------------------------------------------------------------------------------------------------
// what the caller does with a task and how it must end
// ---------------------------------------------------------------------------------------------------------------------

type Ending = "success" | "failed" | "canceled"
type AnyTask = Task.Task<number, Refused, number, number>

const endingOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const [reason] = exit.cause.reasons
  return Cause.isFailReason(reason) ? (reason.error as { readonly _tag: string })._tag : reason._tag
}

const endings: { readonly [ending: string]: Ending } = {
  success: "success",
  Refused: "failed",
  Die: "failed",
  TaskTimeout: "failed",
  TaskCanceled: "canceled"
}

/** Accounts for a task that was created by this dispatch; it must end in this way. */
export const ends = (task: AnyTask, ending: string) =>
  Effect.map(task.exit, (exit) => {
    expect(`the end of ${task.id}`, endingOf(exit), ending)
    totals.dispatched++
    totals[endings[ending]]++
    return 1
  })

let lastId = 0
export const nextId = (): number => ++lastId
type Options = Job.DispatchOptions
type LeafEffect = Effect.Effect<number, unknown, any>
interface LeafJob {
  dispatch(
    payload: { readonly kind: string, readonly id: number },
    options?: Options
  ): Effect.Effect<AnyTask, DispatchError, any>
}

export const simple = (job: LeafJob, kind: string, ending = "success") => (options: Options): LeafEffect =>
  Effect.flatMap(job.dispatch({ kind, id: nextId() }, options), (task) => ends(task, ending))

export const hanging = (options: Options) => Leaf.dispatch({ kind: "hang", id: nextId() }, options)

const hooked = (options: Options) =>
  Effect.gen(function*() {
    const task = yield* Leaf.dispatch({ kind: "hooks", id: nextId() }, options)
    yield* task.onExit(() => count("hooks"))
    yield* task.onFailure(() => count("hooks"))
    totals.hooks += 3
    return yield* ends(task, "success")
  })

const messaged = (options: Options) =>
  Effect.gen(function*() {
    const task = yield* Leaf.dispatch({ kind: "message", id: nextId() }, options)
    yield* task.send(7)
    return yield* ends(task, "success")
  })

const watched = (options: Options) =>
  Effect.gen(function*() {
    const task = yield* Leaf.dispatch({ kind: "report", id: nextId() }, options)
    expect("the last progress", Option.getOrUndefined(yield* Stream.runLast(task.progress)), 3)
    return yield* ends(task, "success")
  })

const scoped = (options: Options) => {
  totals.finalizers++
  return simple(Leaf, "scoped")(options)
}

const joined = (options: Options) =>
  Effect.gen(function*() {
    const payload = { kind: "message", id: nextId() }
    const task = yield* Joined.dispatch(payload, options)
    const again = yield* Joined.dispatch(payload, options)
    expect("the origin of a second dispatch", again.origin, "joined")
    totals.joined++
    yield* again.send(1)
    return yield* ends(task, "success")
  })

const rejected = (options: Options) =>
  Effect.gen(function*() {
    const payload = { kind: "message", id: nextId() }
    const task = yield* Single.dispatch(payload, options)
    expect("a second dispatch", endingOf(yield* Effect.exit(Single.dispatch(payload, options))), "DispatchError")
    yield* task.send(1)
    return yield* ends(task, "success")
  })

const superseded = (options: Options) =>
  Effect.gen(function*() {
    const id = nextId()
    const task = yield* Latest.dispatch({ kind: "hang", id }, options)
    const next = yield* Latest.dispatch({ kind: "turn", id }, options)
    return (yield* ends(task, "TaskCanceled")) + (yield* ends(next, "success"))
  })

/** In GLOBAL, since a kept result counts once for each pool that meets it. */
const kept = () =>
  Effect.gen(function*() {
    const task = yield* Kept.dispatch({ kind: "plain", id: nextId() % 5000 })
    if (task.origin === "created") yield* ends(task, "success")
    else totals[task.origin]++
    return 0
  })

const canceled = (options: Options) =>
  Effect.gen(function*() {
    const running = yield* hanging(options)
    const delayed = yield* Leaf.dispatch({ kind: "plain", id: nextId() }, { ...options, delay: "1 minute" })
    yield* delayed.cancel()
    if (lastId % 2 === 0) yield* turn
    yield* running.cancel({ reason: "soak" })
    return (yield* ends(running, "TaskCanceled")) + (yield* ends(delayed, "TaskCanceled"))
  })

const recomputed = (options: Options) =>
  Effect.gen(function*() {
    const task = yield* hanging(options)
    const again = yield* task.recompute
    yield* again.cancel()
    return (yield* ends(task, "TaskCanceled")) + (yield* ends(again, "TaskCanceled"))
  })

/** A pool that is cancelled with what runs and what is queued in it. */
const canceledPool = Effect.scoped(Effect.gen(function*() {
  const pool = yield* TaskPool.make()
  yield* pool.addFinalizer(() => count("finalizers"))
  totals.finalizers++
  const tasks = yield* Effect.forEach([1, 2, 3, 4], () => hanging({ pool }))
  yield* pool.cancel()
  return yield* sum(tasks, (task) => ends(task, "TaskCanceled"))
}))

/** A pool whose first failure cancels the rest. */
const failingPool = Effect.scoped(Effect.gen(function*() {
  const pool = yield* TaskPool.make({ onFailure: "cancel" })
  const tasks = yield* Effect.forEach([1, 2], () => hanging({ pool }))
  const failing = yield* Leaf.dispatch({ kind: "fail", id: nextId() }, { pool, priority: 5 })
  expect("failed in a pool", (yield* pool.settled).failed, 1)
  return (yield* sum(tasks, (task) => ends(task, "TaskCanceled"))) + (yield* ends(failing, "Refused"))
}))

const sum = <A, E, R>(items: Iterable<A>, f: (item: A) => Effect.Effect<number, E, R>) =>
  Effect.map(Effect.forEach(items, f, { concurrency: 8 }), (all) => all.reduce((a, b) => a + b, 0))

export const times = <A>(n: number, item: A): Array<A> => Array.from({ length: n }, () => item)

/** The mix of one branch. */
const kinds: ReadonlyArray<(options: Options) => LeafEffect> = [
  ...times(10, simple(Leaf, "plain")),
  ...times(5, simple(Timed, "turn")),
  simple(Leaf, "fail", "Refused"),
  simple(Leaf, "die", "Die"),
  simple(Leaf, "sleep"),
  simple(Timed, "deadline"),
  simple(Retried, "flaky"),
  simple(Delayed, "flaky"),
  simple(Limited, "turn"),
  simple(Limited, "plain"),
  (options) => simple(Timed, "hang", "TaskTimeout")({ ...options, timeout: 1 + lastId % 5, priority: lastId % 3 }),
  (options) => simple(Leaf, "plain")({ ...options, delay: 1 + lastId % 3 }),
  hooked,
  messaged,
  watched,
  scoped,
  joined,
  rejected,
  superseded,
  kept,
  kept,
  canceled,
  recomputed
]

const branch = Branch.of(({ depth, width }) =>
  Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    const branches = yield* Effect.forEach(
      times(depth === 0 ? 0 : width, { depth: depth - 1, width }),
      (payload) => Branch.dispatch(payload, { pool })
    )
    const leaves = yield* sum(kinds, (kind) => kind({ pool }))
    const below = yield* sum(branches, (task) => Effect.map(task.await, (n) => n + 1))
    const { complete, total } = yield* pool.settled
    expect(`complete in ${pool.id}`, complete, total)
    expect(`total of ${pool.id}`, total, leaves + below)
    totals.dispatched += branches.length
    totals.success += branches.length
    return total + (yield* canceledPool) + (yield* failingPool) // beside the pool, so its parent counts them
  }).pipe(Effect.orDie) as Effect.Effect<number>
) // needs what the layers below provide

const leaves = [Leaf, Timed, Joined, Single, Latest, Kept, Retried, Delayed, Limited, Keyed, Stubborn]

export const layers = [...leaves.map((job) => (job as typeof Leaf).toLayer(handler)), Branch.toLayer(branch)]
