import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as FilePath from "../src/FilePath.ts"
import * as Folder from "../src/Folder.ts"
import * as TempFolder from "./TempFolder.ts"

const isRoot = process.getuid?.() === 0

describe("Folder", () => {
  it.effect("lists files with size and time, and folders", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const file = temp.write("a.txt", "hello")
      const sub = temp.folder("sub")
      temp.write("sub/deeper.txt")
      const listing = yield* Folder.list(temp.path)
      const { mtimeMs } = Fs.statSync(file)
      assert.deepStrictEqual(listing, {
        files: [{ path: file, size: 5, mtimeMs }],
        folders: [sub],
        skipped: []
      })
    }))

  it.effect("passes over symlinks, so that loops cannot arise, and special files, so that nothing hangs", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      Fs.symlinkSync(temp.path, temp.at("loop"))
      Fs.symlinkSync("nowhere", temp.at("dangling"))
      temp.pipe("pipe")
      const { files, folders, skipped } = yield* Folder.list(temp.path)
      assert.deepStrictEqual([files, folders], [[], []])
      assert.sameMembers([...skipped], [temp.at("loop"), temp.at("dangling"), temp.at("pipe")])
    }))

  it.effect("lists names that are not UTF-8", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.write(Buffer.from([0x63, 0x61, 0x66, 0xe9]), "x")
      const { files } = yield* Folder.list(temp.path)
      assert.deepStrictEqual(files.map(({ path, size }) => [path, size]), [[`${temp.path}/caf%E9`, 1]])
      assert.strictEqual(Fs.readFileSync(FilePath.toNative(files[0]!.path), "utf8"), "x")
    }))

  it.effect("fails with the reason", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const missing = yield* Effect.flip(Folder.list(temp.at("missing")))
      const file = yield* Effect.flip(Folder.list(temp.write("file")))
      assert.deepStrictEqual([missing._tag, missing.message], ["FileNotFound", "no such file or folder"])
      assert.deepStrictEqual([file._tag, file.path], ["NotAFolder", temp.at("file")])
    }))

  // The superuser may read everything; test/main.test.ts indexes such a folder without that power.
  it.effect.skipIf(isRoot)(
    "fails on a folder that may not be read, and lists files that do not tell their size",
    () =>
      Effect.gen(function*() {
        const temp = yield* TempFolder.make
        const locked = temp.folder("locked")
        const file = temp.write("locked/file")
        Fs.chmodSync(locked, 0o000)
        assert.strictEqual((yield* Effect.flip(Folder.list(locked)))._tag, "PermissionDenied")
        Fs.chmodSync(locked, 0o400)
        const { files } = yield* Folder.list(locked)
        assert.deepStrictEqual(files, [{ path: file, size: 0, mtimeMs: Number.NaN }])
        Fs.chmodSync(locked, 0o700)
      })
  )
})
