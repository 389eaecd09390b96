/** An application that is told to end, as a process: what the layers promise holds under SIGTERM. */
import { DashboardClient } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { request } from "node:http"
import { fileURLToPath } from "node:url"

const application = fileURLToPath(new URL("fixtures/application.ts", import.meta.url))

/** Starts the application, which is killed with the test at the latest. */
const start = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [application, ...args], { stdio: ["pipe", "pipe", "pipe"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let said = ""
    for (const output of [child.stdout, child.stderr]) output.on("data", (chunk) => said += chunk)
    const exited = once(child, "close")
    const ended = exited.then(() => {})
    /** Waits for a line. */
    const told = (pattern: RegExp) =>
      Effect.promise(async () => {
        for (;;) {
          const match = pattern.exec(said)
          if (match !== null) return match
          await Promise.race([once(child.stdout, "data"), ended.then(() => assert.fail(`it has ended: ${said}`))])
        }
      })
    const [, address] = yield* told(/listens on (\S+)/)
    const [, dashboard] = yield* told(/dashboard on (\S+)/)
    const ask = (method: string, path: string): Effect.Effect<string, Error> =>
      Effect.callback((resume) => {
        const sent = request(`${address}${path}`, { method, agent: false }, (response) => {
          let body = ""
          response.on("data", (chunk) => body += chunk).on("end", () => resume(Effect.succeed(body)))
        })
        sent.on("error", (error) => resume(Effect.fail(error))).end()
      })
    for (let n = 1; n <= 4; n++) yield* ask("POST", `/jobs/${n}`)
    assert.deepInclude(JSON.parse(yield* ask("GET", "/jobs")), { running: 2, queued: 2 })
    return {
      dashboard: dashboard!,
      ask,
      told,
      signal: Effect.sync(() => child.kill("SIGTERM")),
      /** Lets the tasks that run end. */
      go: Effect.sync(() => child.stdin.write("go\n")),
      exitCode: Effect.promise(async () => (await exited)[0] as number | null),
      lines: (pattern: RegExp) => said.split("\n").filter((line) => pattern.test(line)).toSorted()
    }
  })

const count = (app: { readonly lines: (pattern: RegExp) => ReadonlyArray<string> }, pattern: RegExp) =>
  app.lines(pattern).length

/** With which `NodeRuntime.runMain` ends what a signal has interrupted. */
const interrupted = 130

describe("SIGTERM", { timeout: 30_000 }, () => {
  it.live("with finish-running lets running tasks end, cancels queued ones, and takes nothing new", () =>
    Effect.gen(function*() {
      const app = yield* start("finish-running", "1 hour")
      const client = yield* DashboardClient.make({ url: app.dashboard })
      const viewer = yield* Effect.forkChild(Effect.exit(Stream.runDrain(client.watch({}))))
      yield* app.signal
      yield* app.told(/Shutdown waits/)
      assert.instanceOf(yield* Effect.flip(app.ask("GET", "/jobs")), Error)
      assert.instanceOf(yield* Effect.flip(app.ask("POST", "/jobs/5")), Error)
      yield* app.told(/Export-4: Failure/)
      assert.deepStrictEqual(app.lines(/^Export-/), ["Export-3: Failure", "Export-4: Failure"])
      yield* app.go
      assert.strictEqual(yield* app.exitCode, interrupted)
      assert.deepStrictEqual(app.lines(/^Export-/), [
        "Export-1: Success",
        "Export-2: Success",
        "Export-3: Failure",
        "Export-4: Failure"
      ])
      assert.deepStrictEqual(app.lines(/has ended/), ["export 1 has ended", "export 2 has ended"])
      assert.strictEqual(count(app, /was interrupted/), 0)
      assert.strictEqual(count(app, /Shutdown cancels 2 tasks/), 1)
      assert.strictEqual(count(app, /Shutdown waits up to 1h for 2 tasks/), 1)
      assert.strictEqual(count(app, /Shutdown/), 2)
      assert.strictEqual(count(app, /resources are released/), 1)
      yield* Fiber.await(viewer)
    }))

  it.live("with finish-all lets queued tasks start and end too, and a second one changes nothing", () =>
    Effect.gen(function*() {
      const app = yield* start("finish-all", "1 hour")
      yield* app.signal
      yield* app.told(/Shutdown waits/)
      yield* app.signal
      assert.instanceOf(yield* Effect.flip(app.ask("GET", "/jobs")), Error)
      yield* app.go
      assert.strictEqual(yield* app.exitCode, interrupted)
      assert.deepStrictEqual(app.lines(/^Export-/), [1, 2, 3, 4].map((n) => `Export-${n}: Success`))
      assert.strictEqual(count(app, /was interrupted/), 0)
      assert.deepStrictEqual(app.lines(/Shutdown/).map((line) => /Shutdown[^"]*/.exec(line)![0]), [
        "Shutdown waits up to 1h for 4 tasks"
      ])
    }))

  for (const shutdown of ["finish-running", "finish-all"]) {
    it.live(`with ${shutdown} cancels what is left when the grace period is over`, () =>
      Effect.gen(function*() {
        const app = yield* start(shutdown, "0.2 seconds")
        yield* app.signal
        assert.strictEqual(yield* app.exitCode, interrupted)
        assert.deepStrictEqual(app.lines(/^Export-/), [1, 2, 3, 4].map((n) => `Export-${n}: Failure`))
        assert.deepStrictEqual(app.lines(/was interrupted/), ["export 1 was interrupted", "export 2 was interrupted"])
        assert.strictEqual(count(app, /has ended/), 0)
        assert.strictEqual(count(app, /Shutdown waits up to 200ms/), 1)
        assert.strictEqual(count(app, /resources are released/), 1)
      }))
  }
})
