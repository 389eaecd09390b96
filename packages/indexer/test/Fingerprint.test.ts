import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Fingerprint from "../src/Fingerprint.ts"
import * as TempFolder from "./TempFolder.ts"

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex")
const megabyte = 1024 * 1024
const openFiles = () => Fs.readdirSync("/proc/self/fd").length

describe("Fingerprint", () => {
  it.effect.each([0, 1, 4_100, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3 * megabyte])(
    "reads %i bytes",
    (size) =>
      Effect.gen(function*() {
        const temp = yield* TempFolder.make
        const content = Buffer.alloc(size, "0123456789abcdef-")
        const path = temp.write("file", content)
        const { head, ...fingerprint } = yield* Fingerprint.take(path)
        assert.deepStrictEqual(fingerprint, { size, mtimeMs: Fs.statSync(path).mtimeMs, sha256: sha256(content) })
        assert.deepStrictEqual(head, content.subarray(0, 4_100))
      })
  )

  it.effect("reads a file whose name is not UTF-8", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.write(Buffer.from([0xff, 0xfe]), "hello")
      assert.strictEqual((yield* Fingerprint.take(path)).sha256, sha256("hello"))
    }))

  it.effect("fails with FileNotFound for a file that has gone", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      assert.strictEqual((yield* Effect.flip(Fingerprint.take(temp.at("gone"))))._tag, "FileNotFound")
    }))

  const takenPlaces: ReadonlyArray<readonly [string, (temp: TempFolder.TempFolder) => unknown]> = [
    ["a symlink", (temp) => Fs.symlinkSync("/etc/passwd", temp.at("entry"))],
    ["a folder", (temp) => temp.folder("entry")],
    ["a pipe that nobody writes to", (temp) => temp.pipe("entry")]
  ]
  it.effect.each(takenPlaces)("fails at once when %s has taken the file's place", ([, make]) =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      make(temp)
      const error = yield* Effect.flip(Fingerprint.take(temp.at("entry")))
      assert.strictEqual(error._tag, "FileChanged")
      assert.strictEqual(error.message, "is no longer a file while it was read")
    }))

  // Live, because the reads run in the thread pool; each change comes while the first of many reads is under way.
  const changes: ReadonlyArray<readonly [string, (path: string) => void, string]> = [
    ["grows", (path) => Fs.appendFileSync(path, "more"), "grew"],
    ["shrinks", (path) => Fs.truncateSync(path, 10), "shrank"],
    ["is overwritten", (path) => Fs.utimesSync(path, 1, 1), "was written to"]
  ]
  it.live.each(changes)("fails when the file %s while it is read", ([, change, name]) =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.write("file", Buffer.alloc(64 * megabyte))
      const before = openFiles()
      const reading = yield* Effect.forkChild(Effect.flip(Fingerprint.take(path)), { startImmediately: true })
      yield* untilReading(path)
      change(path)
      const error = yield* Fiber.join(reading)
      assert.deepStrictEqual([error._tag, error.message], ["FileChanged", `${name} while it was read`])
      assert.strictEqual(openFiles(), before)
    }))

  it.live("stops between two reads when it is interrupted, and closes the file", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.write("file", Buffer.alloc(64 * megabyte))
      const before = openFiles()
      const reading = yield* Effect.forkChild(Fingerprint.take(path), { startImmediately: true })
      yield* untilReading(path)
      yield* Fiber.interrupt(reading)
      assert.strictEqual(openFiles(), before)
    }))
})

const untilReading = (path: string): Effect.Effect<void> =>
  Effect.suspend(() => bytesRead(path) > 0 ? Effect.void : Effect.andThen(Effect.sleep(1), untilReading(path)))

/** How far this process has read in a file that it has open. */
const bytesRead = (path: string): number => {
  const fd = Fs.readdirSync("/proc/self/fd").find((fd) => linkTarget(`/proc/self/fd/${fd}`) === path)
  return fd === undefined ? 0 : Number(/pos:\s*(\d+)/.exec(Fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1])
}

/** Listing the open files opens one more, which is closed again before it can be looked at. */
const linkTarget = (path: string): string | undefined => {
  try {
    return Fs.readlinkSync(path)
  } catch {
    return undefined
  }
}
