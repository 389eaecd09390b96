/** The program in a real terminal: tmux is one that tells what a person would see. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import * as TempFolder from "./TempFolder.ts"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

const hasTmux = spawnSync("tmux", ["-V"]).status === 0
if (!hasTmux) console.warn("The tests of the live view in a terminal are LEFT OUT: tmux is not installed.")

interface Terminal {
  /** The lines on the screen and those that have scrolled away, without the empty ones below. */
  readonly history: () => ReadonlyArray<string>
  readonly press: (key: string) => void
  /** Waits until the screen shows it; fails with what is there instead after half a minute. */
  readonly shows: (pattern: RegExp) => Effect.Effect<ReadonlyArray<string>>
}

/** Runs the program in a terminal of its own, which stays there after the end and shows the exit code. */
const open = Effect.fnUntraced(function*(
  temp: TempFolder.TempFolder,
  size: { readonly columns: number, readonly rows: number },
  ...args: ReadonlyArray<string>
) {
  const tmux = (...args: ReadonlyArray<string>) =>
    execFileSync("tmux", ["-S", temp.at("socket"), "-f", "/dev/null", ...args], { encoding: "utf8" })
  // the shell outlives the Ctrl-C, which a terminal sends to it as well
  const script = `trap : INT; "$@"; echo "exit code $?"; read -r _`
  const session = ["new-session", "-d", "-x", `${size.columns}`, "-y", `${size.rows}`]
  const environment = ["-e", `XDG_CACHE_HOME=${temp.at("cache")}`, "-e", `INIT_CWD=${temp.path}`]
  yield* Effect.acquireRelease(
    Effect.sync(() => tmux(...session, ...environment, "sh", "-c", script, "sh", process.execPath, main, ...args)),
    () => Effect.sync(() => tmux("kill-server"))
  )
  const linesOf = (...options: ReadonlyArray<string>) =>
    tmux("capture-pane", "-p", ...options).trimEnd().split("\n").map((line) => line.trimEnd())
  const terminal: Terminal = {
    history: () => linesOf("-S", "-"),
    press: (key) => void tmux("send-keys", key),
    shows: (pattern) =>
      Effect.promise(async () => {
        const patience = AbortSignal.timeout(30_000)
        for (;;) {
          const lines = linesOf()
          if (pattern.test(lines.join("\n"))) return lines
          if (patience.aborted) assert.fail(`${String(pattern)} is not on the screen:\n${lines.join("\n")}`)
          await setTimeout(20)
        }
      })
  }
  return terminal
})

/** Takes some seconds to read, and next to nothing on the disk. */
const writeLargeFiles = (temp: TempFolder.TempFolder, folder: string) => {
  temp.folder(folder)
  for (let i = 0; i < 20; i++) Fs.truncateSync(temp.write(`${folder}/${i}.bin`), 64 * 1024 * 1024)
}

const oneByOne = ["--workers", "1", "--no-dashboard"]

// live: it is the terminal's own time
describe.skipIf(!hasTmux)("in a terminal", { timeout: 60_000 }, () => {
  it.live("draws the view in place, and leaves its last state above the report", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      writeLargeFiles(temp, "root")
      const terminal = yield* open(temp, { columns: 100, rows: 30 }, "root", ...oneByOne)
      const lines = yield* terminal.shows(/[1-9]\/20 files, \S+ s left/)
      assert.strictEqual(lines[0], `Indexing ${temp.at("root")}`)
      assert.match(lines[1]!, /^[█░]{24} \d+\/20 files/)
      assert.match(lines[2]!, /^ {2}ScanFolder {5}0 running · 1 waiting/)
      assert.match(lines[5]!, /^ {2}IndexFile \d+\.bin/)
      yield* terminal.shows(/exit code 0/)
      const history = terminal.history()
      assert.lengthOf(history.filter((line) => line.startsWith("Indexing ")), 1)
      assert.match(history[1]!, /^█{24} 20\/20 files, done, /)
      assert.strictEqual(history[5], `Indexed ${temp.at("root")}`)
    }))

  it.live("shows how far it is where there are six lines of thirty columns", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      writeLargeFiles(temp, "root")
      const terminal = yield* open(temp, { columns: 30, rows: 6 }, "root", ...oneByOne)
      const lines = yield* terminal.shows(/[1-9]\/20 files, \S+ s l/)
      assert.match(lines[0]!, /^Indexing ….*\/root$/)
      assert.match(lines[1]!, /^\d+\/20 files, /)
      assert.isAtMost(lines.length, 5)
      terminal.press("C-c")
      yield* terminal.shows(/exit code 130/)
      assert.lengthOf(terminal.history().filter((line) => line.startsWith("Indexing ")), 1)
    }))

  it.live("stops at Ctrl-C, says so in a line of its own, and leaves nothing of the view behind", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      writeLargeFiles(temp, "root")
      const terminal = yield* open(temp, { columns: 100, rows: 30 }, "root", ...oneByOne)
      yield* terminal.shows(/[1-9]\/20 files/)
      terminal.press("C-c")
      yield* terminal.shows(/exit code 130/)
      const lines = terminal.history()
      assert.strictEqual(lines[0], "Stopping; what is indexed is kept. Ctrl-C again quits at once.")
      assert.strictEqual(lines[1], `Indexing ${temp.at("root")}`)
      assert.match(lines[2]!, /^[█░]{24} \d+\/20 files, interrupted, /)
      assert.strictEqual(lines.findIndex((line) => line === `Interrupted: ${temp.at("root")}`), 6)
    }))

  it.live("cuts long paths instead of wrapping them, and keeps their ends", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const deep = `root/${"a-long-way-down/".repeat(6)}`
      temp.folder(deep)
      for (const name of ["one.txt", "two.txt"]) temp.write(`${deep}${name}`, "the same")
      const image = sharp({ create: { width: 60, height: 40, channels: 3, background: "red" } }).png()
      temp.write(`${deep}broken.png`, (yield* Effect.promise(() => image.toBuffer())).subarray(0, 100))
      const terminal = yield* open(temp, { columns: 60, rows: 30 }, "root", ...oneByOne)
      const lines = yield* terminal.shows(/exit code 1/)
      const shown = lines.slice(lines.findIndex((line) => line.startsWith("Duplicates")))
      assert.match(shown[1]!, /^ {9}8 B {2}2 × ….*-down\/one\.txt$/)
      assert.match(shown[4]!, /^ {2}….*down\/broken\.png: not a readable image/)
      assert.match(shown[5]!, /^exit code 1$/)
      assert.match(lines[0]!, /^✗ ….*down\/broken\.png: not a readable image/)
      assert.match(lines[1]!, /^Indexing /)
    }))
})
