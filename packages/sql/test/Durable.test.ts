import { Durable, type DurableError, Sqlite, UndecodablePayload } from "@effect-tasks/sql"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { app, inThisProcess, postgresAt, type Store } from "./layers.ts"
import { database, folder, unique } from "./support.ts"

class Work extends Job.make("Work", { payload: { n: Schema.Int }, success: Schema.Int, error: Schema.String }) {}
class Slow extends Job.make("Slow", { payload: { n: Schema.Int }, key: ({ n }) => String(n), unique: true }) {}

const failing = { now: false }
const work = Durable.toLayer(Work, ({ n }) => failing.now || n < 0 ? Effect.fail(`no ${n}`) : Effect.succeed(n))
const slow = Durable.toLayer(Slow, () => Effect.sleep("1 minute"))
const both = Layer.mergeAll(work, slow)

const url = Effect.runSync(Effect.cached(Effect.orDie(database)))
const stores: ReadonlyArray<readonly [string, Store]> = [
  ["SQLite", inThisProcess],
  ["Postgres", Layer.unwrap(Effect.map(url, (url) => postgresAt(url)))]
]

// real databases keep no test's clock
const test = <E, R>(
  name: string,
  store: Store,
  jobs: Layer.Layer<R, any, Durable.Durable | WorkerPool | SqlClient>,
  body: Effect.Effect<unknown, E, R | Durable.Durable | WorkerPool | SqlClient>,
  durable: Durable.DurableOptions = {}
) =>
  it.live(name, () => Effect.provide(body, app(jobs, store, { durable: { namespace: unique(), ...durable } })), 30_000)

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : assert.fail("it has succeeded")

