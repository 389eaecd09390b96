import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { gzipSync } from "node:zlib"
import sharp from "sharp"
import * as ContentType from "../src/ContentType.ts"
import * as FilePath from "../src/FilePath.ts"

const detect = (name: string, head: Buffer | string) =>
  ContentType.detect(FilePath.resolve("/", name), Buffer.from(head).subarray(0, 4_100))

const texts: ReadonlyArray<readonly [name: string, content: string, contentType: string]> = [
  ["a.json", "{}", "application/json"],
  ["a.ts", "export const a = 1", "text/x-typescript"],
  ["a.mjs", "export const a = 1", "text/javascript"],
  ["a.md", "# Title", "text/markdown"],
  ["a.html", "<!doctype html>", "text/html"],
  ["a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml"],
  ["a.yaml", "a: 1", "text/yaml"],
  ["LICENSE", "MIT License", "text/plain"],
  ["BMW", "BMW is a maker of cars", "text/plain"],
  ["text.png", "this is no picture", "text/plain"],
  ["text.zip", "this is no archive", "text/plain"],
  ["empty.json", "", "application/x-empty"]
]

describe("ContentType", () => {
  it.effect.each(texts)("%s with %o is %s", ([name, content, contentType]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* detect(name, content), contentType)
    }))

  it.effect("tells binary files by magic number, whatever they are called", () =>
    Effect.gen(function*() {
      const png = yield* Effect.promise(() =>
        sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).png().toBuffer()
      )
      assert.strictEqual(yield* detect("a.txt", png), "image/png")
      assert.strictEqual(yield* detect("a.json", gzipSync("hello")), "application/gzip")
      assert.strictEqual(yield* detect("a", Fs.readFileSync(process.execPath).subarray(0, 4_100)), "application/x-elf")
    }))

  it.effect("knows nothing of other bytes", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* detect("a.json", Buffer.from([0, 1, 2, 3, 254, 255])), "application/octet-stream")
    }))

  it.effect("takes text for text where the head ends amid a character", () =>
    Effect.gen(function*() {
      for (const start of ["", "a", "ab"]) {
        assert.strictEqual(yield* detect("a.txt", `${start}${"猫の本を読む。".repeat(500)}`), "text/plain")
      }
    }))

  it.effect("survives a head that ends amid what its magic number promises", () =>
    Effect.gen(function*() {
      const png = Buffer.from("89504e470d0a1a0a0000", "hex")
      assert.match(yield* detect("a.png", png), /^image\/png|^application\/octet-stream/)
    }))
})
