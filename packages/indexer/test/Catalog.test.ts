import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Catalog, defaultFile } from "../src/Catalog.ts"
import * as FilePath from "../src/FilePath.ts"
import type { ListedFile, Listing } from "../src/Folder.ts"
import * as TempFolder from "./TempFolder.ts"

const listing = (parts: Partial<Listing>): Listing => ({ files: [], folders: [], skipped: [], ...parts })
const listed = (path: FilePath.FilePath, size = 10, mtimeMs = 1.5): ListedFile => ({ path, size, mtimeMs })
const indexed = (path: FilePath.FilePath, sha256 = "aa", contentType = "text/plain", size = 10) => ({
  ...listed(path, size),
  sha256,
  contentType
})
const picture = { width: 4, height: 3, takenAt: "2024-05-17T18:30:15", thumbnail: Uint8Array.of(1, 2, 3) }

/** Opens the catalog in the folder, as a run of the program does, and closes it again. */
const use = <A, E>(temp: TempFolder.TempFolder, effect: Effect.Effect<A, E, Catalog>) =>
  Effect.provide(effect, Layer.fresh(Catalog.layer(fileIn(temp))))

const fileIn = (temp: TempFolder.TempFolder): string => NodePath.join(temp.path, "cache", "catalog.sqlite")

const withCatalog = <E>(
  test: (temp: TempFolder.TempFolder, catalog: Catalog["Service"]) => Effect.Effect<void, E>
) =>
  Effect.gen(function*() {
    const temp = yield* TempFolder.make
    yield* use(temp, Effect.flatMap(Catalog, (catalog) => test(temp, catalog)))
  })

