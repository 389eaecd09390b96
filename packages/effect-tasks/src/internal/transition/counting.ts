/**
 * Roll-up: each task counts once in every pool that holds it and once in each of their ancestors. A task that several pools
 * hold keeps how many of its tickets each pool that counts it stands above, so that it notices the first and the last.
 */
import type { Column, Counts } from "../record/counts.ts"
import { chain, type PoolRecord } from "../record/pool.ts"
import type { Run, Sharing } from "../record/run.ts"
import { type State, transitions } from "../record/state.ts"
import { extrasOf, type TaskRecord, touchTask } from "../record/task.ts"
import { countsOf, handUp, pendingOf, tell } from "./rollUp.ts"

const columnOf = (state: State): Column =>
  state === "Running" || state === "Stopping"
    ? "running"
    : state === "Queued"
    ? "queued"
    : state === "Sleeping"
    ? "sleeping"
    : "complete"

/** The pools that count a task. */
export const countersOf = ({ pool, rare }: Run): Iterable<PoolRecord> => rare?.sharing?.counters.keys() ?? chain(pool)

/** The one place where a task changes its state, together with every count of it; it may be no news to readers. */
export const transition = (run: Run, to: State, news = true): void => {
  const { task } = run
  const from = task.state
  if (!transitions[from].includes(to)) throw new Error(`${task.id} cannot go from ${from} to ${to}`)
  task.state = to
  if (to === "Stopping") task.machine.stopping++
  else if (from === "Stopping") task.machine.stopping--
  if (news) touchTask(task)
  const out = columnOf(from)
  const into = columnOf(to)
  if (out !== into) countMove(run, out, into, into === "complete" ? specialColumn(task) : undefined, news)
}

type Special = "canceled" | "failed" | undefined

const specialColumn = (task: TaskRecord): Special =>
  task.verdict!._tag === "Success" ? undefined : task.verdict!._tag === "cancel" ? "canceled" : "failed"

export const isFailure = ({ verdict }: TaskRecord): boolean =>
  verdict!._tag === "Failure" || verdict!._tag === "timeout"

/** A task was accepted. */
export const countNew = (run: Run): void => countMove(run, undefined, "queued", undefined)

/** So many items will be tasks of the pool, or fewer than was said. */
export const countItems = (pool: PoolRecord, count: number): void => {
  pool.machine.live += count
  moveItems(pool, count, 0)
}

/** So many of them will never be any. */
export const forgoItems = (pool: PoolRecord, count: number): void => {
  pool.machine.live -= count
  moveItems(pool, 0, count)
}

const moveItems = (pool: PoolRecord, added: number, lost: number): void => {
  if (added === 0 && lost === 0) return
  const pending = pendingOf(pool)
  for (const counts of [pool.machine.counts, pool.counts, ...pending === undefined ? [] : [pending]]) {
    addItems(counts, added, lost)
  }
  tell(pool)
}

const addItems = (counts: Counts, added: number, lost: number): void => {
  counts.total += added
  counts.queued += added - lost
  counts.complete += lost
  counts.canceled += lost
}

const countMove = (run: Run, out: Column | undefined, into: Column, special: Special, news = true): void => {
  const { task } = run
  move(task.machine.counts, out, into, special)
  const sharing = run.rare?.sharing
  if (sharing !== undefined) {
    for (const pool of sharing.counters.keys()) moveIn(pool, out, into, special, news)
    return
  }
  const pending = pendingOf(task.pool)
  if (pending !== undefined) move(pending, out, into, special)
  moveIn(task.pool, out, into, special, news)
}

/** From no column where it was not counted before. */
const move = (counts: Counts, out: Column | undefined, into: Column, special: Special): void => {
  if (out === undefined) counts.total++
  else counts.add(out, -1)
  counts.add(into, 1)
  if (special !== undefined) counts[special]++
}

/** In this pool alone. */
const moveIn = (
  pool: PoolRecord,
  out: Column | undefined,
  into: Column,
  special: Special,
  news = true
): void => {
  move(pool.counts, out, into, special)
  if (news) tell(pool)
}

const gain = (run: Run, pool: PoolRecord): void => {
  if (run.task.state !== "Exited") moveIn(pool, undefined, columnOf(run.task.state), undefined)
}

/** What a pool has let go of is canceled for it, whatever comes of it. */
const lose = (run: Run, pool: PoolRecord): void => {
  if (run.task.state !== "Exited") moveIn(pool, columnOf(run.task.state), "complete", "canceled")
}

/** A ticket of a shared task comes to stand below this pool. */
export const countHeld = (run: Run, { counters }: Sharing, pool: PoolRecord | undefined): void => {
  for (const each of chain(pool)) {
    const tickets = counters.get(each) ?? 0
    counters.set(each, tickets + 1)
    if (tickets === 0) gain(run, each)
  }
}

/** A ticket of a shared task stands below this pool no longer. */
export const countLetGo = (run: Run, { counters }: Sharing, pool: PoolRecord | undefined): void => {
  for (const each of chain(pool)) {
    const tickets = counters.get(each)! - 1
    if (tickets > 0) counters.set(each, tickets)
    else if (counters.delete(each)) lose(run, each)
  }
}

/** Pools with all that hangs below them go from one parent to another. */
export const countMoved = (
  pools: Iterable<PoolRecord>,
  from: PoolRecord | undefined,
  to: PoolRecord | undefined
): void => {
  const [before, after] = [new Set(chain(from)), new Set(chain(to))]
  const [left, entered] = [before.difference(after), after.difference(before)]
  const below = [...pools]
  for (const pool of below) {
    countsOf(pool)
    handUp(pool)
  }
  for (const pool of below) { // an Array iterates on over what is added meanwhile
    for (let ticket = pool.first; ticket !== undefined; ticket = ticket.next) {
      const { run } = ticket
      const sharing = run.rare?.sharing
      if (sharing === undefined) {
        for (const each of entered) gain(run, each)
        for (const each of left) lose(run, each)
      } else {
        countHeld(run, sharing, to)
        countLetGo(run, sharing, from)
      }
      for (const child of run.execution?.pools ?? []) if (child.parent === pool) below.push(child)
    }
    for (const cursor of pool.machine.cursors) {
      if (cursor.pool !== pool) continue
      for (const each of entered) addItems(each.counts, cursor.counted, 0)
      for (const each of left) addItems(each.counts, 0, cursor.counted)
    }
  }
}

/** A kept result counts as one more complete task, where it is not counted already. */
export const countReuse = (task: TaskRecord, into: PoolRecord): void => {
  const counted = extrasOf(task).reusedIn ??= new WeakSet(chain(task.pool))
  for (const pool of chain(into)) {
    if (counted.has(pool)) continue
    counted.add(pool)
    moveIn(pool, undefined, "complete", undefined)
  }
}
