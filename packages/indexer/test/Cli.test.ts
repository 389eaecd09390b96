import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Ref } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import * as Cli from "../src/Cli.ts"
import * as FilePath from "../src/FilePath.ts"
import * as TempFolder from "./TempFolder.ts"

const parse = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const request = yield* Ref.make(Option.none<Cli.Request>())
  const command = Cli.make((asked) => Ref.set(request, Option.some(asked)))
  yield* Command.runWith(command, { version: "0" })(args).pipe(Effect.provide(NodeServices.layer))
  return Option.getOrThrow(yield* Ref.get(request))
})

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
        workers: 8,
        json: false,
        color: true,
        dashboard: true,
        keepOpen: false
      })
    }))

  it.effect("takes a folder and the flags", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const flags = ["--workers", "3", "--json", "--no-color", "--no-dashboard", "--keep-open"]
      assert.deepStrictEqual(yield* parse(temp.path, ...flags), {
        root: temp.path,
        workers: 3,
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
    [["--workers", "0"], "Invalid value for flag --workers: \"0\""],
    [["--workers", "many"], "Invalid value for flag --workers: \"many\""],
    [["--bogus"], "Unrecognized flag: --bogus"],
    [["one", "two"], "Unexpected positional argument: \"two\""]
  ])("refuses %j", ([args, message]) =>
    Effect.gen(function*() {
      assert.include(yield* complaint(...args as ReadonlyArray<string>), message as string)
    }))
})
