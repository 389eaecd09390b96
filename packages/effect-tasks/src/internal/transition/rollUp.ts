/**
 * Counts that roll up when they are read. A change is counted in its own pool and left pending there; whoever reads a pool
 * collects what is pending below it. So a change costs the same in a deep tree as in a flat one.
 *
 * What is pending below a pool, the pool itself is pending for its parent; and a pool whose readers have been told of a
 * change stands below pools whose readers have been told.
 */
import { Counts } from "../record/counts.ts"
import type { PoolRecord } from "../record/pool.ts"

/** Tells the readers of `changes`. */
export const touch = (pool: PoolRecord): void => {
  pool.changes.version++
  pool.machine.wakeAll(pool.changes)
}

/** Tells the readers of a pool and of those above it that counts have changed, once until they are read. */
export const tell = (pool: PoolRecord): void => {
  pendingOf(pool) // or else who reads the pools above would not find those that have been told
  for (let each: PoolRecord | undefined = pool; each?.told === false; each = each.parent) {
    each.told = true
    touch(each)
  }
}

/** What the parent of this pool will have to count; none without a parent. */
export const pendingOf = (pool: PoolRecord): Counts | undefined => {
  if (pool.parent === undefined || pool.pending !== undefined) return pool.pending
  for (let each = pool; each.parent !== undefined && each.pending === undefined; each = each.parent) {
    each.pending = new Counts()
    each.parent.behind.add(each)
  }
  return pool.pending
}

/** Leaves nothing pending in a pool, which has no more to count for this parent. */
export const handUp = (pool: PoolRecord): void => {
  const { parent, pending } = pool
  if (parent === undefined || pending === undefined) return
  pool.pending = undefined
  parent.behind.delete(pool)
  parent.counts.include(pending)
  parent.pending?.include(pending)
}

/** The counts of a pool and all below it. */
export const countsOf = (pool: PoolRecord): Counts => {
  const below = [...pool.behind]
  // an Array iterates on over what is added meanwhile
  for (const each of below) for (const child of each.behind) below.push(child)
  for (const each of below.toReversed()) {
    handUp(each)
    each.told = false
  }
  pool.told = false
  return pool.counts
}
