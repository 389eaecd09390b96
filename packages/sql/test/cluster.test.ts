import { Durable } from "@effect-tasks/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as jobs from "./jobs.ts"
import { app, postgresAt } from "./layers.ts"
import { database, folder, process_ } from "./support.ts"

const clients = Layer.mergeAll(jobs.elsewhere, Durable.client(jobs.Logged))

/** An empty database, its client, and runners that come and go. */
const cluster = <A, E>(
  body: (place: {
    readonly runner: ReturnType<typeof process_>,
    readonly log: () => ReadonlyArray<ReadonlyArray<string>>
  }) => Effect.Effect<A, E, any>
) =>
  Effect.gen(function*() {
    const url = yield* database
    const file = join(yield* folder, "log")
    const runner = process_("runner.ts", [url, "default"], { LOG: file })
    const log = () => readFileSync(file, "utf8").trim().split("\n").map((line) => line.split(" "))
    return yield* body({ runner, log }).pipe(
      Effect.provide(app(clients, postgresAt(url), { durable: { clientOnly: true } }))
    )
  }).pipe(Effect.scoped) as Effect.Effect<A, E>

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

const dispatchAll = (count: number, millis: number) =>
  Effect.forEach(numbers(count), (n) => jobs.Logged.dispatch({ n, millis }), { concurrency: "unbounded" })

const all = (tasks: ReadonlyArray<{ readonly exit: Effect.Effect<Exit.Exit<unknown, unknown>> }>) =>
  Effect.map(
    Effect.forEach(tasks, (task) => task.exit, { concurrency: "unbounded" }),
    (exits) => exits.filter(Exit.isSuccess).length
  )

const ended = (count: number) =>
  Effect.flatMap(
    Durable.Durable,
    ({ counts }) => Effect.repeat(Effect.delay(counts(), 10), { until: ({ success }) => success >= count })
  )

const timesOf = (log: ReadonlyArray<ReadonlyArray<string>>, verb: string) => {
  const times = new Map<string, number>()
  for (const [first, n] of log) if (first === verb) times.set(n, (times.get(n) ?? 0) + 1)
  return times
}

const twice = (times: ReadonlyMap<string, number>) => [...times.values()].filter((n) => n > 1).length

/** Four workers in each runner. */
const workers = 4

