/** Between pools as users see them and their records. */
import type { Machine } from "./machine.ts"
import type { TaskPool } from "./model.ts"
import type { PoolRecord } from "./records.ts"

/** Every pool gets its handle when it is made. */
export const handleOf = (record: PoolRecord): TaskPool => record.handle!

/** The record behind a pool of this worker pool. */
export const recordOf = (pool: TaskPool, machine: Machine): PoolRecord => {
  const { record } = pool as TaskPool & { readonly record: PoolRecord } // only this library makes pools
  if (record.machine !== machine) {
    throw new Error(`Pool ${pool.id} belongs to another WorkerPool: dispatch where the pool was made`)
  }
  return record
}
