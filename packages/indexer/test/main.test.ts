import { DashboardClient } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { createServer, type Server } from "node:net"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import * as FilePath from "../src/FilePath.ts"
import * as Report from "../src/Report.ts"
import * as TempFolder from "./TempFolder.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const isRoot = process.getuid?.() === 0
// The superuser may read everything unless this power is taken away.
const asAnyone = isRoot ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : []

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Starts the program with a cache folder of its own. */
const start = (temp: TempFolder.TempFolder, args: ReadonlyArray<string>, ofNode: ReadonlyArray<string> = []) => {
  const [command, ...rest] = [...asAnyone, process.execPath, ...ofNode, main, ...args]
  const env = { ...process.env, XDG_CACHE_HOME: temp.at("cache"), INIT_CWD: temp.path }
  const child = spawn(command!, rest, { env, stdio: ["ignore", "pipe", "pipe"] })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk) => output.stdout += chunk)
  child.stderr.on("data", (chunk) => output.stderr += chunk)
  const outcome = once(child, "close").then(([code]): Outcome => ({ code, ...output }))
  return { child, output, outcome: Effect.promise(() => outcome) }
}

const run = (temp: TempFolder.TempFolder, ...args: ReadonlyArray<string>) => start(temp, args).outcome

const runJson = (temp: TempFolder.TempFolder, folder: string) =>
  Effect.map(run(temp, folder, "--json"), ({ code, stdout }) => ({
    code,
    report: Schema.decodeUnknownSync(Report.Report)(JSON.parse(stdout))
  }))

const picture = (background: string) =>
  Effect.promise(() => sharp({ create: { width: 600, height: 400, channels: 3, background } }).png().toBuffer())