describe("Catalog", () => {
  it.effect("keeps what is saved from one run to the next", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.at(Buffer.from([0x61, 0xff]))
      yield* use(
        temp,
        Effect.gen(function*() {
          const catalog = yield* Catalog
          yield* catalog.saveFile(indexed(path, "cc", "image/png"))
          yield* catalog.saveImage(path, picture)
        })
      )
      const found = yield* use(temp, Effect.flatMap(Catalog, (catalog) => catalog.find(path)))
      const { indexedAt, ...entry } = Option.getOrThrow(found)
      assert.isNumber(indexedAt)
      assert.deepStrictEqual(entry, { ...indexed(path, "cc", "image/png"), image: Option.some(picture) })
    }))

  it.effect("keeps what is saved when the run is interrupted", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.at("a")
      yield* use(
        temp,
        Effect.gen(function*() {
          const catalog = yield* Catalog
          yield* catalog.saveFile(indexed(path))
          yield* Effect.interrupt
        })
      ).pipe(Effect.exit)
      assert.isTrue(Option.isSome(yield* use(temp, Effect.flatMap(Catalog, (catalog) => catalog.find(path)))))
    }))

  it.effect("gives the files of a folder that are new or differ in size or time", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [same, longer, later, added] = ["same", "longer", "later", "added"].map(temp.at) as [any, any, any, any]
      for (const path of [same, longer, later]) yield* catalog.saveFile(indexed(path))
      const files = [listed(same), listed(longer, 11), listed(later, 10, 2.5), listed(added)]
      const changed = yield* catalog.saveFolder(temp.path, listing({ files }))
      assert.deepStrictEqual(changed.map(({ path }) => path), [longer, later, added])
      assert.isTrue(Option.isNone(yield* catalog.find(longer)), "what is known of a changed file is wrong")
      assert.isTrue(Option.isSome(yield* catalog.find(same)))
    })))

  it.effect("gives an image again whose thumbnail was not finished", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const path = temp.at("a.png")
      const files = [listed(path)]
      yield* catalog.saveFile(indexed(path, "aa", "image/png"))
      assert.deepStrictEqual(yield* catalog.saveFolder(temp.path, listing({ files })), files)
      yield* catalog.saveFile(indexed(path, "aa", "image/png"))
      yield* catalog.saveImage(path, picture)
      assert.deepStrictEqual(yield* catalog.saveFolder(temp.path, listing({ files })), [])
    })))

  it.effect("forgets files and whole folders that have gone, and no others", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [kept, gone, keptFolder, goneFolder] = ["kept", "gone", "folder-kept", "folder"].map(temp.at) as [
        any,
        any,
        any,
        any
      ]
      yield* catalog.saveFolder(
        temp.path,
        listing({ files: [listed(kept), listed(gone)], folders: [keptFolder, goneFolder] })
      )
      const inside = [temp.at("folder-kept/a"), temp.at("folder/a"), temp.at("folder/deep/a")]
      for (const path of [kept, gone, ...inside]) yield* catalog.saveFile(indexed(path))
      yield* catalog.saveFolder(keptFolder, listing({ files: [listed(inside[0]!)] }))
      yield* catalog.saveFolder(goneFolder, listing({ files: [listed(inside[1]!)], folders: [temp.at("folder/deep")] }))
      yield* catalog.saveFolder(temp.at("folder/deep"), listing({ files: [listed(inside[2]!)] }))
      yield* catalog.saveFailure({ path: temp.at("folder/deep/bad"), reason: "bad" })

      yield* catalog.saveFolder(temp.path, listing({ files: [listed(kept)], folders: [keptFolder] }))
      assert.deepStrictEqual(yield* catalog.totals(temp.path, 0), {
        files: 2,
        indexed: 2,
        unchanged: 0,
        bytes: 20,
        folders: 2,
        listed: 2,
        skipped: 0
      })
      assert.deepStrictEqual(yield* catalog.failures(temp.path, 0), [])
    })))

  it.effect("keeps a failure until its folder is saved again", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [file, folder] = [temp.at("file"), temp.at("folder")]
      yield* catalog.saveFolder(temp.path, listing({ files: [listed(file)], folders: [folder] }))
      yield* catalog.saveFailure({ path: folder, reason: "first" })
      yield* catalog.saveFailure({ path: folder, reason: "permission denied" })
      yield* catalog.saveFailure({ path: file, reason: "grew while it was read" })
      assert.deepStrictEqual(yield* catalog.failures(temp.path, 0), [
        { path: file, reason: "grew while it was read" },
        { path: folder, reason: "permission denied" }
      ])
      assert.deepStrictEqual(yield* catalog.failures(folder, 0), [{ path: folder, reason: "permission denied" }])
      yield* catalog.saveFolder(folder, listing({}))
      assert.deepStrictEqual((yield* catalog.failures(temp.path, 0)).map(({ path }) => path), [file])
      yield* catalog.saveFolder(temp.path, listing({ files: [listed(file)], folders: [folder] }))
      assert.deepStrictEqual(yield* catalog.failures(temp.path, 0), [])
    })))

  it.effect("adds up each root on its own", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [one, two] = [temp.at("one"), temp.at("one-b")]
      yield* catalog.saveFolder(one, listing({ files: [listed(temp.at("one/a"))], skipped: [temp.at("one/link")] }))
      yield* catalog.saveFile(indexed(temp.at("one/a")))
      yield* catalog.saveFile(indexed(temp.at("one-b/a")))
      const totals = { files: 1, indexed: 1, unchanged: 0, bytes: 10 }
      assert.deepStrictEqual(yield* catalog.totals(one, 0), { ...totals, folders: 1, listed: 1, skipped: 1 })
      assert.deepStrictEqual(yield* catalog.totals(two, 0), { ...totals, folders: 0, listed: 0, skipped: 0 })
    })))

  it.effect("adds up content types, most bytes first", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      yield* catalog.saveFile(indexed(temp.at("a"), "aa", "text/plain", 5))
      yield* catalog.saveFile(indexed(temp.at("b"), "bb", "text/plain", 6))
      yield* catalog.saveFile(indexed(temp.at("c"), "cc", "image/png", 100))
      assert.deepStrictEqual((yield* catalog.contentTypes(temp.path)).map((row) => ({ ...row })), [
        { contentType: "image/png", files: 1, bytes: 100 },
        { contentType: "text/plain", files: 2, bytes: 11 }
      ])
    })))

  it.effect("finds duplicates, most wasteful first, and counts no empty files", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      for (const name of ["a", "b"]) yield* catalog.saveFile(indexed(temp.at(name), "small", "text/plain", 10))
      for (const name of ["x", "y", "z"]) yield* catalog.saveFile(indexed(temp.at(name), "large", "text/plain", 50))
      for (const name of ["e", "f"]) yield* catalog.saveFile(indexed(temp.at(name), "empty", "text/plain", 0))
      yield* catalog.saveFile(indexed(temp.at("single"), "single", "text/plain", 900))
      assert.deepStrictEqual(yield* catalog.duplicates(temp.path), [
        { sha256: "large", size: 50, paths: ["x", "y", "z"].map(temp.at) },
        { sha256: "small", size: 10, paths: ["a", "b"].map(temp.at) }
      ])
    })))

  it.effect("does not give its own files to be indexed", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [file, wal, other] = ["cache/catalog.sqlite", "cache/catalog.sqlite-wal", "cache/other"].map(temp.at)
      const files = [listed(file!), listed(wal!), listed(other!)]
      const changed = yield* catalog.saveFolder(temp.at("cache"), listing({ files }))
      assert.deepStrictEqual(changed.map(({ path }) => path), [other])
    })))

  it.effect("tells what was indexed since a time", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      yield* catalog.saveFile(indexed(temp.at("before")))
      yield* TestClock.adjust("1 minute")
      yield* catalog.saveFile(indexed(temp.at("after")))
      assert.strictEqual((yield* catalog.totals(temp.path, 60_000)).indexed, 1)
    })))

  it.effect("tells what a run has found as it was, and nothing of the folders that it has not listed", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [seen, unseen] = [temp.at("seen"), temp.at("unseen")]
      for (const folder of [seen, unseen]) {
        const file = temp.at(`${FilePath.relative(temp.path, folder)}/a`)
        yield* catalog.saveFolder(folder, listing({ files: [listed(file)] }))
        yield* catalog.saveFile(indexed(file))
        yield* catalog.saveFailure({ path: temp.at(`${FilePath.relative(temp.path, folder)}/b`), reason: "gone" })
      }
      yield* TestClock.adjust("1 minute")
      yield* catalog.saveFolder(seen, listing({ files: [listed(temp.at("seen/a"))] }))
      const totals = yield* catalog.totals(temp.path, 60_000)
      assert.deepInclude(totals, { files: 2, indexed: 0, unchanged: 1, folders: 2, listed: 1 })
      assert.deepStrictEqual(yield* catalog.failures(temp.path, 60_000), [])
    })))

  it.effect("tells what a run has found and not come to", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const left = catalog.remaining(temp.path, 60_000)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* left, { files: 0, folders: 1, thumbnails: 0 }, "the root itself")
      const [sub, file, bad, image] = ["sub", "file", "bad", "image"].map(temp.at) as [any, any, any, any]
      yield* catalog.saveFolder(
        temp.path,
        listing({ files: [file, bad, image].map((path) => listed(path)), folders: [sub] })
      )
      assert.deepStrictEqual(yield* left, { files: 3, folders: 1, thumbnails: 0 })
      yield* catalog.saveFile(indexed(file))
      yield* catalog.saveFailure({ path: bad, reason: "permission denied" })
      yield* catalog.saveFailure({ path: sub, reason: "permission denied" })
      assert.deepStrictEqual(yield* left, { files: 1, folders: 0, thumbnails: 0 })
      yield* catalog.saveFile(indexed(image, "aa", "image/png"))
      assert.deepStrictEqual(yield* left, { files: 0, folders: 0, thumbnails: 1 })
      yield* catalog.saveImage(image, picture)
      assert.deepStrictEqual(yield* left, { files: 0, folders: 0, thumbnails: 0 })
    })))

  it.effect("asks nothing of what is below a folder that failed", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const [folder, below] = [temp.at("folder"), temp.at("folder/below")]
      yield* catalog.saveFolder(folder, listing({ folders: [below] }))
      yield* catalog.saveFolder(below, listing({}))
      yield* TestClock.adjust("1 minute")
      yield* catalog.saveFolder(temp.path, listing({ folders: [folder] }))
      yield* catalog.saveFailure({ path: folder, reason: "permission denied" })
      assert.strictEqual((yield* catalog.remaining(temp.path, 60_000)).folders, 0)
    })))

  it.effect("saves tens of thousands of files within seconds", () =>
    withCatalog(Effect.fnUntraced(function*(temp, catalog) {
      const start = performance.now()
      for (let i = 0; i < 30_000; i++) yield* catalog.saveFile(indexed(temp.at(`folder-${i % 100}/${i}`), `hash-${i}`))
      yield* catalog.flush
      assert.strictEqual((yield* catalog.totals(temp.path, 0)).files, 30_000)
      assert.isBelow(performance.now() - start, 10_000)
    })))

  it.effect("lives in the user's cache folder", () =>
    Effect.sync(() => assert.match(defaultFile(), /effect-tasks-indexer.*catalog\.sqlite$/)))

  it.effect("says of a damaged file which it is and what to do", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("cache")
      Fs.writeFileSync(fileIn(temp), "this is no database, but long enough to be looked at".repeat(100))
      const error = yield* Effect.flip(use(temp, Catalog))
      assert.strictEqual(error.problem, "corrupt")
      assert.include(error.message, `the catalog ${fileIn(temp)} is damaged`)
      assert.include(error.message, "delete it")
    }))

  it.effect("leaves the database of another program as it is", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("cache")
      const other = new DatabaseSync(fileIn(temp))
      other.exec("CREATE TABLE file (something TEXT); CREATE TABLE song (title TEXT); INSERT INTO file VALUES ('mine')")
      const error = yield* Effect.flip(use(temp, Catalog))
      assert.strictEqual(error.problem, "foreign")
      assert.include(error.message, "the database of another program")
      assert.deepStrictEqual({ ...other.prepare("SELECT something FROM file").get() }, { something: "mine" })
      other.close()
    }))

  it.effect("says of a catalog that breaks while it is used that it is damaged, and then of every use", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      yield* use(
        temp,
        Effect.flatMap(Catalog, (catalog) =>
          Effect.forEach(
            Array.from({ length: 5_000 }, (_, i) => temp.at(`${i}`)),
            (path) => catalog.saveFile(indexed(path))
          ))
      )
      const pages = Fs.readFileSync(fileIn(temp))
      Fs.writeFileSync(fileIn(temp), pages.fill(0xaa, 8 * 4_096))
      yield* use(
        temp,
        Effect.gen(function*() {
          const catalog = yield* Catalog
          assert.strictEqual((yield* Effect.flip(catalog.duplicates(temp.path))).problem, "corrupt")
          assert.strictEqual((yield* Effect.flip(catalog.saveFile(indexed(temp.at("a"))))).problem, "corrupt")
        })
      )
    }))

  it.effect("says of a place where no file can be that it is unusable", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.write("cache", "a file where the folder should be")
      assert.strictEqual((yield* Effect.flip(use(temp, Catalog))).problem, "unusable")
    }))

  it.effect("makes a catalog of another version anew", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      temp.folder("cache")
      const other = new DatabaseSync(fileIn(temp))
      other.exec("CREATE TABLE file (something TEXT); PRAGMA user_version = 99")
      other.close()
      yield* use(temp, Effect.flatMap(Catalog, (catalog) => catalog.saveFile(indexed(temp.at("a")))))
      assert.isTrue(Option.isSome(yield* use(temp, Effect.flatMap(Catalog, (catalog) => catalog.find(temp.at("a"))))))
    }))

  it.live("says that another process uses it, and works again when that has ended", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const script = `
        import { Effect } from "effect"
        import { Catalog } from ${JSON.stringify(new URL("../src/Catalog.ts", import.meta.url).href)}
        setInterval(() => {}, 1_000)
        const hold = Effect.andThen(Effect.sync(() => console.log("open")), Effect.never)
        Effect.runFork(Effect.provide(Effect.andThen(Catalog, hold), Catalog.layer(${JSON.stringify(fileIn(temp))})))
      `
      const other = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
        cwd: import.meta.dirname,
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.promise(() => once(other.stdout, "data"))
      const error = yield* Effect.flip(use(temp, Catalog))
      assert.strictEqual(error.problem, "locked")
      assert.include(error.message, "in use by another process")
      other.kill("SIGKILL")
      yield* Effect.promise(() => once(other, "exit"))
      yield* use(temp, Catalog)
    }))
})
