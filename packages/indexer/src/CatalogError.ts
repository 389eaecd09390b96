/**
 * Why the catalog cannot be used, with its file and what to do about it.
 */
import { Schema } from "effect"

export class CatalogError extends Schema.TaggedError<CatalogError>()("CatalogError", {
  file: Schema.String,
  problem: Schema.Literals(["corrupt", "foreign", "locked", "unusable"]),
  detail: Schema.String
}) {
  override get message() {
    return `the catalog ${this.file} ${explain(this.problem, this.detail)}`
  }
}

/** The file is an SQLite database with other tables than a catalog's. */
export class ForeignDatabase extends Error {}

export const fromNode = (file: string, error: unknown): CatalogError => {
  if (error instanceof ForeignDatabase) return new CatalogError({ file, problem: "foreign", detail: "" })
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
      return "is in use by another process: wait until that has ended, or name another one with --catalog"
    case "foreign":
      return "is the database of another program: name another file with --catalog"
    case "corrupt":
      return `is damaged, or no catalog at all (${detail}): name another one with --catalog, or delete it and index anew`
    case "unusable":
      return `cannot be used (${detail}): see that its folder can be written to and its disk is not full`
  }
}
