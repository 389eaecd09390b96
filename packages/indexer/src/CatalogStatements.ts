/**
 * Every SQL statement of the catalog, prepared once, as a function of its parameters.
 *
 * A folder with all below it is a range of paths, given by its two bounds.
 */
import type { SQLInputValue } from "node:sqlite"
import type { CatalogDatabase } from "./CatalogDatabase.ts"
import type { FilePath } from "./FilePath.ts"

export interface FileRow {
  readonly path: FilePath
  readonly size: number
  readonly mtimeMs: number
  readonly sha256: string
  readonly contentType: string
  readonly indexedAt: number
  readonly width: number | null
  readonly height: number | null
  readonly takenAt: string | null
  readonly thumbnail: Uint8Array | null
}

// ?1 is when the run began, ?2 and ?3 bound what is below its root, ?4 is the root.
const listed = "(SELECT path FROM folder WHERE listed_at >= ?1)"
const failed = "(SELECT path FROM failure WHERE failed_at >= ?1)"

export const prepare = ({ prepare }: CatalogDatabase) => {
  const rows = <Row>(sql: string) => {
    const statement = prepare(sql)
    return (...parameters: ReadonlyArray<SQLInputValue>) =>
      statement.all(...parameters) as ReadonlyArray<unknown> as ReadonlyArray<Row>
  }
  const run = (sql: string) => {
    const statement = prepare(sql)
    return (...parameters: ReadonlyArray<SQLInputValue>): void => void statement.run(...parameters)
  }
  return {
    saveFolder: run(`INSERT INTO folder VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET skipped = excluded.skipped, files = excluded.files, listed_at = excluded.listed_at`),
    saveFoundFolder: run("INSERT INTO folder VALUES (?, ?, 0, 0, NULL) ON CONFLICT DO NOTHING"),
    foldersIn: rows<{ readonly path: FilePath }>("SELECT path FROM folder WHERE parent = ?"),
    deleteFolder: run("DELETE FROM folder WHERE path = ?"),
    deleteFoldersBelow: run("DELETE FROM folder WHERE path >= ? AND path < ?"),

    saveFile: run(`INSERT OR REPLACE INTO file (path, parent, size, mtime_ms, sha256, content_type, indexed_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`),
    saveImage: run("UPDATE file SET width = ?, height = ?, taken_at = ?, thumbnail = ? WHERE path = ?"),
    file: rows<FileRow>(`SELECT path, size, mtime_ms AS mtimeMs, sha256, content_type AS contentType,
      indexed_at AS indexedAt, width, height, taken_at AS takenAt, thumbnail FROM file WHERE path = ?`),
    filesIn: rows<Pick<FileRow, "path" | "size" | "mtimeMs" | "contentType" | "width">>(
      "SELECT path, size, mtime_ms AS mtimeMs, content_type AS contentType, width FROM file WHERE parent = ?"
    ),
    deleteFile: run("DELETE FROM file WHERE path = ?"),
    deleteFilesBelow: run("DELETE FROM file WHERE path >= ? AND path < ?"),

    saveFailure: run("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)"),
    failures: rows<{ readonly path: FilePath, readonly reason: string }>(
      `SELECT path, reason FROM failure WHERE failed_at >= ? AND (path = ? OR (path >= ? AND path < ?)) ORDER BY path`
    ),
    deleteFailuresIn: run("DELETE FROM failure WHERE path = ? OR parent = ?"),
    deleteFailuresBelow: run("DELETE FROM failure WHERE path >= ? AND path < ?"),

    fileTotals: rows<
      { readonly files: number, readonly indexed: number, readonly unchanged: number, readonly bytes: number }
    >(
      `SELECT count(*) AS files, ifnull(sum(size), 0) AS bytes, count(*) FILTER (WHERE indexed_at >= ?1) AS indexed,
        count(*) FILTER (WHERE indexed_at < ?1 AND parent IN ${listed}) AS unchanged
        FROM file WHERE path >= ?2 AND path < ?3`
    ),
    folderTotals: rows<{ readonly folders: number, readonly listed: number, readonly skipped: number }>(
      `SELECT count(listed_at) AS folders, count(*) FILTER (WHERE listed_at >= ?1) AS listed,
        ifnull(sum(skipped), 0) AS skipped FROM folder WHERE path = ?4 OR (path >= ?2 AND path < ?3)`
    ),
    foldersLeft: rows<{ readonly count: number }>(
      `SELECT count(*) AS count FROM (SELECT ?4 AS path UNION SELECT path FROM folder
          WHERE parent IN ${listed} AND path >= ?2 AND path < ?3)
        WHERE path NOT IN ${listed} AND path NOT IN ${failed}`
    ),
    filesLeft: rows<{ readonly count: number }>(
      `SELECT (SELECT ifnull(sum(files), 0) FROM folder
            WHERE listed_at >= ?1 AND (path = ?4 OR (path >= ?2 AND path < ?3)))
          - (SELECT count(*) FROM file WHERE parent IN ${listed} AND path >= ?2 AND path < ?3)
          - (SELECT count(*) FROM failure WHERE failed_at >= ?1 AND path >= ?2 AND path < ?3
            AND path NOT IN (SELECT path FROM file) AND path NOT IN (SELECT path FROM folder)) AS count`
    ),
    withoutThumbnail: rows<{ readonly contentType: string, readonly files: number }>(
      `SELECT content_type AS contentType, count(*) AS files FROM file WHERE indexed_at >= ?1 AND width IS NULL
        AND path >= ?2 AND path < ?3 AND path NOT IN ${failed} GROUP BY content_type`
    ),
    contentTypes: rows<{ readonly contentType: string, readonly files: number, readonly bytes: number }>(
      `SELECT content_type AS contentType, count(*) AS files, sum(size) AS bytes FROM file
        WHERE path >= ? AND path < ? GROUP BY content_type ORDER BY bytes DESC, files DESC, content_type`
    ),
    duplicates: rows<{ readonly sha256: string, readonly size: number, readonly path: FilePath }>(
      `SELECT sha256, size, path FROM (
        SELECT sha256, size, path, count(*) OVER (PARTITION BY sha256) AS copies FROM file
          WHERE path >= ? AND path < ? AND size > 0
      ) WHERE copies > 1 ORDER BY size * (copies - 1) DESC, sha256, path`
    )
  }
}
