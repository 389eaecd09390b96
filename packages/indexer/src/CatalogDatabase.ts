/**
 * The SQLite file under the catalog: opened for this process alone, its tables made, writes gathered into transactions.
 *
 * SQLite answers synchronously. One commit for many writes keeps that cheap; closing the Scope commits what is left. A
 * write that fails can take its whole transaction with it, so from then on every use fails with the same error: nothing
 * goes missing unnoticed.
 */
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as NodePath from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import * as CatalogError from "./CatalogError.ts"

export interface CatalogDatabase {
  readonly prepare: (sql: string) => StatementSync
  readonly read: <A>(run: () => A) => Effect.Effect<A, CatalogError.CatalogError>
  readonly write: <A>(run: () => A) => Effect.Effect<A, CatalogError.CatalogError>
  readonly commit: Effect.Effect<void, CatalogError.CatalogError>
}

export const open = Effect.fnUntraced(function*(file: string) {
  const attempt = <A>(run: () => A) => Effect.try({ try: run, catch: (error) => CatalogError.fromNode(file, error) })
  yield* attempt(() => Fs.mkdirSync(NodePath.dirname(file), { recursive: true }))
  const database = yield* Effect.acquireRelease(
    attempt(() => new DatabaseSync(file, { timeout: millisToWaitForLock })),
    (database) => Effect.sync(() => database.close())
  )
  yield* attempt(() => prepareTables(database))
  const catalog = make(database, file)
  yield* Effect.addFinalizer(() => catalog.commit.pipe(Effect.catch((error) => Effect.logError(error.message))))
  return catalog
})

const writesPerCommit = 1_000
const millisToWaitForLock = 1_000

const make = (database: DatabaseSync, file: string): CatalogDatabase => {
  let failure: CatalogError.CatalogError | undefined
  let writes = 0

  const attempt = <A>(run: () => A) =>
    Effect.try({
      try: () => {
        if (failure !== undefined) throw failure
        return run()
      },
      catch: (error) => failure ??= CatalogError.fromNode(file, error)
    })

  const commit = () => {
    if (database.isTransaction) database.exec("COMMIT")
    writes = 0
  }

  return {
    prepare: (sql) => database.prepare(sql),
    read: attempt,
    write: (run) =>
      attempt(() => {
        if (!database.isTransaction) database.exec("BEGIN")
        const result = run()
        if (++writes >= writesPerCommit) commit()
        return result
      }),
    commit: attempt(commit)
  }
}

// A catalog is a cache: one of another version is not converted but made anew.
const version = 2

const prepareTables = (database: DatabaseSync): void => {
  // Exclusive, so that a second process hears at the start that the catalog is taken, not in the middle of its work.
  database.exec(
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE"
  )
  // `--catalog` can name the database of another program, whose tables are not this one's to drop
  if (database.prepare(foreignTables).get() !== undefined) throw new CatalogError.ForeignDatabase()
  if (database.prepare("PRAGMA user_version").get()?.["user_version"] !== version) database.exec(tables)
  database.exec("COMMIT")
}

const foreignTables =
  "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('folder', 'file', 'failure')"

const tables = `
  DROP TABLE IF EXISTS folder;
  DROP TABLE IF EXISTS file;
  DROP TABLE IF EXISTS failure;
  CREATE TABLE folder (
    path TEXT PRIMARY KEY, parent TEXT NOT NULL,
    skipped INTEGER NOT NULL, files INTEGER NOT NULL, listed_at INTEGER
  );
  CREATE INDEX folder_parent ON folder (parent);
  CREATE TABLE file (
    path TEXT PRIMARY KEY, parent TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ms REAL NOT NULL, sha256 TEXT NOT NULL, content_type TEXT NOT NULL,
    indexed_at INTEGER NOT NULL, width INTEGER, height INTEGER, taken_at TEXT, thumbnail BLOB
  );
  CREATE INDEX file_parent ON file (parent);
  CREATE TABLE failure (path TEXT PRIMARY KEY, parent TEXT NOT NULL, reason TEXT NOT NULL, failed_at INTEGER NOT NULL);
  CREATE INDEX failure_parent ON failure (parent);
  PRAGMA user_version = ${version};
`
