import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Catalog } from "../src/Catalog.ts"
import * as FilePath from "../src/FilePath.ts"
import * as Report from "../src/Report.ts"
import * as TempFolder from "./TempFolder.ts"

const at = (path: string) => FilePath.resolve("/", path)

const report: Report.Report = {
  root: at("/photos"),
  interrupted: false,
  millis: 6_543,
  filesPerSecond: 1_887,
  files: 12_345,
  indexed: 12_000,
  folders: 678,
  bytes: 9_900_000_000,
  skipped: 1,
  contentTypes: [
    { contentType: "image/jpeg", files: 12_000, bytes: 9_900_000_000 },
    { contentType: "text/plain", files: 345, bytes: 543_210 }
  ],
  wastedBytes: 40_000_000,
  duplicates: [{
    sha256: "aa",
    size: 20_000_000,
    paths: [at("/photos/a.jpg"), at("/photos/b/c.jpg"), at("/photos/d")]
  }],
  failures: [{ path: at("/photos/broken.png"), reason: "not a readable image: bad header" }]
}

describe("Report", () => {
  it("reads as text", () => {
    assert.strictEqual(
      Report.toText(report, false),
      `Indexed /photos
  12,345 files in 678 folders, 9.9 GB; 1 link or special file passed over
  12,000 indexed, 345 known from before, 1 failed
  6.5 s, 1,887 files/s

By content type
  image/jpeg                              12,000     9.9 GB
  text/plain                                 345     543 kB

Duplicates: 2 copies of other files waste 40 MB
       40 MB  3 × a.jpg

Failures: 1
  broken.png: not a readable image: bad header`
    )
  })

  it("says when the run was interrupted, and leaves out what there is nothing of", () => {
    const nothing = { skipped: 0, contentTypes: [], duplicates: [], failures: [] }
    const text = Report.toText({ ...report, ...nothing, interrupted: true }, false)
    assert.strictEqual(
      text,
      `Interrupted; so far /photos
  12,345 files in 678 folders, 9.9 GB
  12,000 indexed, 345 known from before, none failed
  6.5 s, 1,887 files/s`
    )
  })

  it("shows the first few of many, and says where the others are", () => {
    const failures = Array.from({ length: 20 }, (_, i) => ({ path: at(`/photos/${i}`), reason: "gone" }))
    const lines = Report.toText({ ...report, failures }, false).split("\n")
    assert.deepStrictEqual(lines.slice(-2), ["  11: gone", "  and 8 more failures (all of them: --json)"])
  })

  it("has colours only where they are wanted", () => {
    assert.include(Report.toText(report, true), "\u001b[")
    assert.notInclude(Report.toText(report, false), "\u001b[")
  })

  it("is one JSON document that its schema reads back", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Report.Report)(JSON.parse(Report.toJson(report))), report)
  })

  it.effect("is made of the run and of what the catalog knows", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const made = yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        const file = { size: 7, mtimeMs: 1, sha256: "aa", contentType: "text/plain" }
        const files = [temp.at("a"), temp.at("b")].map((path) => ({ path, ...file }))
        yield* catalog.saveFolder(temp.path, { files, folders: [], skipped: [] })
        yield* Effect.forEach(files, catalog.saveFile)
        yield* catalog.saveFailure({ path: temp.at("c"), reason: "gone" })
        return yield* Report.make(temp.path, { startedAt: 0, endedAt: 400, interrupted: false })
      }).pipe(Effect.provide(Catalog.layer(temp.at("catalog.sqlite"))))
      assert.deepInclude(made, {
        files: 2,
        indexed: 2,
        folders: 1,
        bytes: 14,
        skipped: 0,
        wastedBytes: 7,
        filesPerSecond: 5
      })
      assert.deepStrictEqual(made.failures.map(({ reason }) => reason), ["gone"])
      assert.deepStrictEqual(
        Schema.decodeUnknownSync(Report.Report)(JSON.parse(Report.toJson(made))),
        structuredClone(made)
      )
    }))
})
