/**
 * An absolute path as text, whatever bytes it is made of.
 *
 * File names are bytes, and not all of them are UTF-8. A byte that has no place in text that people read, store and send
 * as JSON (not UTF-8, a control character) is written as in a URL: `caf%E9.txt`. A `%` is itself escaped only where it
 * would read as such a byte, so ordinary names stay as they are. `toNative` gives back the exact bytes.
 */
import { Schema } from "effect"
import { isUtf8 } from "node:buffer"
import * as NodePath from "node:path"

export const FilePath = Schema.String.pipe(Schema.brand("FilePath"))
export type FilePath = typeof FilePath.Type

/** Takes a path as it was typed, relative to `base`. */
export const resolve = (base: string, path: string): FilePath =>
  FilePath.make(escapeText(NodePath.resolve(base, path).toWellFormed()))

/** The path of an entry of a folder, named by the bytes that the system gave. */
export const join = (folder: FilePath, name: Buffer): FilePath =>
  FilePath.make((folder.endsWith(NodePath.sep) ? folder : folder + NodePath.sep) + escapeName(name))

/** Takes an absolute path as the bytes that the system gave. */
export const fromBytes = (path: Buffer): FilePath => FilePath.make(escapeName(path))

/** What to pass to the file system. */
export const toNative = (path: FilePath): string | Buffer =>
  escaped.test(path) ? Buffer.concat(path.split(escapedParts).map(partToBytes)) : path

export const parent = (path: FilePath): FilePath => FilePath.make(NodePath.dirname(path))

export const extension = (path: FilePath): string => NodePath.extname(path).slice(1).toLowerCase()

/** The path below `root`, for reading; the root itself is its own name. */
export const relative = (root: FilePath, path: FilePath): string => NodePath.relative(root, path) || path

/** Every path below `root` sorts from the first bound on and before the second. */
export const below = (root: FilePath): readonly [from: string, to: string] => {
  const folder = root.endsWith(NodePath.sep) ? root.slice(0, -1) : root
  return [folder + NodePath.sep, folder + String.fromCharCode(NodePath.sep.charCodeAt(0) + 1)]
}

const escaped = /%[0-9A-F]{2}/
const escapedParts = /(%[0-9A-F]{2})/
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unsafe = /[\u0000-\u001F\u007F-\u009F]|%(?=[0-9A-F]{2})/g

const escapeBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")

const escapeText = (text: string): string => text.replace(unsafe, (character) => escapeBytes(Buffer.from(character)))

const partToBytes = (part: string): Buffer =>
  escaped.test(part) ? Buffer.from(part.slice(1), "hex") : Buffer.from(part, "utf8")

const escapeName = (name: Buffer): string => {
  if (isUtf8(name)) return escapeText(name.toString("utf8"))
  let escapedName = ""
  let textFrom = 0
  for (let at = 0; at < name.length;) {
    const length = characterLength(name, at)
    if (length === 0) {
      escapedName += escapeText(name.toString("utf8", textFrom, at)) + escapeBytes(name.subarray(at, at + 1))
      textFrom = at + 1
    }
    at += Math.max(length, 1)
  }
  return escapedName + escapeText(name.toString("utf8", textFrom))
}

/** How many bytes the UTF-8 character at this place takes, 0 when there is none. */
const characterLength = (bytes: Buffer, at: number): number => {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length
  }
  return 0
}
