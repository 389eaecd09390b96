import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Ref } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import { defaultFile } from "../src/Catalog.ts"
import * as Cli from "../src/Cli.ts"
import * as FilePath from "../src/FilePath.ts"
import * as Usage from "../src/Usage.ts"
import * as TempFolder from "./TempFolder.ts"

const ask = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const request = yield* Ref.make(Option.none<Cli.Request>())
  const command = Cli.make((asked) => Ref.set(request, Option.some(asked)))
  yield* Command.runWith(command, { version: "0" })(args).pipe(
    Effect.provide([NodeServices.layer, Usage.layer("npm start --")])
  )
  return yield* Ref.get(request)
})

const parse = (...args: ReadonlyArray<string>) => Effect.map(ask(...args), Option.getOrThrow)

const complaint = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  yield* Effect.flip(parse(...args))
  return (yield* TestConsole.errorLines).join("\n")
})

describe("Cli", () => {
  it.effect("indexes the project's own checkout when no folder is named", () =>
    Effect.gen(function*() {
      const root = FilePath.fromBytes(Fs.realpathSync(NodePath.join(import.meta.dirname, "../../.."), "buffer"))
      assert.deepStrictEqual(yield* parse(), {
        root,
        catalog: defaultFile(),
        workers: 8,
        threads: 0,
        json: false,
        color: true,
        dashboard: true,
        keepOpen: false
      })
    }))

  it.effect("takes a folder and the flags", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const flags = [
        "--json",
        "--no-color",
        "--no-dashboard",
        "--keep-open",
        "--workers=3",
        "--threads=2",
        `--catalog=${NodePath.relative("", temp.at("catalog"))}`
      ]
      assert.deepStrictEqual(yield* parse(temp.path, ...flags), {
        root: temp.path,
        catalog: temp.at("catalog"),
        workers: 3,
        threads: 2,
        json: true,
        color: false,
        dashboard: false,
        keepOpen: true
      })
    }))

  it.effect("follows symlinks on the way to the folder, so that it has one name", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const folder = temp.folder("folder")
      Fs.symlinkSync(folder, temp.at("link"))
      assert.strictEqual((yield* parse(temp.at("link"))).root, folder)
    }))

  it.effect("says which folder is missing", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      assert.include(yield* complaint(temp.at("missing")), `cannot index ${temp.at("missing")}: no such file or folder`)
    }))

  it.effect("says that a file is not a folder", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      assert.include(yield* complaint(temp.write("file")), `cannot index ${temp.at("file")}: not a folder`)
    }))

  it.effect.each([
    [["--workers", "0"], "--workers: give an integer of at least 1, not 0"],
    [["--workers", "many"], "--workers: give an integer of at least 1, not many"],
    [["--workers", "1.5"], "--workers: give an integer of at least 1, not 1.5"],
    [["--workers"], "--workers: give an integer of at least 1"],
    [["--workers", "2", "--workers", "3"], "--workers: give an integer of at least 1, not 2 occurrences"],
    [["--catalog"], "--catalog: give the name of one file"],
    [["--json=maybe"], "--json: give no value, not maybe"],
    [["--bogus"], "--bogus: there is no such flag"],
    [["--threads", "-1"], "--threads: give an integer of at least 0, not -1"],
    [["--worker", "3"], "--worker: there is no such flag; did you mean --workers?"],
    [["one", "two", "three"], "two three: give one folder, not several"]
  ])("says of %j what is wrong with it, and nothing else", ([args, message]) =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* complaint(...args as ReadonlyArray<string>),
        `${message as string}\nSee npm start -- --help`
      )
      assert.deepStrictEqual(yield* TestConsole.logLines, [])
    }))

  it.effect("tells in the help where the catalog is, and how to be rid of it", () =>
    Effect.gen(function*() {
      yield* ask("--help")
      const help = (yield* TestConsole.logLines).join("\n")
      assert.match(help, /--catalog file .*Delete the file to be rid of it/)
      assert.include(help, defaultFile())
    }))

  it.effect("names itself in the help as it was called", () =>
    Effect.gen(function*() {
      yield* ask("--help")
      assert.include((yield* TestConsole.logLines).join("\n"), "npm start -- [flags] [<folder>]")
    }))

  it("is called by npm or directly", () => {
    const script = NodePath.resolve("packages/indexer/src/main.ts")
    assert.strictEqual(Usage.callOf({ npm_lifecycle_event: "start" }, script), "npm start --")
    assert.strictEqual(Usage.callOf({ npm_lifecycle_event: "test" }, script), "node packages/indexer/src/main.ts")
  })
})
