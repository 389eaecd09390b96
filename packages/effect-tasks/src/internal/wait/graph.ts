/**
 * Waits that could never end.
 *
 * The check walks upward from the waiter, over who waits for it, never down through the tasks of a pool; mostly nobody
 * waits and it ends at once.
 */
import { WaitCycle } from "../../TaskError.ts"
import { bare } from "../job/checks.ts"
import { nameOf, poolNameOf } from "../observe/label.ts"
import { PoolRecord } from "../record/pool.ts"
import type { Node, Waited } from "../record/source.ts"
import { TaskRecord } from "../record/task.ts"
import { holdersOf, ticketOf } from "../transition/tickets.ts"

const addWaiters = ({ waiters }: Waited, found: Array<Node>): void => {
  for (const waiter of waiters ?? []) if (waiter.from !== undefined) found.push(waiter.from)
}

const none: Waited = { waiters: undefined }

/** Who waits for a task or a pool directly, tasks and pools; the maker of a pool does. */
export const waitersOf = (node: Node): Array<Node> => {
  const found: Array<Node> = []
  addWaiters(node, found)
  if (node instanceof PoolRecord) {
    if (node.maker !== undefined) found.push(node.maker)
    return found
  }
  // who reads what a task reports, or its status, waits for the task
  addWaiters(node.extras?.progress ?? none, found)
  addWaiters(node.extras?.changes ?? none, found)
  if (node.settled) return found
  // a hook cannot be interrupted: the end of the task that made the pool waits for it
  const inHooks = node.state === "Exited"
  for (const pool of holdersOf(node)) {
    addWaiters(pool, found)
    if (inHooks && pool.maker !== undefined) found.push(pool.maker)
  }
  // of the tasks of a key at most the newest is queued; it starts when all others have ended
  const newest = node.run!.rare?.keyPlace?.queue.newest?.task
  if (newest !== undefined && newest !== node && newest.state === "Queued") found.push(newest)
  const cursor = node.run!.rare?.cursor
  if (cursor?.from !== undefined && cursor.isFull) found.push(cursor.from)
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

/** A node and the tasks above it. */
const upward = (from: Node | undefined): Iterable<Node> => {
  const found = new Set(from === undefined ? [] : [from])
  for (const node of found) {
    for (const { maker } of node instanceof PoolRecord ? [node] : holdersOf(node)) {
      if (maker !== undefined) found.add(maker)
    }
  }
  return found
}

/** The caller and everyone who waits for it; also the tasks above it, which a cancelling call leaves out. */
export const dependents = (from: Node | undefined): ReadonlySet<Node> => new Set(closure(upward(from)).keys())

/** The unfinished tasks that cannot end before one of these goes on, those above included. */
export const heldUpBy = (nodes: ReadonlyArray<Node>): ReadonlyArray<TaskRecord> =>
  [...closure(nodes.flatMap((node) => [...upward(node)])).keys()].filter(
    (node): node is TaskRecord => node instanceof TaskRecord && !node.settled
  )

const holds = (pool: PoolRecord, node: Node): boolean =>
  node === pool || (node instanceof TaskRecord && node.run !== undefined && ticketOf(pool, node.run) !== undefined)

/** Whether a node is in the pool, or below it: a shared task is below the makers of all pools that hold it. */
export const isWithin = (pool: PoolRecord, node: Node | undefined): boolean => {
  for (const above of upward(node)) if (holds(pool, above)) return true
  return false
}

const isOf = (target: Node, node: Node): boolean => target instanceof PoolRecord ? holds(target, node) : node === target

/** The defect of a wait of `from` for `target` that would close a ring. */
export const checkRing = (from: Node | undefined, target: Node): WaitCycle | undefined => {
  if (from === undefined || !(mayWait(target) || isOf(target, from))) return undefined
  const waitsFor = closure([from])
  for (const node of waitsFor.keys()) if (isOf(target, node)) return ringThrough(from, target, node, waitsFor)
  return undefined
}

const lookedAt = 8

/**
 * Whether the target, or one task of it, may wait for something. Most targets are new and wait for nothing: without this
 * look a chain of waits would cost the square of its length.
 */
const mayWait = (target: Node): boolean => {
  if (target instanceof TaskRecord) return taskMayWait(target)
  if (target.remaining === 0 || target.remaining > lookedAt) return true
  for (let ticket = target.first; ticket !== undefined; ticket = ticket.next) {
    if (taskMayWait(ticket.run.task)) return true
  }
  return false
}

const taskMayWait = (task: TaskRecord): boolean => {
  const { machine, run, state } = task
  if (run === undefined) return false
  for (const { from } of machine.cursors) if (from === task) return true // it may be about to wait for its items
  if (state === "Queued") return run.rare?.keyPlace !== undefined && run.rare.keyPlace.queue.first !== run
  return state !== "Running" || (run.waiting?.waits.size ?? 0) > 0 || (run.execution?.pools?.size ?? 0) > 0
}

/** The defect of waiting for the end of a closed pool whose every unfinished task waits for its readers. */
export const checkEnd = (from: Node | undefined, pool: PoolRecord): WaitCycle | undefined => {
  if (from === undefined || pool.isGlobal || !(pool.sealed || pool.canceled)) return undefined
  const readers = [from]
  addWaiters(pool.changes, readers)
  const waitsFor = closure(readers)
  const held = [...waitsFor.keys()].filter((node) => holds(pool, node))
  return held.length > 0 && held.length >= pool.remaining ? ringThrough(from, pool, held[0], waitsFor) : undefined
}

/** The defect of a task of `pool`, which others wait for, that would wait for `task`, or be that task. */
export const checkHold = (pool: PoolRecord, task: TaskRecord): WaitCycle | undefined => {
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
  const names = ring.map((node) => node instanceof TaskRecord ? nameOf(node) : poolNameOf(node))
  return bare(() => new WaitCycle({ ring: ring.map(({ id }) => id), names }))
}