describe.each(stores)("stored tasks on %s", (_, store) => {
  test(
    "are listed in pages, oldest first, and counted by state",
    store,
    both,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      for (const n of [1, 2, 3]) yield* Work.run({ n })
      yield* Effect.exit(Work.run({ n: -1 }))
      yield* Work.dispatch({ n: 5 }, { delay: "1 hour" })
      const { claimed, delayed, error, success } = yield* durable.counts()
      assert.deepStrictEqual({ claimed, delayed, error, success }, { claimed: 0, delayed: 1, error: 1, success: 3 })
      const first = yield* durable.list({ job: "Work", limit: 2 })
      const second = yield* durable.list({ job: "Work", limit: 10, after: Option.getOrThrow(first.next) })
      assert.deepStrictEqual(
        [...first.tasks, ...second.tasks].map(({ payload }) => payload),
        [1, 2, 3, -1, 5].map((n) => ({ n }))
      )
      assert.deepStrictEqual((yield* durable.list({ state: ["error", "delayed"] })).tasks.map(({ state }) => state), [
        "error",
        "delayed"
      ])
      assert.deepStrictEqual((yield* durable.list({ job: "'; DROP TABLE effect_tasks; --" })).tasks, [])
    })
  )

  test(
    "that failed are put back, and run again",
    store,
    both,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      failing.now = true
      const task = yield* Work.dispatch({ n: 7 })
      assert.strictEqual(yield* Effect.flip(task.await), "no 7")
      failing.now = false
      assert.strictEqual(yield* durable.retry({ state: "error" }), 1)
      yield* Effect.repeat(Effect.delay(durable.counts(), 10), { until: ({ success }) => success === 1 })
      const [row] = (yield* durable.list()).tasks
      assert.deepStrictEqual([row.id, row.exit, row.attempt], [task.id, 7, 1])
    })
  )

  test(
    "are cancelled and removed by query",
    store,
    both,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      const later = yield* Work.dispatch({ n: 1 }, { delay: "1 hour" })
      const running = yield* Slow.dispatch({ n: 1 })
      yield* Effect.sleep(50)
      assert.strictEqual(yield* durable.cancel({}, "tidied up"), 2)
      for (const task of [later, running]) {
        assert.deepInclude(defectOf(yield* task.exit) as object, { _tag: "TaskCanceled", reason: "tidied up" })
      }
      assert.strictEqual(yield* durable.remove({ state: "canceled" }), 2)
      assert.deepStrictEqual((yield* durable.list()).tasks, [])
    })
  )

  test(
    "wait while their job is paused",
    store,
    both,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      yield* durable.pause("Work")
      const task = yield* Work.dispatch({ n: 3 })
      yield* Effect.sleep(100)
      assert.strictEqual((yield* durable.counts()).queued, 1)
      assert.strictEqual((yield* task.status).state, "Queued")
      assert.deepStrictEqual((yield* task.status).waitingFor, Option.some("elsewhere"))
      yield* durable.resume("Work")
      assert.strictEqual(yield* task.await, 3)
    })
  )

  test(
    "go when their time is over",
    store,
    Durable.toLayer(Work, ({ n }) => Effect.succeed(n), { retention: 50 }),
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      const { id } = yield* Effect.tap(Work.dispatch({ n: 1 }), (task) => task.await)
      assert.isTrue(Option.isSome(yield* durable.task(Work, id)))
      yield* Effect.sleep(400)
      assert.deepStrictEqual((yield* durable.list()).tasks, [])
    }),
    { prune: 50 }
  )

  const upgrading = Durable.toLayer(Work, ({ n }) => Effect.succeed(n), {
    version: 2,
    upgrade: (encoded) => ({ n: (encoded as { readonly number: number }).number })
  })
  test(
    "are upgraded from earlier versions, and buried when they do not decode",
    store,
    upgrading,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      const sql = yield* SqlClient
      yield* durable.pause()
      const { id: later } = yield* Work.dispatch({ n: 4 })
      // as earlier and later releases had written them
      for (
        const [i, [payload, version]]
          of ([["{\"number\":10}", 1], ["{\"n\":\"three\"}", 2], ["nothing", 2], ["{\"n\":5}", 3]] as const).entries()
      ) {
        yield* sql`INSERT INTO effect_tasks (id, namespace, job, version, state, due_at, origin, payload, created_at, keep_error)
        SELECT ${`${later}${i}`}, namespace, job, ${version}, state, due_at, origin, ${payload}, created_at, keep_error
        FROM effect_tasks WHERE id = ${later}`
      }
      yield* durable.resume()
      const ended = yield* Effect.repeat(
        Effect.delay(durable.list({ state: ["success", "error"] }), 20),
        { until: ({ tasks }) => tasks.length === 4 }
      )
      assert.deepStrictEqual(ended.tasks.map(({ exit, state }) => state === "success" ? exit : state), [
        4,
        10,
        "error",
        "error"
      ])
      const exits = yield* Effect.forEach(
        ["1", "2"],
        (i) => Effect.flatMap(durable.task(Work, `${later}${i}`), (task) => Option.getOrThrow(task).exit)
      )
      for (const exit of exits) assert.instanceOf(defectOf(exit), UndecodablePayload)
      assert.strictEqual((yield* durable.counts()).queued, 1, "a later version is left to a later release")
    })
  )

  test(
    "know the processes that are connected",
    store,
    both,
    Effect.gen(function*() {
      const { nodes } = yield* Durable.Durable
      const [node] = yield* nodes
      assert.include(node.name, String(process.pid))
    })
  )

  test(
    "of one namespace are nothing to another",
    store,
    both,
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Work.run({ n: 1 })
      const other = app(Layer.empty, Layer.succeed(SqlClient, sql), {
        durable: { namespace: unique(), clientOnly: true }
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          const durable = yield* Durable.Durable
          assert.deepStrictEqual((yield* durable.list()).tasks, [])
          assert.strictEqual(yield* durable.remove({}), 0)
        }),
        other
      )
      const durable = yield* Durable.Durable
      assert.strictEqual((yield* durable.counts()).success, 1)
    })
  )

  test(
    "come and go with the transaction that dispatched them",
    store,
    both,
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const durable = yield* Durable.Durable
      const kept = yield* sql.withTransaction(Effect.gen(function*() {
        const task = yield* Work.dispatch({ n: 4 })
        yield* Effect.sleep(50)
        assert.strictEqual((yield* task.status).state, "Queued", "not before the commit")
        return task
      }))
      assert.strictEqual(yield* kept.await, 4)
      let lost: Job.Task<typeof Work> | undefined
      yield* Effect.exit(
        sql.withTransaction(Effect.andThen(
          Effect.tap(Work.dispatch({ n: 5 }), (task) => Effect.sync(() => lost = task)),
          Effect.fail("no")
        ))
      )
      assert.deepInclude(defectOf(yield* lost!.exit) as object, { _tag: "TaskCanceled", reason: "rolled back" })
      assert.strictEqual((yield* durable.counts()).success, 1)
    })
  )

  test(
    "are completed together with the handler's writes",
    store,
    Durable.toLayer(Work, ({ n }) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        return yield* Durable.completing(Effect.gen(function*() {
          yield* Effect.orDie(sql.unsafe(`INSERT INTO booked_${n < 0 ? "twice" : "once"} (n) VALUES (${n})`))
          return n < 0 ? yield* Effect.fail("refused") : n
        }))
      })),
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql.unsafe("CREATE TABLE IF NOT EXISTS booked_once (n int)")
      yield* sql.unsafe("CREATE TABLE IF NOT EXISTS booked_twice (n int)")
      yield* sql.unsafe("DELETE FROM booked_once")
      assert.strictEqual(yield* Work.run({ n: 6 }), 6)
      assert.strictEqual(yield* Effect.flip(Work.run({ n: -6 })), "refused")
      assert.strictEqual((yield* sql`SELECT n FROM booked_once`).length, 1)
      assert.strictEqual((yield* sql`SELECT n FROM booked_twice`).length, 0)
    })
  )

  const starts: Array<number> = []
  const noting = Durable.toLayer(Work, ({ n }) => Effect.sync(() => starts.push(n)))
  test(
    "start in the order of priority, then of their dispatch",
    store,
    noting,
    Effect.gen(function*() {
      starts.length = 0
      const pool = yield* WorkerPool
      yield* pool.pause
      const tasks = yield* Effect.forEach(
        [[1, 0], [2, 5], [3, 0], [4, 9.5], [5, -1], [6, 5]],
        ([n, priority]) => Work.dispatch({ n }, { priority })
      )
      yield* pool.resume
      yield* Effect.forEach(tasks, (task) => task.await)
      assert.deepStrictEqual(starts, [4, 2, 6, 1, 3, 5])
    })
  )
})

