/**
 * Tells what a file is by its first bytes.
 *
 * Text first, because prose can begin like anything ("BM", "MZ"): which kind of text it is, only its extension knows, and
 * that is believed if it names a kind of text at all. Everything else is told by its magic number, never by its name.
 */
import { Effect } from "effect"
import { fileTypeFromBuffer } from "file-type"
import { isBinaryFileSync } from "isbinaryfile"
import { Mime } from "mime"
import otherTypes from "mime/types/other.js"
import standardTypes from "mime/types/standard.js"
import * as FilePath from "./FilePath.ts"

export const detect = (path: FilePath.FilePath, head: Buffer): Effect.Effect<string> => {
  if (head.length === 0) return Effect.succeed("application/x-empty")
  return isBinaryFileSync(head) ? binaryType(head) : Effect.succeed(textType(path))
}

// Registered long ago for MPEG transport streams, which are binary and so never looked up here.
const mime = new Mime(standardTypes, otherTypes).define({ "text/x-typescript": ["ts", "mts", "cts", "tsx"] }, true)

const kindsOfText =
  /^(text|message)\/|[/+-](json|json5|xml|xhtml|yaml|toml|javascript|ecmascript|node|sql|sh|csh|tex|rtf|postscript)$/

const textType = (path: FilePath.FilePath): string => {
  const type = mime.getType(FilePath.extension(path))
  return type !== null && kindsOfText.test(type) ? type : "text/plain"
}

// file-type throws where a head breaks off amid a structure that it follows; then the type is as unknown as without it.
const binaryType = (head: Buffer): Effect.Effect<string> =>
  Effect.promise(() => fileTypeFromBuffer(head).then((found) => found?.mime, () => undefined)).pipe(
    Effect.map((type) => type ?? "application/octet-stream")
  )
