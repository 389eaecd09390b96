/**
 * Why the catalog cannot be used, with its file and what to do about it.
 */
import { Schema } from "effect"

export class CatalogError extends Schema.TaggedError<CatalogError>()("CatalogError", {
  file: Schema.String,
  problem: Schema.Literals(["corrupt", "locked", "unusable"]),
  detail: Schema.String
}) {
  override get message() {
    return `the catalog ${this.file} ${explain(this.problem, this.detail)}`
  }
}

export const fromNode = (file: string, error: unknown): CatalogError => {
  const { errcode, message } = error as { readonly errcode?: number, readonly message: string }
  return new CatalogError({ file, problem: problemOf(errcode), detail: message })
}

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

const problemOf = (errcode: number | undefined): CatalogError["problem"] => {
  // SQLite puts details into the higher bits.
  switch (errcode === undefined ? undefined : errcode & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "locked"
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "corrupt"
    default:
      return "unusable"
  }
}

const explain = (problem: CatalogError["problem"], detail: string): string => {
  switch (problem) {
    case "locked":
      return "is in use by another process: wait until that has ended, or set XDG_CACHE_HOME to use another catalog"
    case "corrupt":
      return `is damaged (${detail}): delete it, and the next run indexes everything anew`
    case "unusable":
      return `cannot be used (${detail}): see that its folder can be written to and its disk is not full`
  }
}