// processes, sessions and their deaths need real time
describe("runners on Postgres", () => {
  it.live(
    "share the work, and hold back none of it from an idle one",
    () =>
      cluster(({ log, runner }) =>
        Effect.gen(function*() {
          yield* Effect.all([runner, runner], { concurrency: 2 })
          yield* Effect.flatMap(dispatchAll(100, 0), all) // teaches them to claim ahead
          const before = performance.now()
          yield* Effect.flatMap(
            Effect.forEach(numbers(16), (n) => jobs.Logged.dispatch({ n: 1000 + n, millis: 500 })),
            all
          )
          assert.isBelow(performance.now() - before, 2400, "two rounds of eight, and no third")
          const pids = new Set(log().map(([, , pid]) => pid))
          assert.strictEqual(pids.size, 2)
        })
      ),
    60_000
  )

  it.live("take over what a killed one has left", () =>
    cluster(({ log, runner }) =>
      Effect.gen(function*() {
        const [victim] = yield* Effect.all([runner, runner], { concurrency: 2 })
        const tasks = yield* dispatchAll(300, 20)
        yield* ended(80)
        victim.kill("SIGKILL")
        assert.strictEqual(yield* all(tasks), 300)
        const durable = yield* Durable.Durable
        assert.deepInclude(yield* durable.counts(), { success: 300, error: 0, canceled: 0, queued: 0, claimed: 0 })
        assert.isAtMost(twice(timesOf(log(), "start")), 5 * workers)
        assert.isAtMost(Math.max(...timesOf(log(), "end").values()), 2)
      })
    ), 60_000)

  it.live(
    "get at once what one that is told to stop has not finished",
    () =>
      cluster(({ log, runner }) =>
        Effect.gen(function*() {
          const [leaver] = yield* Effect.all([runner, runner], { concurrency: 2 })
          const tasks = yield* dispatchAll(200, 20)
          yield* ended(50)
          leaver.kill("SIGTERM")
          assert.strictEqual(yield* all(tasks), 200)
          assert.strictEqual(twice(timesOf(log(), "end")), 0, "a release in good order repeats no end")
          const { tasks: rows } = yield* (yield* Durable.Durable).list({ limit: 1000 })
          assert.isTrue(rows.every(({ crashes }) => crashes === 0))
        })
      ),
    60_000
  )

  it.live("go on when all database sessions are terminated", () =>
    cluster(({ log, runner }) =>
      Effect.gen(function*() {
        yield* Effect.all([runner, runner], { concurrency: 2 })
        const tasks = yield* dispatchAll(300, 20)
        yield* ended(80)
        const sql = yield* SqlClient
        yield* Effect.exit(
          sql.unsafe(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
          )
        )
        assert.strictEqual(yield* all(tasks), 300)
        assert.strictEqual(twice(timesOf(log(), "end")), 0, "the grace is for this")
      })
    ), 60_000)

  it.live(
    "leave what a frozen one had to the others, whose outcomes stand",
    () =>
      cluster(({ runner }) =>
        Effect.gen(function*() {
          const [frozen] = yield* Effect.all([runner, runner], { concurrency: 2 })
          const tasks = yield* dispatchAll(200, 20)
          yield* ended(50)
          frozen.kill("SIGSTOP")
          yield* Effect.sleep(300)
          const sql = yield* SqlClient
          // the server ends the sessions of who says nothing, after 30 seconds: here at once
          yield* Effect.exit(
            sql.unsafe(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
          )
          assert.strictEqual(yield* all(tasks), 200)
          frozen.kill("SIGCONT")
          const more = yield* dispatchAll(50, 5)
          assert.strictEqual(yield* all(more), 50)
          const { tasks: rows } = yield* (yield* Durable.Durable).list({ state: "success" })
          assert.strictEqual(rows.length, 250)
        })
      ),
    90_000
  )

  it.live(
    "stop a task that takes its runner with it, and end the innocent beside it",
    () =>
      cluster(({ runner }) =>
        Effect.gen(function*() {
          yield* Effect.all([runner, runner, runner, runner], { concurrency: 4 })
          const innocent = yield* dispatchAll(6, 1500)
          const poison = yield* jobs.Logged.dispatch({ n: -1, millis: 0 })
          const exit = yield* poison.exit
          assert.include(String(exit), "TaskLost")
          assert.strictEqual(yield* all(innocent), 6)
        })
      ),
    90_000
  )

  it.live(
    "run a parent again that was killed, and its children not",
    () =>
      cluster(({ runner }) =>
        Effect.gen(function*() {
          const first = yield* runner
          const parent = yield* jobs.Family.dispatch({ children: 40, millis: 25 })
          const durable = yield* Durable.Durable
          yield* Effect.repeat(Effect.delay(durable.counts({ job: "Child" }), 10), {
            until: ({ success }) => success >= 12
          })
          first.kill("SIGKILL")
          yield* runner
          assert.strictEqual(yield* parent.await, 780)
          const { tasks: [row] } = yield* durable.list({ job: "Family" })
          assert.strictEqual(row.attempt, 2)
          assert.strictEqual((yield* durable.counts({ job: "Child" })).success, 40)
          assert.isAtMost(
            (yield* durable.list({ job: "Child" })).tasks.filter(({ crashes }) => crashes > 0).length,
            4 * workers // what ran, and what was claimed ahead
          )
        })
      ),
    60_000
  )

  it.live(
    "are told of cancels, and a task that was cancelled while its runner died stays so",
    () =>
      cluster(({ runner }) =>
        Effect.gen(function*() {
          const only = yield* runner
          const task = yield* jobs.Logged.dispatch({ n: 1, millis: 60_000 })
          yield* Effect.sleep(300)
          only.kill("SIGSTOP")
          const canceling = yield* Effect.forkChild(task.cancel("not wanted"), { startImmediately: true })
          yield* Effect.sleep(200)
          only.kill("SIGKILL")
          yield* runner
          assert.include(String(yield* task.exit), "not wanted")
          const { tasks: [row] } = yield* (yield* Durable.Durable).list()
          assert.strictEqual(row.state, "canceled")
          assert.isTrue(Option.isSome(row.finishedAt))
          yield* Fiber.join(canceling)
        })
      ),
    60_000
  )
})