describe("main", () => {
  it.live("indexes a folder, and on the next run only what has changed", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root/sub/deep")
      temp.write("root/a.txt", "the same")
      temp.write("root/sub/b.txt", "the same")
      temp.write("root/sub/deep/c.png", yield* picture("teal"))

      const first = yield* runJson(temp, temp.at("root"))
      assert.strictEqual(first.code, 0)
      assert.deepInclude(first.report, { files: 3, indexed: 3, folders: 3, wastedBytes: 8, failures: [] })
      assert.deepStrictEqual(first.report.duplicates[0]?.paths, [temp.at("root/a.txt"), temp.at("root/sub/b.txt")])

      temp.write("root/sub/b.txt", "not the same")
      temp.remove("root/a.txt")
      const second = yield* runJson(temp, temp.at("root"))
      assert.deepInclude(second.report, { files: 2, indexed: 1, wastedBytes: 0 })
    }), 60_000)

  it.live("tells the same when threads hash files and make thumbnails", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      temp.write("root/a.txt", "the same")
      temp.write("root/b.txt", "the same")
      temp.write("root/c.png", yield* picture("teal"))
      temp.write("root/broken.png", (yield* picture("red")).subarray(0, 200))
      const { code, stdout } = yield* run(temp, "root", "--json", "--threads", "2")
      const report = Schema.decodeUnknownSync(Report.Report)(JSON.parse(stdout))
      assert.strictEqual(code, 1)
      assert.deepInclude(report, { files: 4, indexed: 4, wastedBytes: 8 })
      assert.deepStrictEqual(report.duplicates[0]?.paths, [temp.at("root/a.txt"), temp.at("root/b.txt")])
      assert.deepStrictEqual(report.failures.map(({ path }) => path), [temp.at("root/broken.png")])
      assert.match(report.failures[0]!.reason, /^not a readable image: /)
    }), 60_000)

  it.live("prints a summary for people, without colours where there is no terminal", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      temp.write("root/a.txt", "hello")
      const { code, stdout, stderr } = yield* run(temp, "root")
      assert.strictEqual(code, 0)
      assert.match(
        stdout,
        /^Indexed .*root\n {2}1 file in 1 folder, 5 B\n {2}1 indexed, 0 known from before, none failed\n/
      )
      assert.match(stderr, /1\/1 files, done, .*, 0 failures\n$/)
      assert.notInclude(stdout + stderr, "\u001b")
    }), 60_000)

  it.live(
    "records what it cannot index by path and reason, follows no symlink, opens no pipe, and indexes the rest",
    () =>
      Effect.gen(function*() {
        const temp = yield* TempFolder.make
        const root = temp.folder("root")
        const broken = temp.write("root/broken.png", (yield* picture("red")).subarray(0, 200))
        const latin = temp.write(Buffer.from([...Buffer.from("root/caf"), 0xe9]), "a name that is not UTF-8")
        const secret = temp.write("root/secret.txt", "nobody may read this")
        const locked = temp.folder("root/locked")
        Fs.chmodSync(FilePath.toNative(secret), 0o000)
        Fs.chmodSync(FilePath.toNative(locked), 0o000)
        Fs.symlinkSync(root, temp.at("root/loop"))
        temp.pipe("root/pipe")

        const { code, report } = yield* runJson(temp, root)
        Fs.chmodSync(FilePath.toNative(locked), 0o700)
        assert.strictEqual(code, 1)
        assert.deepStrictEqual(report.failures.map(({ path }) => path), [broken, locked, secret])
        assert.match(report.failures[0]!.reason, /^not a readable image: /)
        assert.deepStrictEqual(report.failures.slice(1).map(({ reason }) => reason), [
          "permission denied",
          "permission denied"
        ])
        assert.deepInclude(report, { files: 2, folders: 1, skipped: 2 })
        assert.isFalse(report.failures.some(({ path }) => path === latin))
      }),
    60_000
  )

  it.live(
    "stops at Ctrl-C, keeps what is indexed, prints the summary and exits with 130",
    () =>
      Effect.gen(function*() {
        const temp = yield* TempFolder.make
        const root = temp.folder("root")
        for (let i = 0; i < 30; i++) Fs.truncateSync(temp.write(`root/${i}.bin`), 64 * 1024 * 1024)
        const { child, outcome } = start(temp, ["root", "--workers", "1", "--no-dashboard"])
        yield* Effect.promise(() => linesOf(child.stderr, 2)) // the second comes after two seconds of five
        child.kill("SIGINT")
        const { code, stdout, stderr } = yield* outcome
        assert.strictEqual(code, 130)
        assert.match(
          stdout,
          /^Interrupted: .*root\n {2}looked at: 1 folder; \d+ indexed, 0 known from before, none failed\n/
        )
        assert.include(stderr, "Stopping; what is indexed is kept")
        assert.match(stderr, /files, interrupted, .*\n$/)
        const indexed = Number(/(\d+) indexed/.exec(stdout)?.[1])
        assert.include(stdout, `\n  not looked at: ${30 - indexed} files\n`)
        const { report } = yield* runJson(temp, root)
        assert.deepInclude(report, { files: 30, indexed: 30 - indexed })
      }),
    120_000
  )

  it.live("prints the summary however early Ctrl-C comes", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      const { child, outcome } = start(temp, ["root", "--no-dashboard"], ["--import", tellWhenListening])
      yield* Effect.promise(() => linesOf(child.stderr, 1))
      child.kill("SIGINT")
      const { code, stdout } = yield* outcome
      assert.strictEqual(code, 130)
      assert.match(stdout, /^Interrupted: .*root\n {2}looked at: 0 folders; .*\n {2}not looked at: 1 folder\n/)
    }), 60_000)

  it.live("says that the run was cancelled in the dashboard, and exits with 1", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      for (let i = 0; i < 30; i++) Fs.truncateSync(temp.write(`root/${i}.bin`), 64 * 1024 * 1024)
      const { child, outcome, output } = start(temp, ["root", "--workers", "1"])
      while (!output.stderr.includes("30 files")) yield* Effect.promise(() => once(child.stderr, "data"))
      const url = /http:\S+/.exec(output.stderr)![0]
      const dashboard = yield* DashboardClient.make({ url })
      yield* dashboard.cancelMatching({ filter: "job:ScanFolder", reason: "enough" })
      const { code, stdout, stderr } = yield* outcome
      assert.strictEqual(code, 1)
      assert.match(stdout, /^Cancelled in the dashboard: .*root\n {2}looked at: 1 folder; /)
      assert.match(stdout, /\n {2}not looked at: \d+ files\n/)
      assert.match(stderr, /files, some cancelled, .*\n$/)
    }), 60_000)

  it.live("keeps the catalog where it is told to, and says where", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      const file = temp.at("elsewhere/here.sqlite")
      const { stdout } = yield* run(temp, "root", "--no-dashboard", "--catalog", "elsewhere/here.sqlite")
      assert.include(stdout, `\n  catalog: ${file}\n`)
      assert.isTrue(Fs.existsSync(file))
      assert.isFalse(Fs.existsSync(temp.at("cache")))
    }), 60_000)

  it.live(
    "serves a dashboard that can stay open, on another port where the usual one is taken",
    () =>
      Effect.gen(function*() {
        const temp = yield* TempFolder.make
        temp.folder("root")
        temp.write("root/a.txt", "hello")
        yield* taken(4747)
        const { child, outcome, output } = start(temp, ["root", "--keep-open"])
        while (!output.stderr.includes("The dashboard stays open")) {
          yield* Effect.promise(() => once(child.stderr, "data"))
        }
        // a pipe of its own, which may be read after the other
        while (!output.stdout.includes("\n")) yield* Effect.promise(() => once(child.stdout, "data"))
        const [url, port] = /http:\/\/127\.0\.0\.1:(\d+)\/\?token=\S+/.exec(output.stderr)!
        assert.notStrictEqual(port, "4747")
        assert.match(output.stdout, /^Indexed .*root\n/)
        const statusOf = (url: string) => Effect.promise(() => fetch(url, { redirect: "manual" }).then((_) => _.status))
        assert.strictEqual(yield* statusOf(url), 200)
        assert.strictEqual(yield* statusOf(new URL("/rpc", url).href), 401)
        child.kill("SIGINT")
        const { code, stdout } = yield* outcome
        assert.strictEqual(code, 130)
        assert.lengthOf(stdout.match(/^Indexed /gm)!, 1)
      }),
    60_000
  )

  it.live("serves none where none is wanted", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("root")
      temp.write("root/a.txt", "hello")
      const { stderr } = yield* run(temp, "root", "--no-dashboard")
      assert.notInclude(stderr, "http:")
    }), 60_000)

  it.live("explains bad input and a damaged catalog", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const file = temp.write("file")
      const missing = yield* run(temp, "missing")
      const notAFolder = yield* run(temp, file)
      assert.deepStrictEqual([missing.code, notAFolder.code], [1, 1])
      assert.include(missing.stderr, `cannot index ${temp.at("missing")}: no such file or folder`)
      assert.include(notAFolder.stderr, `cannot index ${file}: not a folder`)

      temp.folder("cache/effect-tasks-indexer")
      const catalog = temp.write("cache/effect-tasks-indexer/catalog.sqlite", "no database".repeat(500))
      const damaged = yield* run(temp, ".")
      assert.strictEqual(damaged.code, 1)
      assert.include(damaged.stderr, `the catalog ${catalog} is damaged`)
    }), 60_000)
})

/** Whoever has the port, it is not free. */
const taken = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer()
      server.once("error", () => resume(Effect.succeed(server)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

/** A module that writes a line when the program begins to listen for Ctrl-C, long before it is loaded. */
const tellWhenListening = `data:text/javascript,${
  encodeURIComponent(`process.on("newListener", (event) => {
    if (event === "SIGINT") queueMicrotask(() => console.error("listens"))
  })`)
}`

const linesOf = async (stream: Readable, count: number): Promise<void> => {
  for (let lines = 0; lines < count;) lines += String((await once(stream, "data"))[0]).split("\n").length - 1
}