describe.each(stores)("a row that somebody has deleted on %s", (_, store) => {
  test(
    "leaves no handle hanging",
    store,
    both,
    Effect.gen(function*() {
      const durable = yield* Durable.Durable
      const sql = yield* SqlClient
      yield* durable.pause()
      const task = yield* Work.dispatch({ n: 1 })
      yield* sql`DELETE FROM effect_tasks WHERE id = ${task.id}`
      assert.deepInclude(defectOf(yield* task.exit) as object, { _tag: "TaskForgotten", why: "pruned" })
    })
  )
})

describe("a file", () => {
  const inFile = <A, E, R>(jobs: Layer.Layer<A, E, R>, file: string, durable?: Durable.DurableOptions) =>
    app(jobs, Sqlite.layer({ file }), { durable })

  it.live("keeps tasks over restarts: ended ones with their exit, live ones go on", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "tasks.db")
      const ids = yield* Effect.gen(function*() {
        const ended = yield* Work.dispatch({ n: 1 })
        yield* ended.await
        const later = yield* Work.dispatch({ n: 2 }, { delay: 300 })
        const running = yield* Slow.dispatch({ n: 3 })
        yield* Effect.sleep(50)
        return [ended.id, later.id, running.id]
      }).pipe(Effect.provide(inFile(both, file)))

      const starts: Array<number> = []
      const quick = Durable.toLayer(Slow, (_, { attempt }) => Effect.sync(() => void starts.push(attempt)))
      yield* Effect.gen(function*() {
        const { task } = yield* Durable.Durable
        const [ended, later, running] = [
          yield* task(Work, ids[0]),
          yield* task(Work, ids[1]),
          yield* task(Slow, ids[2])
        ]
        assert.deepStrictEqual(yield* Option.getOrThrow(ended).exit, Exit.succeed(1))
        yield* Option.getOrThrow(running).await
        assert.strictEqual(yield* Option.getOrThrow(later).await, 2)
        assert.deepStrictEqual(starts, [2], "a shutdown is no cancel: it starts again, as the next attempt")
        const [row] = (yield* (yield* Durable.Durable).list({ job: "Slow" })).tasks
        assert.strictEqual(row.crashes, 0)
      }).pipe(Effect.provide(inFile(Layer.mergeAll(work, quick), file)))
    }), 30_000)

  it.live("has one runner, and any number of clients", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "tasks.db")
      yield* Effect.gen(function*() {
        const second = yield* Effect.flip(Effect.provide(Effect.void, inFile(work, file)))
        assert.strictEqual((second as DurableError).reason._tag, "FileInUse")
        assert.include((second as DurableError).message, "clientOnly: true")
        const client = inFile(Layer.mergeAll(Durable.client(Work), Durable.client(Slow)), file, { clientOnly: true })
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* Work.run({ n: 11 }), 11)
          const task = yield* Slow.dispatch({ n: 12 })
          yield* Effect.sleep(100)
          yield* task.cancel("enough")
          assert.deepInclude(defectOf(yield* task.exit) as object, { _tag: "TaskCanceled", reason: "enough" })
        }).pipe(Effect.provide(client))
      }).pipe(Effect.provide(inFile(both, file)))
    }), 30_000)

  it.live("may serve several namespaces of one process", () =>
    Effect.gen(function*() {
      const file = Sqlite.layer({ file: join(yield* folder, "tasks.db") })
      const runIn = (namespace: string, n: number) =>
        Work.run({ n }).pipe(Effect.provide(work.pipe(
          Layer.provideMerge(Durable.layer({ namespace })),
          Layer.provideMerge(WorkerPool.layer({ workers: 1 }))
        )))
      const both = Effect.all([runIn("mails", 1), runIn("images", 2)], { concurrency: 2 })
      assert.deepStrictEqual(yield* Effect.provide(both, file), [1, 2])
    }))

  it.live("is taken over by a runner that waits", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "tasks.db")
      const standby = app(work, Sqlite.layer({ file, whenLocked: "wait" }))
      const first = yield* Effect.forkChild(Effect.provide(Effect.never, inFile(work, file)))
      yield* Effect.sleep(100)
      const second = yield* Effect.forkChild(Effect.provide(Work.run({ n: 1 }), standby))
      yield* Effect.sleep(300)
      assert.isUndefined(second.pollUnsafe())
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(second), 1)
    }), 30_000)

  it.live("that cannot be opened is named, with the mend", () =>
    Effect.gen(function*() {
      const path = yield* folder
      writeFileSync(join(path, "text"), "this is no database, and long enough to be seen as none".repeat(20))
      mkdirSync(join(path, "a-folder"))
      for (const file of ["text", "a-folder", "missing/tasks.db"]) {
        const error = yield* Effect.flip(Effect.provide(Effect.void, inFile(work, join(path, file)))) as Effect.Effect<
          DurableError
        >
        assert.strictEqual(error.reason._tag, "CannotOpen", file)
        assert.include(error.message, file)
      }
    }))

  it.live("of a newer release is left alone", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "tasks.db")
      yield* Effect.provide(Effect.void, inFile(work, file))
      const later = Effect.flatMap(SqlClient, (sql) => sql`INSERT INTO effect_tasks_migrations VALUES (99, 0)`)
      yield* Effect.provide(later, Sqlite.layer({ file }))
      const error = yield* Effect.flip(Effect.provide(Effect.void, inFile(work, file))) as Effect.Effect<DurableError>
      assert.deepInclude(error.reason, { _tag: "NewerDatabase", found: 99 })
    }))
})

