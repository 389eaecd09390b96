/**
 * Waits that could never end.
 *
 * The check walks upward from the waiter, over who waits for it, never down through the tasks of a pool; mostly nobody
 * waits and it ends at once.
 */
import { WaitCycle } from "../TaskError.ts"
import { PoolRecord, TaskRecord } from "./records.ts"

type Node = TaskRecord | PoolRecord

const addWaiters = (node: Node, found: Array<Node>): void => {
  for (const waiter of node.waiters ?? []) if (waiter.from !== undefined) found.push(waiter.from)
}

const waitersOf = (node: Node): Array<Node> => {
  const found: Array<Node> = []
  addWaiters(node, found)
  if (node instanceof PoolRecord) {
    if (node.createdBy !== undefined && !node.createdBy.settled) found.push(node.createdBy)
    return found
  }
  if (node.settled) return found
  // a hook cannot be interrupted: the end of the task that made the pool waits for it
  const inHooks = node.state === "Exited"
  for (const pool of [node.pool, ...(node.run?.guestOf ?? [])]) {
    addWaiters(pool, found)
    if (inHooks && pool.createdBy !== undefined) found.push(pool.createdBy)
  }
  return found
}

/** Everyone who waits for one of these, with the one each waits for. */
const closure = (nodes: Iterable<Node>): Map<Node, Node | undefined> => {
  const waitsFor = new Map<Node, Node | undefined>()
  const open: Array<Node> = []
  for (const node of nodes) {
    waitsFor.set(node, undefined)
    open.push(node)
  }
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const waiter of waitersOf(node)) {
      if (waitsFor.has(waiter)) continue
      waitsFor.set(waiter, node)
      open.push(waiter)
    }
  }
  return waitsFor
}

/** The caller and everyone who waits for it; also the tasks above it, which a cancelling call leaves out. */
export const dependents = (from: Node | undefined): ReadonlySet<Node> => {
  const above: Array<Node> = []
  let node = from
  while (node !== undefined) {
    above.push(node)
    node = node instanceof PoolRecord ? node.createdBy : node.pool.createdBy
  }
  return new Set(closure(above).keys())
}

const holds = (pool: PoolRecord, node: Node): boolean =>
  node === pool ||
  (node instanceof TaskRecord && !node.settled && (node.pool === pool || node.run?.guestOf?.has(pool) === true))

/** The defect of a wait of `from` for `target` that would close a ring. */
export const checkRing = (from: Node | undefined, target: Node): WaitCycle | undefined => {
  if (from === undefined) return undefined
  const waitsFor = closure([from])
  for (const node of waitsFor.keys()) {
    const closes = target instanceof PoolRecord ? holds(target, node) : node === target
    if (closes) return ringThrough(from, target, node, waitsFor)
  }
  return undefined
}

/** The defect of waiting for the end of a closed pool whose every unfinished task waits for the reader. */
export const checkEnd = (from: Node | undefined, pool: PoolRecord): WaitCycle | undefined => {
  if (from === undefined || pool.isGlobal || !(pool.sealed || pool.canceled)) return undefined
  const waitsFor = closure([from])
  const held = [...waitsFor.keys()].filter((node) => holds(pool, node))
  return held.length > 0 && held.length >= pool.remaining ? ringThrough(from, pool, held[0], waitsFor) : undefined
}

/** The defect of letting `pool`, which others wait for, hold `task` too. */
export const checkJoin = (pool: PoolRecord, task: TaskRecord): WaitCycle | undefined => {
  const waiting: Array<Node> = []
  addWaiters(pool, waiting)
  if (waiting.length === 0) return undefined
  const waitsFor = closure(waiting)
  return waitsFor.has(task) ? ringThrough(pool, task, task, waitsFor) : undefined
}

const ringThrough = (from: Node, target: Node, closing: Node, waitsFor: Map<Node, Node | undefined>): WaitCycle => {
  const ring: Array<Node> = target === closing ? [from] : [from, target]
  for (let node: Node | undefined = closing; node !== undefined; node = waitsFor.get(node)) ring.push(node)
  if (ring[ring.length - 1] !== from) ring.push(from)
  return new WaitCycle({ ring: ring.map((node) => node.id) })
}
