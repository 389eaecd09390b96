import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Catalog } from "../src/Catalog.ts"
import * as FilePath from "../src/FilePath.ts"
import * as Report from "../src/Report.ts"
import * as TempFolder from "./TempFolder.ts"

const at = (path: string) => FilePath.resolve("/", path)

const report: Report.Report = {
  root: at("/photos"),
  catalog: "/cache/catalog.sqlite",
  outcome: "complete",
  millis: 6_543,
  filesPerSecond: 1_834,
  files: 12_345,
  indexed: 12_000,
  unchanged: 345,
  remaining: { files: 0, folders: 0, thumbnails: 0 },
  folders: 678,
  listed: 678,
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

const style = { width: Infinity, color: false }

describe("Report", () => {
  it("reads as text", () => {
    assert.strictEqual(
      Report.toText(report, style),
      `Indexed /photos
  12,345 files in 678 folders, 9.9 GB; 1 link or special file passed over
  12,000 indexed, 345 known from before, 1 failed
  6.5 s, 1,834 files/s
  catalog: /cache/catalog.sqlite

By content type
  image/jpeg                              12,000     9.9 GB
  text/plain                                 345     543 kB

Duplicates: 2 copies of other files waste 40 MB
       40 MB  3 × a.jpg

Failures: 1
  broken.png: not a readable image: bad header`
    )
  })

  it("tells of an interrupted run what was and what was not looked at, and leaves out what there is nothing of", () => {
    const text = Report.toText({
      ...report,
      outcome: "interrupted",
      unchanged: 45,
      listed: 600,
      remaining: { files: 1, folders: 20, thumbnails: 0 },
      skipped: 0,
      contentTypes: [],
      duplicates: [],
      failures: []
    }, style)
    assert.strictEqual(
      text,
      `Interrupted: /photos
  looked at: 600 folders; 12,000 indexed, 45 known from before, none failed
  not looked at: 1 file, 20 folders
  in the catalog from earlier runs, not looked at: 300 files
  6.5 s, 1,834 files/s
  catalog: /cache/catalog.sqlite`
    )
  })

  it("says that tasks were cancelled in the dashboard", () => {
    const remaining = { files: 0, folders: 0, thumbnails: 2 }
    const lines = Report.toText({ ...report, outcome: "canceled", remaining }, style).split("\n")
    assert.deepStrictEqual(lines.slice(0, 3), [
      "Cancelled in the dashboard: /photos",
      "  looked at: 678 folders; 12,000 indexed, 345 known from before, 1 failed",
      "  not looked at: 2 thumbnails"
    ])
  })

  it("tells no speed of a run that read nothing", () => {
    assert.include(Report.toText({ ...report, indexed: 0, filesPerSecond: 0 }, style), "\n  6.5 s\n")
  })

  it("cuts paths to the width, and keeps their ends", () => {
    const deep = (name: string) => at(`/photos/${"deep/".repeat(20)}${name}`)
    const text = Report.toText({
      ...report,
      root: at("/somewhere/quite/far/from/here/photos"),
      catalog: "/home/somebody/.cache/indexer/catalog.sqlite",
      duplicates: [{ sha256: "aa", size: 20_000_000, paths: [deep("a.jpg"), deep("b.jpg")] }],
      failures: [{ path: deep("broken.png"), reason: "permission denied" }]
    }, { ...style, width: 40 })
    const lines = text.split("\n")
    assert.strictEqual(lines[0], "Indexed …here/quite/far/from/here/photos")
    assert.include(lines, "  catalog: …cache/indexer/catalog.sqlite")
    assert.include(lines, "       20 MB  2 × …/deep/deep/deep/a.jpg")
    assert.include(lines, "  …ep/deep/broken.png: permission denied")
  })

  it("shows the first few of many, and says where the others are", () => {
    const failures = Array.from({ length: 20 }, (_, i) => ({ path: at(`/photos/${i}`), reason: "gone" }))
    const lines = Report.toText({ ...report, failures }, style).split("\n")
    assert.deepStrictEqual(lines.slice(-2), ["  11: gone", "  and 8 more failures (all of them: --json)"])
  })

  it("has colours only where they are wanted", () => {
    assert.include(Report.toText(report, { ...style, color: true }), "\u001b[")
    assert.notInclude(Report.toText(report, style), "\u001b[")
  })

  it("is one JSON document that its schema reads back", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Report.Report)(JSON.parse(Report.toJson(report))), report)
  })

  it.effect("counts in the speed only what this run has read", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const made = yield* Effect.gen(function*() {
        const catalog = yield* Catalog
        const file = { size: 7, mtimeMs: 1, sha256: "aa", contentType: "text/plain" }
        const files = ["a", "b", "c"].map((name) => ({ path: temp.at(name), ...file }))
        yield* Effect.forEach(files, catalog.saveFile)
        yield* TestClock.adjust("1 minute")
        yield* catalog.saveFolder(temp.path, { files, folders: [], skipped: [] })
        yield* catalog.saveFile(files[0]!)
        return yield* Report.make(temp.path, { startedAt: 60_000, endedAt: 61_000, interrupted: false })
      }).pipe(Effect.provide(Catalog.layer(temp.at("catalog.sqlite"))))
      assert.deepInclude(made, { files: 3, indexed: 1, unchanged: 2, filesPerSecond: 1 })
    }))

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
        outcome: "complete",
        catalog: temp.at("catalog.sqlite"),
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
