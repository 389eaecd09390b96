/**
 * Durable tasks for effect-tasks: in an embedded SQLite file, or on many machines over Postgres.
 *
 * @since 0.1.0
 */
export * as Durable from "./Durable.ts"
export * from "./DurableError.ts"
export * as Sqlite from "./Sqlite.ts"
