/** One text of SQL for both databases: names for its parameters, and the few phrases that they say differently. */

export interface Tables {
  readonly tasks: string
  readonly nodes: string
  readonly messages: string
  readonly crons: string
  readonly pauses: string
  readonly migrations: string
}

export const tablesOf = (table: string): Tables => {
  const stem = table.replace(/s$/, "")
  return {
    tasks: table,
    nodes: `${table}_nodes`,
    messages: `${stem}_messages`,
    crons: `${stem}_crons`,
    pauses: `${stem}_pauses`,
    migrations: `${table}_migrations`
  }
}

export type ColumnType = "text" | "bigint" | "double precision"

export interface Dialect {
  readonly isPostgres: boolean
  /** The rows of a batch, which is one JSON parameter: one statement for every size. */
  readonly batch: (columns: Record<string, ColumnType>) => string
  /** The texts of a list, which is one JSON parameter. */
  readonly list: (parameter: string) => string
  /** The table that an UPDATE changes, in its RETURNING. */
  readonly returned: string
}

export const dialectOf = (isPostgres: boolean): Dialect => ({
  isPostgres,
  batch: (columns) => {
    const names = Object.entries(columns)
    return isPostgres
      ? `jsonb_to_recordset(CAST(CAST(:batch AS text) AS jsonb)) AS r(${
        names.map(([name, type]) => `${name} ${type}`).join(", ")
      })`
      : `(SELECT ${names.map(([name]) => `value->>'${name}' AS ${name}`).join(", ")} FROM json_each(:batch)) AS r`
  },
  list: (parameter) =>
    isPostgres
      ? `(SELECT jsonb_array_elements_text(CAST(CAST(${parameter} AS text) AS jsonb)))`
      : `(SELECT value FROM json_each(${parameter}))`,
  returned: isPostgres ? "t." : ""
})

/** The time of the database, in milliseconds: what machines compare is said by one clock. */
const databaseTime = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"

export interface Compiled {
  readonly text: string
  readonly names: ReadonlyArray<string>
}

/** Gives each `:name` its number; `:now` is the time of the database where that has a clock of its own. */
export const compile = (sql: string, isPostgres: boolean): Compiled => {
  const names: Array<string> = []
  const text = sql.replaceAll(/(?<!:):([a-z]\w*)/gi, (_, name: string) => {
    if (name === "now" && isPostgres) return databaseTime
    if (!names.includes(name)) names.push(name)
    return `${isPostgres ? "$" : "?"}${names.indexOf(name) + 1}`
  })
  return { text, names }
}
