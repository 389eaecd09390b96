/**
 * How a folder is indexed: three jobs and what each of them does.
 *
 * Scanning a folder indexes each file in it that is new or has changed, and scans each folder in it, all in a pool of its
 * own. Indexing a file tells what it is. If it is a picture, a thumbnail is made when there is nothing better to do.
 * Whatever fails is remembered by path, and nothing else suffers from it.
 */
import { Effect, type Exit, Option, Schedule, Schema } from "effect"
import { Job, JobRegistry, type Limit, TaskPool } from "effect-tasks"
import { Catalog } from "./Catalog.ts"
import { CatalogError } from "./CatalogError.ts"
import * as Failure from "./Failure.ts"
import { FileError, isTransient } from "./FileError.ts"
import { FilePath } from "./FilePath.ts"
import * as Folder from "./Folder.ts"
import * as ImageInfo from "./ImageInfo.ts"
import { Reading } from "./Reading.ts"

export class ScanFolder extends Job.make("ScanFolder", {
  payload: { path: FilePath },
  error: Schema.Union([FileError, CatalogError]),
  progress: Schema.Struct({ files: Schema.Int }), // found to be indexed in this very folder
  unique: true,
  priority: Job.Priority.Urgent // only when every file is found can the time left be told
}) {}

export class IndexFile extends Job.make("IndexFile", {
  payload: { path: FilePath },
  error: Schema.Union([FileError, CatalogError]),
  progress: Schema.Struct({ bytes: Schema.Int }),
  unique: true,
  priority: Job.Priority.High,
  timeout: "10 minutes",
  retry: { times: 2, schedule: Schedule.exponential("100 millis"), while: isTransient }
}) {}

export class MakeThumbnail extends Job.make("MakeThumbnail", {
  payload: { path: FilePath },
  error: Schema.Union([ImageInfo.ImageError, FileError, CatalogError]),
  unique: true,
  priority: Job.Priority.Background,
  timeout: "1 minute",
  concurrency: 2
}) {}

const ScanFolderLive = ScanFolder.toLayer(Effect.gen(function*() {
  const catalog = yield* Catalog
  return ScanFolder.of(Effect.fnUntraced(function*({ path }, task) {
    yield* task.onFailure(rememberFailure(catalog, path))
    const listing = yield* Folder.list(path)
    const changed = yield* catalog.saveFolder(path, listing)
    yield* task.report({ files: changed.length })
    const pool = yield* TaskPool.make({ name: path })
    yield* Effect.forEach(changed, (file) => IndexFile.dispatch({ path: file.path }, { pool }))
    yield* Effect.forEach(listing.folders, (folder) => ScanFolder.dispatch({ path: folder }, { pool }))
    yield* pool.settled
  }))
}))

const indexFile = Effect.gen(function*() {
  const catalog = yield* Catalog
  const reading = yield* Reading
  return IndexFile.of(Effect.fnUntraced(function*({ path }, task) {
    yield* task.onFailure(rememberFailure(catalog, path))
    const file = yield* reading.file({ path }, task)
    yield* catalog.saveFile({ path, ...file })
    yield* task.report({ bytes: file.size })
    if (ImageInfo.isReadable(file.contentType)) yield* MakeThumbnail.dispatch({ path })
  }))
})

const makeThumbnail = Effect.gen(function*() {
  const catalog = yield* Catalog
  const reading = yield* Reading
  return MakeThumbnail.of(Effect.fnUntraced(function*({ path }, task) {
    yield* task.onFailure(rememberFailure(catalog, path))
    yield* catalog.saveImage(path, yield* reading.image({ path }, task))
  }))
})

/** Tasks that read stand under these limits. */
export const layer = (limits: ReadonlyArray<Limit.Limit> = []) =>
  JobRegistry.layer(
    ScanFolderLive,
    IndexFile.toLayer(indexFile, { limits }),
    MakeThumbnail.toLayer(makeThumbnail, { limits })
  )

const rememberFailure = (catalog: Catalog["Service"], path: FilePath) => (exit: Exit.Failure<unknown, unknown>) =>
  Option.match(Failure.reasonOf(exit.cause), {
    onNone: () => Effect.void,
    onSome: (reason) => catalog.saveFailure({ path, reason })
  })
