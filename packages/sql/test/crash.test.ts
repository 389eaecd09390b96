import { Sqlite } from "@effect-tasks/sql"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Point } from "../src/internal/fault.ts"
import { postgresAt } from "./layers.ts"
import { database, folder } from "./support.ts"

/** Where a kill -9 hits, and how often the point may be passed before; Postgres alone reaps. */
const points: ReadonlyArray<readonly [Point, ReadonlyArray<number>, "postgres"?]> = [
  ["in-migration", [1, 9]],
  ["before-insert", [1, 4]],
  ["after-insert", [1, 5]],
  ["after-accept", [1, 6]],
  ["claimed", [1, 2]],
  ["before-outcome", [1, 6]],
  ["after-outcome", [1, 5]],
  ["before-settle", [1, 12]],
  ["retrying", [1, 2]],
  ["after-stage", [1, 2]],
  ["before-complete", [1, 3]],
  ["after-complete", [1, 2]],
  ["in-transaction", [1, 3]],
  ["after-cancel", [1, 2]],
  ["after-prune", [1, 3]],
  ["before-reap", [1], "postgres"],
  ["in-reap", [1], "postgres"]
]

const run = (place: string, log: string, role: "begin" | "resume", fault?: string) =>
  Effect.callback<{ readonly code: number | null, readonly signal: string | null, readonly said: string }>((resume) => {
    const env = { ...process.env, ...fault === undefined ? {} : { FAULT: fault } }
    const path = fileURLToPath(new URL("crashing.ts", import.meta.url))
    const child = spawn(process.execPath, [path, place, log, role], { env, stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    child.stdout.on("data", (data) => said += String(data))
    child.stderr.on("data", (data) => said += String(data))
    child.on("exit", (code, signal) => resume(Effect.succeed({ code, signal, said })))
    const tooLate = setTimeout(() => child.kill("SIGTERM"), 60_000)
    child.on("exit", () => clearTimeout(tooLate))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const linesOf = (log: string): ReadonlyArray<ReadonlyArray<string>> =>
  existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").map((line) => line.split(" ")) : []

const workers = 4

/** What must hold after everything was killed, so that it had so many lives, and has gone on. */
const check = (log: string, lives: number) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const lines = linesOf(log)
    const rows = yield* sql.unsafe<
      { id: string, job: string, state: number, crashes: number, parent_id: string | null }
    >(
      "SELECT id, job, state, crashes, parent_id FROM effect_tasks"
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    const words = (verb: string) => lines.filter(([first]) => first === verb)

    for (const [, id, n] of words("promised")) {
      const row = byId.get(id)
      assert.isDefined(row, `${n} was promised and is lost`)
      const isCanceled = n.startsWith("canceled")
      if (row.state !== 4) assert.isTrue(isCanceled && row.state === 6, `${n} ended in state ${row.state}`)
    }
    for (const [, id] of words("canceled")) assert.strictEqual(byId.get(id)?.state, 6, "a cancel that returned holds")
    assert.deepStrictEqual(rows.filter(({ state }) => state < 4), [], "nothing is left")

    const starts = new Map<string, number>()
    for (const [, n] of words("start")) starts.set(n, (starts.get(n) ?? 0) + 1)
    const again = [...starts].filter(([n, times]) => times > (n.startsWith("flaky") ? 2 : 1))
    assert.isAtMost(again.length, lives * workers, `run again: ${again.map(([n]) => n).join(" ")}`)
    const times = (n: string) => n.startsWith("flaky") ? 2 * lives : lives
    assert.isTrue(again.every(([n, count]) => count <= times(n)), "at most once in each life")
    const ended = new Set(words("end").map(([, n]) => n))
    for (const [, id, n] of words("promised")) {
      if (byId.get(id)!.state === 4 && !n.startsWith("parent")) {
        assert.isTrue(ended.has(n), `${n} is said to have ended`)
      }
    }

    const parents = rows.filter(({ job }) => job === "Parent")
    for (const { id } of parents) {
      const children = rows.filter(({ parent_id, state }) => parent_id === id && state === 4)
      assert.strictEqual(children.length, 4, "a parent that runs again has the same children")
    }
    const booked = yield* sql.unsafe<{ id: number, times: number }>("SELECT id, times FROM booked ORDER BY id")
    const books = words("promised").filter(([, , n]) => n.startsWith("book")).map(([, , n]) => n)
    for (const { id, times } of booked) {
      if (books.includes(`book${id}`)) assert.strictEqual(times, 1, `book${id} was booked ${times} times`)
    }
    const orders = yield* sql.unsafe<{ task: string }>("SELECT task FROM orders")
    const ordered = rows.filter(({ id }) => orders.some(({ task }) => task === id))
    assert.strictEqual(ordered.length, orders.length, "an order and its task come together")
    assert.isTrue(ordered.every(({ state }) => state === 4))
  })

describe.concurrent.each(["SQLite", "Postgres"] as const)("a process that is killed on %s", (kind) => {
  for (const [point, passes, only] of points) {
    if (only === "postgres" && kind === "SQLite") continue
    // processes that are killed need real time
    it.live(`at ${point} loses nothing`, () =>
      Effect.forEach(passes, (nth) =>
        Effect.gen(function*() {
          const path = yield* folder
          const log = join(path, "log")
          const place = kind === "SQLite" ? join(path, "tasks.db") : yield* database
          if (only === "postgres") yield* run(place, log, "begin", "before-outcome:1")
          const killed = yield* run(place, log, only === "postgres" ? "resume" : "begin", `${point}:${nth}`)
          if (nth === 1) assert.strictEqual(killed.signal, "SIGKILL", `it never came to ${point}: ${killed.said}`)
          const resumed = yield* run(place, log, "resume")
          assert.strictEqual(resumed.code, 0, resumed.said)
          const lives = only === "postgres" ? 3 : 2
          yield* Effect.provide(
            check(log, lives),
            kind === "SQLite" ? Sqlite.layer({ file: place }) : postgresAt(place, 1)
          )
        }).pipe(Effect.scoped)), 240_000)
  }
})
