/** Between pools as users see them and their records. */
import { refuse } from "./checks.ts"
import type { Machine } from "./machine.ts"
import type { TaskPool } from "./model.ts"
import type { PoolRecord } from "./records.ts"

/** Every pool gets its handle when it is made. */
export const handleOf = (record: PoolRecord): TaskPool => record.handle!

/** The record behind a pool of this worker pool. */
export const recordOf = (pool: TaskPool, machine: Machine): PoolRecord => {
  const record = (pool as { readonly record?: PoolRecord } | null)?.record // only this library makes pools
  if (record?.machine === undefined) return refuse("dispatch", "pool", pool, "give a TaskPool")
  if (record.machine !== machine) {
    throw new Error(`Pool ${pool.id} belongs to another WorkerPool: dispatch where the pool was made`)
  }
  return record
}
