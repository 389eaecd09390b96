import { Sqlite } from "@effect-tasks/sql"
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { WorkerPool } from "effect-tasks"
import { join } from "node:path"
import { elsewhere, inMemory, stored } from "./jobs.ts"
import { app, inThisProcess, postgresAt } from "./layers.ts"
import { scenarios } from "./scenarios.ts"
import { database, folder, process_, unique } from "./support.ts"

describe("in memory", () => scenarios(inMemory.pipe(Layer.provideMerge(WorkerPool.layer({ workers: 4 })))))

describe("on SQLite in memory", () => scenarios(app(stored, inThisProcess)))

describe("on a SQLite file", () =>
  scenarios(Layer.unwrap(Effect.map(folder, (path) => app(stored, Sqlite.layer({ file: join(path, "tasks.db") }))))))

// one database for all: each scenario has a namespace of its own
const url = Effect.runSync(Effect.cached(Effect.orDie(database)))

describe("on Postgres", () =>
  scenarios(Layer.unwrap(Effect.map(url, (url) => app(stored, postgresAt(url), { durable: { namespace: unique() } })))))

describe("on Postgres, run by two other processes", () =>
  scenarios(Layer.unwrap(Effect.gen(function*() {
    const address = yield* url
    yield* Effect.all([process_("runner.ts", [address, "elsewhere"]), process_("runner.ts", [address, "elsewhere"])], {
      concurrency: 2
    })
    return app(elsewhere, postgresAt(address), { durable: { namespace: "elsewhere", clientOnly: true } })
  }))))
