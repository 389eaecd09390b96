/** A process that runs the tasks of a database: node runner.ts <url> <namespace>. SIGTERM ends it in good order. */
import { Effect, Layer } from "effect"
import { logged, stored } from "./jobs.ts"
import { app, postgresAt } from "./layers.ts"

const [url, namespace] = process.argv.slice(2)
const main = Effect.andThen(
  Effect.sync(() => console.log("ready")),
  Effect.never
).pipe(
  Effect.provide(app(Layer.mergeAll(stored, logged), postgresAt(url), { durable: { namespace, grace: "1 second" } }))
)
const fiber = Effect.runFork(main)
process.on("SIGTERM", () => fiber.interruptUnsafe())
fiber.addObserver(() => process.exit(0))
