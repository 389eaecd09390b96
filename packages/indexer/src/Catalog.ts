/**
 * Remembers what every indexed file is, between runs and for any number of folders, in one SQLite file: unless the user
 * names another, one under the user's cache folder.
 */
import { Clock, Context, Effect, Layer, Option } from "effect"
import envPaths from "env-paths"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import * as CatalogDatabase from "./CatalogDatabase.ts"
import type { CatalogError } from "./CatalogError.ts"
import * as CatalogStatements from "./CatalogStatements.ts"
import * as FilePath from "./FilePath.ts"
import type { ListedFile, Listing } from "./Folder.ts"
import { type ImageInfo, isReadable } from "./ImageInfo.ts"

export interface IndexedFile extends ListedFile {
  readonly sha256: string
  readonly contentType: string
}

export interface CatalogEntry extends IndexedFile {
  readonly indexedAt: number
  readonly image: Option.Option<ImageInfo>
}

/** All that is known below a root, and how much of it a run has looked at. */
export interface Totals {
  readonly files: number
  /** Files that this run has read. */
  readonly indexed: number
  /** Files that this run has found as they were. */
  readonly unchanged: number
  readonly folders: number
  /** Folders that this run has listed. */
  readonly listed: number
  readonly bytes: number
  readonly skipped: number
}

/** What a run has found and not come to, because it was stopped. Failures are not among it. */
export interface Remaining {
  readonly files: number
  readonly folders: number
  readonly thumbnails: number
}

export interface TypeTotals {
  readonly contentType: string
  readonly files: number
  readonly bytes: number
}

/** Files with the same content; all but one of them waste their size. */
export interface Duplicates {
  readonly sha256: string
  readonly size: number
  readonly paths: ReadonlyArray<FilePath.FilePath>
}

export interface Failure {
  readonly path: FilePath.FilePath
  readonly reason: string
}

export class Catalog extends Context.Service<Catalog, {
  /** Where it is kept. */
  readonly file: string,
  /** Remembers a folder, forgets what has gone from it or changed in it, and gives the files that are to be indexed. The
   * catalog's own are not among them: to open those would break SQLite's lock on them. */
  readonly saveFolder: (
    path: FilePath.FilePath,
    listing: Listing
  ) => Effect.Effect<ReadonlyArray<ListedFile>, CatalogError>,
  readonly saveFile: (file: IndexedFile) => Effect.Effect<void, CatalogError>,
  readonly saveImage: (path: FilePath.FilePath, image: ImageInfo) => Effect.Effect<void, CatalogError>,
  /** Kept until the folder that holds the path is saved again. */
  readonly saveFailure: (failure: Failure) => Effect.Effect<void, CatalogError>,
  /** Writes to disk what is not yet there; closing the layer does the same. */
  readonly flush: Effect.Effect<void, CatalogError>,
  readonly find: (path: FilePath.FilePath) => Effect.Effect<Option.Option<CatalogEntry>, CatalogError>,
  /** A run is named by the time when it began. */
  readonly totals: (root: FilePath.FilePath, since: number) => Effect.Effect<Totals, CatalogError>,
  readonly remaining: (root: FilePath.FilePath, since: number) => Effect.Effect<Remaining, CatalogError>,
  /** Most bytes first. */
  readonly contentTypes: (root: FilePath.FilePath) => Effect.Effect<ReadonlyArray<TypeTotals>, CatalogError>,
  /** Most wasteful first. */
  readonly duplicates: (root: FilePath.FilePath) => Effect.Effect<ReadonlyArray<Duplicates>, CatalogError>,
  readonly failures: (root: FilePath.FilePath, since: number) => Effect.Effect<ReadonlyArray<Failure>, CatalogError>
}>()("@effect-tasks/indexer/Catalog") {
  static readonly layer = (file: string): Layer.Layer<Catalog, CatalogError> =>
    Layer.effect(
      Catalog,
      Effect.flatMap(CatalogDatabase.open(file), (database) => database.read(() => make(database, file)))
    )
}

export const defaultFile = (): string =>
  NodePath.join(envPaths("effect-tasks-indexer", { suffix: "" }).cache, "catalog.sqlite")

const realPath = (file: string): FilePath.FilePath => FilePath.fromBytes(Fs.realpathSync(file, "buffer"))