describe("a clock that a test moves", () => {
  it.effect("makes delayed tasks due, and ends those that have queued too long", () =>
    Effect.gen(function*() {
      const pool = yield* WorkerPool
      const later = yield* Work.dispatch({ n: 1 }, { delay: "1 hour" })
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* later.status).state, "Queued")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* later.await, 1)
      yield* pool.pause
      const impatient = yield* Work.dispatch({ n: 2 }, { queueTimeout: "5 minutes" })
      yield* TestClock.adjust("5 minutes")
      assert.deepInclude(defectOf(yield* impatient.exit) as object, {
        _tag: "TaskTimeout",
        phase: "queued",
        after: 300_000
      })
    }).pipe(Effect.provide(app(work, inThisProcess))))
})

describe("options that could never work", () => {
  it("are refused with their mend", () => {
    assert.throws(() => Durable.layer({ table: "Robert'); DROP TABLE" }), /table .*small letters/)
    assert.throws(() => Durable.layer({ namespace: "a\0b" }), /namespace .*200 characters/)
    assert.throws(() => Durable.layer({ grace: "soon" as never }), /grace .*3 seconds/)
  })

  it.live("such as a policy without a crash kill the build", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        Effect.provide(Effect.void, app(Durable.toLayer(Work, () => Effect.succeed(1), { crashes: 0 }), inThisProcess))
      )
      assert.include(String(exit), "integer of at least 1")
    }))

  it.live("such as a handler on a client kill the build", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        Effect.provide(Effect.void, app(work, inThisProcess, { durable: { clientOnly: true } }))
      )
      assert.include(String(exit), "use Durable.client")
    }))
})

describe("a wrong password", () => {
  it.live("is named as what it is", () =>
    Effect.gen(function*() {
      const wrong = new URL(yield* url)
      wrong.password = "wrong"
      const error = yield* Effect.flip(Effect.provide(Effect.void, app(work, postgresAt(wrong.href))))
      assert.include(String(error), "password")
    }))
})
