/** The phases of the soak: each gives the effect that ends what has lived through it; the heap is measured before that. */
import { Deferred, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Job, JobRegistry, type Task, TaskPool, WorkerPool } from "effect-tasks"
import { Branch, ends, hanging, Keyed, layers, Leaf, nextId, simple, Stubborn, times, turn } from "./leaves.ts"
import { expect, many, totals } from "./ledger.ts"

class Long extends Job.make("Long", { progress: Schema.Int, unique: true, key: () => "" }) {}
class Brief extends Job.make("Brief") {}

type Script = (task: Task.TaskContext<void, never, number>) => Effect.Effect<unknown, any, any>
let script: Script = () => Effect.never // what the next task of `Long` does

const workers = 16
const handlers = [...layers, Long.toLayer((_, task) => Effect.asVoid(script(task)))]
export const app = JobRegistry.layer(...handlers as [any]).pipe(Layer.provideMerge(WorkerPool.layer({ workers })))

/** Trees of several shapes, four at a time, until this many tasks have ended. */
export const forest = (tasks: number) =>
  Effect.gen(function*() {
    const shapes = [[0, 0], [1, 4], [2, 3], [3, 2], [5, 1], [4, 2], [12, 1]]
    const { status } = yield* WorkerPool
    const first = totals.dispatched
    const started = performance.now()
    let shown = started
    let next = 0
    const grower = Effect.gen(function*() {
      while (totals.dispatched < first + tasks) {
        const [depth, width] = shapes[next++ % shapes.length]
        yield* Branch.run({ depth, width })
        totals.dispatched++
        totals.success++
        const { busy, complete, delayed, dispatched, queued, sleeping } = yield* status
        const running = dispatched - queued - delayed - sleeping - complete
        if (busy > workers || running < busy) expect("busy and running", [busy, running], "numbers that can be")
        if (performance.now() - shown < 10_000) continue
        shown = performance.now()
        const done = totals.dispatched - first
        const rate = Math.round(done / (shown - started) * 1000)
        console.log(`  ${done} tasks, ${rate} a second; busy ${busy}, sleeping ${sleeping}, queued ${queued}`)
      }
    })
    yield* Effect.all(times(4, grower), { concurrency: "unbounded" })
    return Effect.void
  })

const repeat = <E, R>(n: number, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    for (let i = 0; i < n; i++) yield* effect
    return Effect.void
  })

/** A task that runs while others come and go around it. */
const around = (outside: (task: Task.Task<void, never, number>) => Effect.Effect<unknown, any, any>) =>
  Effect.gen(function*() {
    script = () => Effect.never
    const task = yield* Long.dispatch()
    yield* outside(task)
    totals.dispatched++
    totals.canceled++
    return task.cancel()
  })

/** A task in whose handler others come and go. */
const inside = (body: Script) =>
  Effect.gen(function*() {
    const done = yield* Deferred.make<void>()
    const release = yield* Deferred.make<void>()
    script = (task) =>
      body(task).pipe(
        Effect.andThen(Deferred.succeed(done, undefined)),
        Effect.andThen(task.whileSleeping(Deferred.await(release)))
      )
    const task = yield* Long.dispatch()
    yield* Effect.raceFirst(Deferred.await(done), task.await)
    totals.dispatched++
    totals.success++
    return Effect.andThen(Deferred.succeed(release, undefined), task.await)
  })

const plain = Effect.suspend(() => simple(Leaf, "plain")({}))

const pooled = Effect.gen(function*() {
  const pool = yield* TaskPool.make()
  yield* simple(Leaf, "plain")({ pool })
  yield* pool.join
})

const abandon = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), Fiber.interrupt)

const joinAndLeave = Effect.scoped(Effect.gen(function*() {
  const pool = yield* TaskPool.make()
  expect("the origin of a joining dispatch", (yield* Long.dispatch(undefined, { pool })).origin, "joined")
  yield* pool.cancel()
}))

const canceledDelay = Effect.gen(function*() {
  const task = yield* Leaf.dispatch({ kind: "plain", id: nextId() }, { delay: "1 hour", queueTimeout: "1 hour" })
  yield* task.cancel()
  yield* ends(task, "TaskCanceled")
})

