/**
 * A folder that is there as long as the test.
 */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as NodePath from "node:path"
import * as FilePath from "../src/FilePath.ts"

export interface TempFolder {
  readonly path: FilePath.FilePath
  /** The path of an entry, which need not be there. */
  readonly at: (name: string | Buffer) => FilePath.FilePath
  readonly write: (name: string | Buffer, content?: string | Uint8Array) => FilePath.FilePath
  readonly folder: (name: string) => FilePath.FilePath
  /** A named pipe, which nobody writes to. */
  readonly pipe: (name: string) => FilePath.FilePath
  readonly remove: (name: string) => void
}

export const make: Effect.Effect<TempFolder, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(NodePath.join(Os.tmpdir(), "indexer-")))),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  ),
  (native) => {
    const path = FilePath.resolve("", native)
    const at = (name: string | Buffer) => FilePath.join(path, Buffer.from(name))
    const nativeOf = (name: string | Buffer) => FilePath.toNative(at(name))
    return {
      path,
      at,
      write: (name, content = "") => {
        Fs.writeFileSync(nativeOf(name), content)
        return at(name)
      },
      folder: (name) => {
        Fs.mkdirSync(nativeOf(name), { recursive: true })
        return at(name)
      },
      pipe: (name) => {
        execFileSync("/usr/bin/mkfifo", [at(name)])
        return at(name)
      },
      remove: (name) => Fs.rmSync(nativeOf(name), { recursive: true })
    }
  }
)
