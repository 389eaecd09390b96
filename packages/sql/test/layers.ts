/** Layers over each store: for tests, and for the processes that they start. */
import { Durable, Sqlite } from "@effect-tasks/sql"
import { PgClient } from "@effect/sql-pg"
import { Layer, Redacted } from "effect"
import { WorkerPool, type WorkerPoolOptions } from "effect-tasks"
import type { SqlClient } from "effect/sql/SqlClient"

export type Store = Layer.Layer<SqlClient, unknown>

export const inThisProcess: Store = Sqlite.layer({ file: ":memory:" })

export const postgresAt = (url: string, maxConnections = 6): Store =>
  PgClient.layer({ url: Redacted.make(url), maxConnections }) as Layer.Layer<any, unknown> // which gives a SqlClient too

/** An application: its jobs, over a worker pool and a store. */
export const app = <A, E, R>(
  jobs: Layer.Layer<A, E, R>,
  store: Store,
  options: { readonly durable?: Durable.DurableOptions | undefined, readonly pool?: WorkerPoolOptions } = {}
) =>
  jobs.pipe(
    Layer.provideMerge(Durable.layer(options.durable)),
    Layer.provideMerge(WorkerPool.layer({ workers: 4, ...options.pool })),
    Layer.provideMerge(store)
  )
