/**
 * A program that does everything once, to be killed: node crashing.ts <url or file> <log> begin|resume. `FAULT=point:n` has
 * it kill itself when it comes to that point for the nth time. It writes down what it was promised and what it does.
 */
import { Durable, Sqlite } from "@effect-tasks/sql"
import { Effect, Layer, Schedule, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { SqlClient } from "effect/sql/SqlClient"
import { appendFileSync } from "node:fs"
import { setOnPoint } from "../src/internal/fault.ts"
import { app, postgresAt } from "./layers.ts"

const [place, log, role] = process.argv.slice(2)
const [fault, nth = "1"] = (process.env["FAULT"] ?? "").split(":")
let reached = 0
setOnPoint((point) => {
  if (point === fault && ++reached === Number(nth)) process.kill(process.pid, "SIGKILL")
})
const say = (line: string) => Effect.sync(() => appendFileSync(log, `${line}\n`))

class Work extends Job.make("Work", { payload: { n: Schema.String, millis: Schema.Int }, success: Schema.String }) {}
class Brief extends Job.make("Brief", { payload: { n: Schema.String } }) {}
class Flaky extends Job.make("Flaky", {
  payload: { n: Schema.String },
  error: Schema.String,
  retry: { times: 2, schedule: Schedule.spaced(20) }
}) {}
class Parent extends Job.make("Parent", { payload: { n: Schema.String, children: Schema.Int }, success: Schema.Int }) {}
class Book extends Job.make("Book", { payload: { n: Schema.Int } }) {}

const doing = (n: string, millis: number) =>
  Effect.andThen(say(`start ${n}`), Effect.andThen(Effect.sleep(millis), say(`end ${n}`)))

const jobs = Layer.mergeAll(
  Durable.toLayer(Brief, ({ n }) => doing(n, 1), { retention: 0 }),
  Durable.toLayer(
    Flaky,
    ({ n }, { attempt }) => Effect.andThen(doing(n, 1), attempt < 2 ? Effect.fail("again") : Effect.void)
  ),
  Durable.toLayer(Parent, ({ children, n }) =>
    Effect.as(
      TaskPool.forEach(
        Array.from({ length: children }, (_, i) => `${n}.${i}`),
        (child, pool) => Work.dispatch({ n: child, millis: 5 }, { pool })
      ),
      children
    )),
  Durable.toLayer(Book, ({ n }) =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* doing(`book${n}`, 2)
      yield* Durable.completing(
        Effect.asVoid(Effect.orDie(sql.unsafe(`UPDATE booked SET times = times + 1 WHERE id = ${n}`)))
      )
    }))
).pipe(Layer.provideMerge(Durable.toLayer(Work, ({ millis, n }) => Effect.as(doing(n, millis), n))))

const promised = <A extends { readonly id: string }, E, R>(n: string, dispatched: Effect.Effect<A, E, R>) =>
  Effect.tap(dispatched, ({ id }) => say(`promised ${id} ${n}`))

const begin = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* Effect.forEach(
    Array.from({ length: 8 }, (_, i) => i),
    (i) => promised(`w${i}`, Work.dispatch({ n: `w${i}`, millis: 5 })),
    {
      concurrency: 4
    }
  )
  yield* Effect.forEach([0, 1, 2], (i) => Brief.dispatch({ n: `brief${i}` }))
  yield* Effect.forEach(
    [0, 1, 2],
    (i) => promised(`late${i}`, Work.dispatch({ n: `late${i}`, millis: 1 }, { delay: 30 }))
  )
  yield* Effect.forEach([0, 1], (i) => promised(`parent${i}`, Parent.dispatch({ n: `parent${i}`, children: 4 })))
  yield* Effect.forEach([0, 1], (i) => promised(`flaky${i}`, Flaky.dispatch({ n: `flaky${i}` })))
  yield* Effect.forEach([0, 1, 2], (n) => promised(`book${n}`, Book.dispatch({ n })))
  yield* Effect.forEach([0, 1, 2], (i) =>
    sql.withTransaction(Effect.andThen(
      sql.unsafe(`INSERT INTO orders (id) VALUES (${i})`),
      Effect.flatMap(Work.dispatch({ n: `order${i}`, millis: 1 }), ({ id }) =>
        sql.unsafe(`UPDATE orders SET task = '${id}' WHERE id = ${i}`))
    )))
  for (const [name, delay] of [["queued", 2000], ["running", 0]] as const) {
    const task = yield* promised(
      `canceled-${name}`,
      Work.dispatch({ n: `canceled-${name}`, millis: 2000 }, { delay })
    )
    yield* Effect.sleep(20)
    yield* task.cancel("not wanted")
    yield* say(`canceled ${task.id}`)
  }
})

const main = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* sql.unsafe("CREATE TABLE IF NOT EXISTS booked (id int PRIMARY KEY, times int)")
  yield* sql.unsafe("CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, task text)")
  for (const n of [0, 1, 2]) yield* sql.unsafe(`INSERT INTO booked VALUES (${n}, 0) ON CONFLICT DO NOTHING`)
  if (role === "begin") yield* begin
  const { counts } = yield* Durable.Durable
  const live = Effect.map(counts(), ({ blocked, claimed, delayed, queued }) => blocked + claimed + delayed + queued)
  while ((yield* live) > 0) yield* Effect.sleep(25)
  yield* say("drained")
})

const store = place.startsWith("postgres") ? postgresAt(place) : Sqlite.layer({ file: place })
const durable = { grace: 100, prune: 50 }
const fiber = Effect.runFork(main.pipe(Effect.scoped, Effect.provide(app(jobs, store, { durable }))))
process.on("SIGTERM", () => fiber.interruptUnsafe())
fiber.addObserver((exit) => {
  if (exit._tag === "Failure") console.error(String(exit.cause))
  process.exit(exit._tag === "Success" ? 0 : 1)
})