/** The layer of a job closes and cancels its task. */
const handlerLayer = Effect.scoped(Effect.gen(function*() {
  const context = yield* Layer.build(Brief.toLayer(() => Effect.never))
  yield* Effect.provideContext(Brief.dispatch(), context)
  totals.dispatched++
  totals.canceled++
}))

/** A handler dispatches the next, and so on. */
const chain = Effect.gen(function*() {
  yield* Leaf.dispatch({ kind: "chain", id: many - 1 })
  yield* (yield* WorkerPool).drain
  totals.dispatched += many
  totals.success += many
  return Effect.void
})

/** Each replaces the one before. */
const recomputes = Effect.gen(function*() {
  let task = yield* hanging({})
  for (let i = 0; i < many; i++) {
    const next = yield* task.recompute
    yield* ends(task, "TaskCanceled")
    task = next
  }
  return Effect.andThen(task.cancel(), ends(task, "TaskCanceled"))
})

/** A worker pool that closes over a running task, a queued one and a timeout. */
const workerPool = (body: Effect.Effect<unknown, any, any>) =>
  Effect.scoped(Effect.gen(function*() {
    const options = { workers: 1, capacity: 1 }
    const layer = Brief.toLayer(() => Effect.never).pipe(Layer.provideMerge(WorkerPool.layer(options)))
    const context = yield* Layer.build(layer)
    const twoTasks = repeat(2, Effect.andThen(Brief.dispatch(undefined, { timeout: "1 hour" }), Effect.yieldNow))
    yield* Effect.provideContext(Effect.andThen(twoTasks, body), context as any)
    return Effect.void
  }))

export const phases: ReadonlyArray<readonly [string, Effect.Effect<Effect.Effect<unknown, any, any>, any, any>]> = [
  [
    "100,000 waits of a fiber while another one of its task sleeps",
    inside((task) => Effect.andThen(Effect.forkChild(task.whileSleeping(Effect.never)), repeat(many, plain)))
  ],
  [
    "100,000 sleeps and reports",
    inside((task) => repeat(many, Effect.andThen(task.report(1), task.whileSleeping(turn))))
  ],
  ["100,000 tasks that end half asleep", repeat(many, Effect.suspend(() => simple(Leaf, "halfAsleep")({})))],
  ["100,000 attempts of one task", Effect.as(Effect.suspend(() => simple(Stubborn, "stubborn")({})), Effect.void)],
  ["100,000 tasks that dispatch each other", chain],
  ["100,000 recomputes", recomputes],
  ["100,000 pools in one Scope", repeat(many, pooled)],
  ["100,000 pools in one task", inside(() => repeat(many, pooled))],
  [
    "300,000 readers that leave a task",
    around(({ exit, firstProgress, progress }) =>
      repeat(many, Effect.all([exit, firstProgress, Stream.runDrain(progress)].map((each) => abandon(each))))
    )
  ],
  [
    "200,000 readers that leave a pool and the events",
    Effect.flatMap(
      Effect.all([TaskPool.make(), WorkerPool]),
      ([{ changes }, { events }]) =>
        repeat(many, Effect.andThen(abandon(Stream.runDrain(changes)), abandon(Stream.runDrain(events))))
    )
  ],
  ["100,000 pools that join a task and leave it", around(() => repeat(many, joinAndLeave))],
  [
    "100,000 timeouts set and cleared",
    around((task) => repeat(many, Effect.andThen(task.setTimeout("1 hour"), task.clearTimeout)))
  ],
  ["100,000 timeouts replaced", around((task) => repeat(many, task.setTimeout("1 hour")))],
  ["100,000 delayed tasks cancelled", repeat(many, canceledDelay)],
  [
    "20,000 keys of a concurrency limit and priorities",
    Effect.as(
      Effect.forEach(
        times(20_000, 0),
        (_, priority) => simple(Keyed, "turn")({ priority }),
        { concurrency: 500, discard: true }
      ),
      Effect.void
    )
  ],
  [
    "100,000 dispatchers that leave a full queue",
    workerPool(Effect.suspend(() => repeat(many, abandon(Brief.dispatch()))))
  ],
  ["2,000 handler layers", repeat(2000, handlerLayer)],
  ["2,000 worker pools", repeat(2000, workerPool(Effect.void))]
]
