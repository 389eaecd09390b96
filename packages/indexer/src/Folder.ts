/**
 * What is in a folder, one level deep: files with size and time, sub-folders, and what is passed over.
 *
 * Symbolic links are never followed, so no loop can arise; sockets, pipes and devices are never opened, so nothing can hang.
 */
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as FileError from "./FileError.ts"
import * as FilePath from "./FilePath.ts"

export interface Listing {
  readonly files: ReadonlyArray<ListedFile>
  readonly folders: ReadonlyArray<FilePath.FilePath>
  /** Symbolic links, sockets, pipes and devices. */
  readonly skipped: ReadonlyArray<FilePath.FilePath>
}

export interface ListedFile {
  readonly path: FilePath.FilePath
  readonly size: number
  readonly mtimeMs: number
}

export const list: (path: FilePath.FilePath) => Effect.Effect<Listing, FileError.FileError> = Effect.fnUntraced(
  function*(path) {
    const entries = yield* readEntries(path)
    const pathsOf = (isWanted: (entry: Entry) => boolean) =>
      entries.filter(isWanted).map((entry) => FilePath.join(path, entry.name))
    const files = yield* Effect.forEach(pathsOf((entry) => entry.isFile()), stat, { concurrency: 16 })
    return {
      files: files.filter((file) => file !== undefined),
      folders: pathsOf((entry) => entry.isDirectory()),
      skipped: pathsOf((entry) => !entry.isFile() && !entry.isDirectory())
    }
  }
)

type Entry = Fs.Dirent<Buffer>

const readEntries = (path: FilePath.FilePath) =>
  Effect.callback<ReadonlyArray<Entry>, FileError.FileError>((resume) => {
    const options = { withFileTypes: true, encoding: "buffer" } as const
    Fs.readdir(
      FilePath.toNative(path),
      options,
      (error, entries) =>
        resume(error === null ? Effect.succeed(entries) : Effect.fail(FileError.fromNode(path, error)))
    )
  })

/** Nothing for a file that has gone meanwhile. One that does not tell its size will tell why when it is opened. */
const stat = (path: FilePath.FilePath) =>
  Effect.callback<ListedFile | undefined>((resume) => {
    Fs.lstat(FilePath.toNative(path), (error, stats) => {
      if (error === null) return resume(Effect.succeed({ path, size: stats.size, mtimeMs: stats.mtimeMs }))
      return resume(Effect.succeed(error.code === "ENOENT" ? undefined : { path, size: 0, mtimeMs: Number.NaN }))
    })
  })
