/**
 * `npm run cluster`: a Postgres, three runners and a client as processes, 20,000 tasks of which 400 are parents of the others.
 * One runner is killed, one is told to stop, a new one joins. Ends with a ledger, and with exit code 1 if anything was lost.
 */
import { Durable } from "@effect-tasks/sql"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { WorkerPool } from "effect-tasks"
import { SqlClient } from "effect/sql/SqlClient"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { startPostgres } from "./postgres.ts"

const orders = Number(process.argv[2] ?? 400)
const items = 49
const total = orders * (items + 1)

const start = (...args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [fileURLToPath(new URL("process.ts", import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })

const began = performance.now()
const say = (text: string) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)

interface Answer {
  readonly answers: number
  readonly parcels: number
}

const show = (url: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const durable = yield* Durable.Durable
    const runners = new Map(["runner-1", "runner-2", "runner-3"].map((name) => [name, start("runner", url, name)]))
    yield* Effect.addFinalizer(() => Effect.sync(() => runners.forEach((runner) => runner.kill("SIGKILL"))))
    const client = start("client", url, String(orders), String(items))
    let said = ""
    client.stdout?.on("data", (data) => said += String(data))
    say(`three runners and a client; ${orders} orders of ${items} parcels each`)

    const done = Effect.map(durable.counts(), ({ success }) => success / total)
    const until = (part: number) =>
      Effect.repeat(Effect.delay(done, 50), { until: (now) => now >= part || client.exitCode !== null })
    yield* until(0.25)
    runners.get("runner-1")?.kill("SIGKILL")
    say("a quarter is done: runner-1 is killed (kill -9)")
    yield* until(0.5)
    runners.get("runner-2")?.kill("SIGTERM")
    say("half is done: runner-2 is told to stop (SIGTERM)")
    yield* until(0.6)
    runners.set("runner-4", start("runner", url, "runner-4"))
    say("runner-4 joins")
    if (client.exitCode === null) yield* Effect.promise(() => once(client, "exit"))
    say("the client has all its answers")

    const answer = JSON.parse(said) as Answer // what the client prints
    const counts = yield* durable.counts()
    const parcels = yield* sql<{ runner: string, parcels: number }>`
      SELECT exit AS runner, count(*) AS parcels FROM effect_tasks WHERE job = 'Pack' GROUP BY exit ORDER BY exit`
    const [again] = yield* sql<{ crashed: number, released: number }>`
      SELECT count(*) FILTER (WHERE crashes > 0) AS crashed, count(*) FILTER (WHERE restarts > crashes) AS released FROM effect_tasks`
    const lost = total - counts.success
    console.log("\nledger")
    for (const { parcels: packed, runner } of parcels) console.log(`  packed by ${String(runner)}: ${packed}`)
    console.log(
      `  taken over from the one that was killed: ${again.crashed}, released by the one that stopped: ${again.released}`
    )
    console.log(
      `  tasks ${total}, succeeded ${counts.success}, failed ${counts.error}, canceled ${counts.canceled}, lost ${lost}`
    )
    console.log(
      `  the client was answered ${answer.answers} of ${orders} orders, ${answer.parcels} of ${orders * items} parcels`
    )
    return lost === 0 && answer.answers === orders && answer.parcels === orders * items
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Durable.layer({ clientOnly: true }).pipe(
        Layer.provideMerge(WorkerPool.layer({ workers: 1 })),
        Layer.provideMerge(PgClient.layer({ url: Redacted.make(url) }))
      )
    )
  )

const given = process.env["DATABASE_URL"]
const postgres = given === undefined ? await startPostgres() : { url: given, stop: async () => {} }
say("Postgres is up")
const isWhole = await Effect.runPromise(show(postgres.url)).finally(() => postgres.stop())
console.log(isWhole ? "nothing was lost" : "SOMETHING WAS LOST")
process.exit(isWhole ? 0 : 1)
