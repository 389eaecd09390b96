/**
 * Effect's SqlClient on `node:sqlite`: an embedded file, no server, no native add-on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"
import { CannotOpen, DurableError, FileInUse } from "./DurableError.ts"
import { type Embedded, EmbeddedId } from "./internal/embedded.ts"

/**
 * What a file is opened with.
 *
 * @category models
 * @since 0.1.0
 */
export interface SqliteOptions {
  /** Its path; made when it is not there. `":memory:"` for tests. */
  readonly file: string
  /**
   * `"FULL"` (unless given) survives a power cut: what was dispatched is on the disk. `"NORMAL"` survives a kill of the
   * process, not of the machine, and is faster where the disk is busy.
   */
  readonly synchronous?: "FULL" | "NORMAL" | undefined
  /** What a second runner does: `"fail"` (unless given), or `"wait"` as a hot standby until the first has gone. */
  readonly whenLocked?: "fail" | "wait" | undefined
}

const cached = 200
/** In milliseconds, for another process that writes. */
const longestWait = 5000
const wait = 5

const isBusy = (cause: any): boolean => (cause?.errcode & 0xff) === 5 // SQLITE_BUSY

/** By the clock of the system: what is waited for is no test's. */
const shortly = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), wait)
  return Effect.sync(() => clearTimeout(timer))
})

/** Its answers are there when the call returns: nothing runs between a question and its answer. */
class NodeConnection implements Connection {
  readonly db: DatabaseSync
  private readonly statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.db = db
  }

  private prepared(sql: string): StatementSync {
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = this.db.prepare(sql)
      if (this.statements.size >= cached) this.statements.delete(this.statements.keys().next().value!)
      this.statements.set(sql, statement)
    }
    return statement
  }

  /** While another process writes it waits, and holds up nothing else. */
  private run(
    sql: string,
    params: ReadonlyArray<unknown>,
    until = performance.now() + longestWait
  ): Effect.Effect<ReadonlyArray<any>, SqlError> {
    return Effect.suspend(() => {
      try {
        const statement = this.prepared(sql)
        const values = params as ReadonlyArray<SQLInputValue> // the compiler's, or what the user gave
        if (statement.columns().length > 0) return Effect.succeed(statement.all(...values))
        statement.setReadBigInts(true) // Node throws for a last_insert_rowid over 2^53
        statement.run(...values)
        return Effect.succeed([])
      } catch (cause) {
        return isBusy(cause) && performance.now() < until
          ? Effect.andThen(shortly, this.run(sql, params, until))
          : Effect.fail(failed(cause))
      }
    })
  }

  execute: Connection["execute"] = (sql, params, transform) =>
    transform === undefined ? this.run(sql, params) : Effect.map(this.run(sql, params), transform)
  executeRaw: Connection["executeRaw"] = (sql, params) => this.run(sql, params)
  executeUnprepared: Connection["executeUnprepared"] = (sql, params, transform) => this.execute(sql, params, transform)
  executeValues: Connection["executeValues"] = (sql, params) =>
    Effect.map(this.run(sql, params), (rows) => rows.map((row) => Object.values(row)))
  executeValuesUnprepared: Connection["executeValuesUnprepared"] = (sql, params) => this.executeValues(sql, params)
  executeStream: Connection["executeStream"] = (sql, params, transform) =>
    Stream.unwrap(Effect.map(this.execute(sql, params, transform), Stream.fromIterable))
}

/** What Node throws says the code that Effect looks for by another name. */
const failed = (cause: any): SqlError =>
  new SqlError({
    reason: classifySqliteError({ errno: cause?.errcode, cause }, { message: messageOf(cause), operation: "execute" })
  })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const opening = (options: SqliteOptions): Effect.Effect<DatabaseSync, DurableError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const db = new DatabaseSync(options.file, { timeout: 20 })
        db.exec(
          `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous === "NORMAL" ? "NORMAL" : "FULL"}`
        )
        return db
      },
      catch: (cause) => new DurableError({ reason: new CannotOpen({ file: options.file, why: messageOf(cause) }) })
    }),
    (db) => Effect.sync(() => db.close())
  )

const retryLockEvery = "250 millis"

/** Held by the system for this process: let go of at its end, however it ends. */
const locking = ({ file, whenLocked }: SqliteOptions): Embedded["lock"] => {
  if (file === ":memory:") return Effect.void
  const take = Effect.acquireRelease(
    Effect.try({
      try: () => {
        const db = new DatabaseSync(`${file}.lock`, { timeout: 0 })
        try {
          db.exec("BEGIN EXCLUSIVE")
        } catch (cause) {
          db.close()
          throw cause
        }
        return db
      },
      catch: () => new DurableError({ reason: new FileInUse({ file }) })
    }),
    (db) => Effect.sync(() => db.close())
  )
  const taken = Effect.asVoid(take)
  return whenLocked === "wait"
    ? Effect.catch(
      taken,
      () => Effect.andThen(Effect.sleep(retryLockEvery), Effect.suspend(() => locking({ file, whenLocked })))
    )
    : taken
}

const make = (options: SqliteOptions) =>
  Effect.gen(function*() {
    const db = yield* opening(options)
    const connection = new NodeConnection(db)
    const client = yield* SqlClient.make({
      ...SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connection),
        semaphore: yield* Semaphore.make(1),
        isTransaction: () => db.isTransaction
      }),
      compiler: Statement.makeCompilerSqlite(),
      beginTransaction: "BEGIN IMMEDIATE",
      driver: "sqlite-node",
      spanAttributes: [["db.system.name", "sqlite"]]
    })
    const lock = yield* RcRef.make({ acquire: locking(options) }) // one for all layers of this process
    const version = db.prepare("PRAGMA data_version")
    const embedded: Embedded = {
      lock: Effect.asVoid(RcRef.get(lock)),
      isShared: options.file !== ":memory:",
      version: Effect.sync(() => Number(version.get()!.data_version))
    }
    return Object.assign(client, { [EmbeddedId]: embedded })
  })

/**
 * A SqlClient on a file, or in memory, for `Durable.layer` and for whatever else the application keeps there. It has one
 * connection: a statement beside an open transaction waits for its end.
 *
 * Fails with a `DurableError` (`CannotOpen`) when the file cannot be opened.
 *
 * **Example** (The application's own table)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql/SqlClient"
 * import { Sqlite } from "@effect-tasks/sql"
 *
 * const program = Effect.gen(function*() {
 *   const sql = yield* SqlClient
 *   yield* sql`CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)`
 *   yield* sql`INSERT INTO orders ${sql.insert({ item: "lamp" })}`
 *   const [order] = yield* sql<{ item: string }>`SELECT item FROM orders`
 *   console.log(order.item) // => lamp
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Sqlite.layer({ file: ":memory:" }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: SqliteOptions): Layer.Layer<SqlClient.SqlClient, DurableError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
