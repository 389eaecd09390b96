/**
 * Reads a file once, from one open to one close, and tells its SHA-256, size, time and first bytes.
 *
 * A file that is written to meanwhile fails with `FileChanged`. Interruption takes effect between two reads, and the file
 * is closed on every path. Most files are small, so such a file costs two trips to the thread pool: open and read. The
 * rest is answered by the kernel from memory and done in place.
 */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as FileError from "./FileError.ts"
import * as FilePath from "./FilePath.ts"

export interface Fingerprint {
  readonly size: number
  readonly mtimeMs: number
  readonly sha256: string
  readonly head: Buffer
}

export const take = (path: FilePath.FilePath): Effect.Effect<Fingerprint, FileError.FileError> =>
  Effect.acquireUseRelease(open(path), (fd) => read(path, fd), (fd) => Effect.sync(() => Fs.closeSync(fd)))

// Enough for every magic number; the farthest, of a tar archive, ends at byte 262.
const headBytes = 4_100
const chunkBytes = 256 * 1024

// Not through a symlink, and not waiting for a pipe's other end, should one have taken the file's place since it was listed.
const flags = Fs.constants.O_RDONLY | (Fs.constants.O_NOFOLLOW ?? 0) | (Fs.constants.O_NONBLOCK ?? 0)

const open = (path: FilePath.FilePath) =>
  Effect.callback<number, FileError.FileError>((resume) => {
    Fs.open(FilePath.toNative(path), flags, (error, fd) =>
      resume(error === null ? Effect.succeed(fd) : Effect.fail(FileError.fromNode(path, error))))
  })

const read = Effect.fnUntraced(function*(path: FilePath.FilePath, fd: number) {
  const before = yield* stat(path, fd)
  if (!before.isFile()) return yield* new FileError.FileChanged({ path, change: "is no longer a file" })
  const { bytes, sha256, head } = yield* readAll(path, fd, before.size)
  if (bytes > before.size) return yield* new FileError.FileChanged({ path, change: "grew" })
  if (bytes < before.size) return yield* new FileError.FileChanged({ path, change: "shrank" })
  const after = yield* stat(path, fd)
  if (after.mtimeMs !== before.mtimeMs || after.size !== before.size) {
    return yield* new FileError.FileChanged({ path, change: "was written to" })
  }
  return { size: before.size, mtimeMs: before.mtimeMs, sha256, head }
})

const stat = (path: FilePath.FilePath, fd: number) =>
  Effect.try({
    try: () => Fs.fstatSync(fd),
    catch: (error) => FileError.fromNode(path, error as NodeJS.ErrnoException)
  })

const readAll = Effect.fnUntraced(function*(path: FilePath.FilePath, fd: number, size: number) {
  // One byte more than the file has: a read that leaves it empty has seen the end, one that fills it has seen growth.
  const buffer = Buffer.allocUnsafeSlow(Math.min(size + 1, chunkBytes))
  const digest = createHash("sha256")
  let head = Buffer.alloc(0)
  let bytes = 0
  while (bytes <= size) {
    const read = yield* readInto(path, fd, buffer)
    const chunk = buffer.subarray(0, read)
    if (bytes === 0) head = Buffer.from(chunk.subarray(0, headBytes))
    digest.update(chunk)
    bytes += read
    if (read === 0 || (bytes === size && read < buffer.length)) break
  }
  return { bytes, sha256: digest.digest("hex"), head }
})

// Uninterruptible: closing a file under a running read would let that read go on in whatever gets the same number next.
const readInto = (path: FilePath.FilePath, fd: number, buffer: Buffer) =>
  Effect.uninterruptible(Effect.callback<number, FileError.FileError>((resume) => {
    Fs.read(
      fd,
      buffer,
      0,
      buffer.length,
      null,
      (error, bytes) => resume(error === null ? Effect.succeed(bytes) : Effect.fail(FileError.fromNode(path, error)))
    )
  }))
