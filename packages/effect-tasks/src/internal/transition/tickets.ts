/**
 * Who holds which task, and the end of a pool that holds nothing any more.
 *
 * A pool waits for its tickets. Each settles once: with its task, or before, when the pool lets go of the task and of all
 * that is below it. The pools that a task has made hang below one pool that holds it; when that one lets go they move.
 */
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as event from "../observe/event.ts"
import { chain, type PoolRecord } from "../record/pool.ts"
import { type Execution, LaterTicket, rareOf, type Run, Sharing, type Ticket } from "../record/run.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"
import { countHeld, countLetGo, countMoved } from "./counting.ts"
import { regateBelow } from "./limits.ts"
import { handUp, touch } from "./rollUp.ts"

/** The ticket by which a pool holds a task. */
export const ticketOf = (pool: PoolRecord, run: Run): Ticket | undefined =>
  run.rare?.sharing === undefined ? pool === run.pool ? run : undefined : run.rare.sharing.tickets.get(pool)

/** The pools that hold a task; an ended one counts as held by the pool it was dispatched into. */
export const holdersOf = ({ pool, run }: TaskRecord): Iterable<PoolRecord> =>
  run?.rare?.sharing?.tickets.keys() ?? [pool]

/** Whether the pool holds the task, or held it when it ended. */
export const hasHeld = (pool: PoolRecord, task: TaskRecord): boolean =>
  task.extras?.heldBy?.has(pool) ?? pool === task.pool

/** A pool holds one more task. */
export const link = (ticket: Ticket): void => {
  const { pool } = ticket
  pool.held++
  pool.remaining++
  ticket.previous = pool.last
  if (pool.last === undefined) pool.first = ticket
  else pool.last.next = ticket
  pool.last = ticket
}

/** A pool holds a task that another pool holds too. */
export const hold = (pool: PoolRecord, run: Run): Ticket => {
  const ticket = new LaterTicket(run, pool)
  const sharing = sharingOf(run)
  sharing.tickets.set(pool, ticket)
  pool.machine.sharedTickets++
  countHeld(run, sharing, pool)
  link(ticket)
  return ticket
}

/** A pool holds a task no longer, nor what is below it. */
export const letGo = (ticket: Ticket): void => {
  const { pool, run } = ticket
  const { machine } = pool
  machine.inStep++
  const sharing = sharingOf(run)
  sharing.tickets.delete(pool)
  countLetGo(run, sharing, pool)
  if (sharing.parent === pool) hang(run, sharing)
  if (sharing.tickets.size === 0) machine.unheld.add(run)
  settle(ticket)
  machine.inStep--
}

const sharingOf = (run: Run): Sharing => rareOf(run).sharing ??= new Sharing(run, chain(run.pool))

/** The task has settled. */
export const settleTickets = (run: Run): void => {
  if (run.rare?.sharing === undefined) return settle(run)
  const { tickets } = run.rare.sharing
  extrasOf(run.task).heldBy = new WeakSet(tickets.keys())
  for (const ticket of tickets.values()) settle(ticket)
  run.task.machine.unheld.delete(run)
}

const settle = (ticket: Ticket): void => {
  const { next, pool, previous } = ticket
  ticket.holds = 0
  if (ticket instanceof LaterTicket) pool.machine.sharedTickets--
  pool.remaining--
  if (previous === undefined) pool.first = next
  else previous.next = next
  if (next === undefined) pool.last = previous
  else next.previous = previous
  ticket.previous = ticket.next = undefined
  finishIfDone(pool)
}

/** The parent of the pools that a task makes: one that holds it, but not GLOBAL. */
export const parentBelow = ({ pool, run }: TaskRecord): PoolRecord | undefined =>
  run?.rare?.sharing !== undefined ? run.rare.sharing.parent : pool.isGlobal ? undefined : pool

/** The parent of the pools that a task has made has let go of it: they move to the oldest pool that holds it on. */
const hang = ({ execution, task }: Run, sharing: Sharing): void => {
  const { parent, tickets } = sharing
  sharing.parent = tickets.keys().find((pool) => !pool.isGlobal && !pool.canceled && !isBelow(pool, task))
  const pools = execution?.pools ?? []
  countMoved(pools, parent, sharing.parent)
  for (const pool of pools) pool.parent = sharing.parent
  if (task.machine.limitedPools > 0) regateBelow(pools)
}

const isBelow = (pool: PoolRecord, task: TaskRecord): boolean => {
  for (const { maker } of chain(pool)) if (maker === task) return true
  return false
}

/** Closes a pool to tasks from outside. */
export const seal = (pool: PoolRecord): void => {
  if (pool.isGlobal || pool.sealed) return
  const { machine } = pool
  pool.sealed = true
  if (!pool.canceled) machine.emit(event.poolSealed, pool, false)
  machine.reconsider(pool)
  touch(pool)
  finishIfDone(pool)
}

/** A closed pool with nothing left is done, once. */
export const finishIfDone = (pool: PoolRecord): void => {
  if (pool.done || pool.remaining > 0 || !(pool.sealed || pool.canceled) || pool.isGlobal) return
  const { machine } = pool
  pool.done = true
  pool.doneAt = machine.timers.now()
  machine.emit(event.poolDone, pool, undefined, pool.doneAt)
  machine.reconsider(pool)
  if (pool.finalizers.length === 0) releasePool(pool)
  else machine.tell({ _tag: "finalizers", pool })
}

/** Its finalizers have run. */
export const releasePool = (pool: PoolRecord): void => {
  const { machine } = pool
  pool.released = true
  if (pool.permits !== undefined) machine.limitedPools--
  if (pool.scope !== undefined) Scope.closeUnsafe(pool.scope, Exit.void) // a released pool leaves nothing to close
  pool.scope = undefined
  pool.maker?.run?.execution?.pools?.delete(pool)
  pool.maker = undefined
  handUp(pool)
  if (pool.joining === 0) pool.payloads = undefined
  machine.wakeAll(pool)
  touch(pool)
  pool.changes.ended = true
  machine.wakeAll(pool.changes)
  machine.poolHistory.add(pool)
}

/** The maker of pools has ended and leaves some of them behind. */
export const leaveBehind = ({ pools }: Execution): void => {
  for (const pool of pools ?? []) pool.maker = undefined
}
