/** One process of the demonstration: node process.ts runner <url> <name>, or node process.ts client <url> <orders> <items>. */
import { Durable } from "@effect-tasks/sql"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { WorkerPool } from "effect-tasks"
import { dispatchOnly, Order, run } from "./jobs.ts"

const [role, url, ...rest] = process.argv.slice(2)

const over = <A, E, R>(jobs: Layer.Layer<A, E, R>, options?: Durable.DurableOptions) =>
  jobs.pipe(
    Layer.provideMerge(Durable.layer(options)),
    Layer.provideMerge(WorkerPool.layer({ workers: 16 })),
    Layer.provideMerge(PgClient.layer({ url: Redacted.make(url), maxConnections: 6 }))
  )

const runner = Effect.never.pipe(Effect.provide(over(run(rest[0]))))

const client = Effect.gen(function*() {
  const [orders, items] = rest.map(Number)
  const tasks = yield* Effect.forEach(
    Array.from({ length: orders }, (_, order) => order),
    (order) => Order.dispatch({ order, items }),
    { concurrency: 100 }
  )
  const packed = yield* Effect.forEach(tasks, (task) => task.await, { concurrency: "unbounded" })
  console.log(JSON.stringify({ answers: packed.length, parcels: packed.reduce((sum, n) => sum + n, 0) }))
}).pipe(Effect.provide(over(dispatchOnly, { clientOnly: true })))

const fiber = Effect.runFork(role === "runner" ? runner : client)
process.on("SIGTERM", () => fiber.interruptUnsafe())
fiber.addObserver((exit) => {
  if (role === "client" && exit._tag === "Failure") console.error(String(exit.cause))
  process.exit(role === "runner" || exit._tag === "Success" ? 0 : 1)
})