const make = (database: CatalogDatabase.CatalogDatabase, file: string): Catalog["Service"] => {
  const sql = CatalogStatements.prepare(database)
  const own = realPath(file)

  const forgetFolder = (path: FilePath.FilePath): void => {
    const bounds = FilePath.below(path)
    sql.deleteFolder(path)
    sql.deleteFoldersBelow(...bounds)
    sql.deleteFilesBelow(...bounds)
    sql.deleteFailuresBelow(...bounds)
  }

  const saveFolder = (path: FilePath.FilePath, listing: Listing, now: number): ReadonlyArray<ListedFile> => {
    const folders = new Set(listing.folders)
    for (const known of sql.foldersIn(path)) if (!folders.has(known.path)) forgetFolder(known.path)
    const unchanged = new Set<FilePath.FilePath>()
    const listed = new Map(listing.files.map((file) => [file.path, file]))
    for (const known of sql.filesIn(path)) {
      if (isUpToDate(known, listed.get(known.path))) unchanged.add(known.path)
      else sql.deleteFile(known.path)
    }
    sql.deleteFailuresIn(path, path)
    for (const folder of listing.folders) sql.saveFoundFolder(folder, path)
    const files = listing.files.filter((file) => !file.path.startsWith(own))
    sql.saveFolder(path, FilePath.parent(path), listing.skipped.length, files.length, now)
    return files.filter((file) => !unchanged.has(file.path))
  }

  const saveFile = (file: IndexedFile, now: number): void =>
    sql.saveFile(file.path, FilePath.parent(file.path), file.size, file.mtimeMs, file.sha256, file.contentType, now)

  const filesLeft = (root: FilePath.FilePath, since: number): number =>
    Math.max(sql.filesLeft(since, ...FilePath.below(root), root)[0]!.count, 0)

  const foldersLeft = (root: FilePath.FilePath, since: number): number =>
    sql.foldersLeft(since, ...FilePath.below(root), root)[0]!.count

  const thumbnailsLeft = (root: FilePath.FilePath, since: number): number =>
    sql.withoutThumbnail(since, ...FilePath.below(root)).reduce(
      (sum, { contentType, files }) => isReadable(contentType) ? sum + files : sum,
      0
    )

  const writeNow = <A>(write: (now: number) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => database.write(() => write(now)))

  return {
    file,
    saveFolder: (path, listing) => writeNow((now) => saveFolder(path, listing, now)),
    saveFile: (file) => writeNow((now) => saveFile(file, now)),
    saveImage: (path, { width, height, takenAt, thumbnail }) =>
      database.write(() => sql.saveImage(width, height, takenAt, thumbnail, path)),
    saveFailure: ({ path, reason }) => writeNow((now) => sql.saveFailure(path, FilePath.parent(path), reason, now)),
    flush: database.commit,
    find: (path) => database.read(() => Option.map(Option.fromUndefinedOr(sql.file(path)[0]), toEntry)),
    totals: (root, since) =>
      database.read(() => ({
        ...sql.fileTotals(since, ...FilePath.below(root))[0]!,
        ...sql.folderTotals(since, ...FilePath.below(root), root)[0]!
      })),
    remaining: (root, since) =>
      database.read(() => ({
        files: filesLeft(root, since),
        folders: foldersLeft(root, since),
        thumbnails: thumbnailsLeft(root, since)
      })),
    contentTypes: (root) => database.read(() => sql.contentTypes(...FilePath.below(root))),
    duplicates: (root) =>
      database.read(() =>
        Map.groupBy(sql.duplicates(...FilePath.below(root)), (row) => row.sha256).values().map(toDuplicates).toArray()
      ),
    failures: (root, since) => database.read(() => sql.failures(since, root, ...FilePath.below(root)))
  }
}

/** An image whose thumbnail was not finished counts as out of date, so the next run catches up on it. */
const isUpToDate = (
  known: Pick<CatalogStatements.FileRow, "size" | "mtimeMs" | "contentType" | "width">,
  listed: ListedFile | undefined
): boolean =>
  listed?.size === known.size && listed.mtimeMs === known.mtimeMs &&
  !(isReadable(known.contentType) && known.width === null)

const toEntry = (row: CatalogStatements.FileRow): CatalogEntry => {
  const { width, height, takenAt, thumbnail, ...file } = row
  return {
    ...file,
    image: width === null || height === null || thumbnail === null
      ? Option.none()
      : Option.some({ width, height, takenAt, thumbnail })
  }
}

const toDuplicates = (
  rows: ReadonlyArray<{ readonly sha256: string, readonly size: number, readonly path: FilePath.FilePath }>
): Duplicates => ({ sha256: rows[0]!.sha256, size: rows[0]!.size, paths: rows.map((row) => row.path) })
