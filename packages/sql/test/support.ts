/** Places for stores, and processes, that go with a test. */
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
import { postgresAt } from "./layers.ts"

export const unique = (): string => `test-${randomUUID().slice(0, 8)}`

/** A folder that goes with the Scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-tasks-sql-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** An empty database of the server that these tests have. */
export const database = Effect.gen(function*() {
  const url = new URL(inject("postgres"))
  const name = `tasks_${randomUUID().slice(0, 8)}`
  const create = Effect.flatMap(SqlClient, (sql) => sql.unsafe(`CREATE DATABASE ${name}`))
  yield* Effect.provide(create, postgresAt(url.href, 1))
  url.pathname = `/${name}`
  return url.href
})

/** A process of this folder's, once it has said that it is ready; killed with the Scope. */
export const process_ = (file: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.callback<ChildProcess>((resume) => {
      const path = fileURLToPath(new URL(file, import.meta.url))
      const child = spawn(process.execPath, [path, ...args], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let said = ""
      const hear = (data: Buffer) => {
        said += String(data)
        if (said.includes("ready\n")) resume(Effect.succeed(child))
      }
      child.stdout.on("data", hear)
      child.stderr.on("data", hear)
      child.on(
        "exit",
        (code, signal) => resume(Exit.die(new Error(`${file} ended (${code ?? signal}) before it was ready:\n${said}`)))
      )
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.on("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
