/** A process that runs the tasks of a database: node runner.ts <url> <namespace>. SIGTERM ends it in good order. */
import { Effect } from "effect"
import { stored } from "./jobs.ts"
import { app, postgresAt } from "./layers.ts"

const [url, namespace] = process.argv.slice(2)
const main = Effect.andThen(
  Effect.sync(() => console.log("ready")),
  Effect.never
).pipe(Effect.provide(app(stored, postgresAt(url), { durable: { namespace } })))
const fiber = Effect.runFork(main)
process.on("SIGTERM", () => fiber.interruptUnsafe())
fiber.addObserver(() => process.exit(0))
