/** Roll-up: each task counts once in every pool that holds it and once in each of their ancestors. */
import { type Column, type Counts, extrasOf, type PoolRecord, type Run, type TaskRecord } from "./records.ts"
import { type State, transitions } from "./state.ts"

const columns: { readonly [S in State]: Column } = {
  Queued: "queued",
  Running: "running",
  Sleeping: "sleeping",
  Stopping: "running",
  Exited: "complete"
}

/** Tells the readers of `changes`. */
export const touch = (pool: PoolRecord): void => {
  pool.changes.version++
  pool.machine.wakeAll(pool.changes)
}

const changed = (pool: PoolRecord, f: (counts: Counts) => void): void => {
  f(pool.counts)
  touch(pool)
}

const addQueued = (counts: Counts): void => {
  counts.total++
  counts.queued++
}

/** A task was accepted. */
export const countNew = ({ machine, pool }: TaskRecord): void => {
  addQueued(machine.counts)
  // not `chain`, here and below: a generator for each transition of each task would cost more than the counting
  for (let each: PoolRecord | undefined = pool; each !== undefined; each = each.parent) {
    addQueued(each.counts)
    touch(each)
  }
}

/** The one place where a task changes its state, together with every count of it. */
export const transition = (run: Run, to: State): void => {
  const { task } = run
  const from = task.state
  if (!transitions[from].includes(to)) throw new Error(`${task.id} cannot go from ${from} to ${to}`)
  task.state = to
  countMove(run, from, to)
}

const countMove = (run: Run, from: State, to: State): void => {
  const out = columns[from]
  const into = columns[to]
  if (out === into) return
  const { task } = run
  const special = into === "complete" ? specialColumn(task) : undefined
  move(task.machine.counts, out, into, special)
  if (run.sharing === undefined) {
    for (let pool: PoolRecord | undefined = task.pool; pool !== undefined; pool = pool.parent) {
      move(pool.counts, out, into, special)
      touch(pool)
    }
  } else {
    for (const pool of run.sharing.countedBy) {
      move(pool.counts, out, into, special)
      touch(pool)
    }
  }
}

const specialColumn = (task: TaskRecord): "canceled" | "failed" | undefined =>
  task.verdict!._tag === "Success" ? undefined : task.verdict!._tag === "cancel" ? "canceled" : "failed"

const move = (counts: Counts, out: Column, into: Column, special: "canceled" | "failed" | undefined): void => {
  counts.add(out, -1)
  counts.add(into, 1)
  if (special !== undefined) counts[special]++
}

export const isFailure = ({ verdict }: TaskRecord): boolean =>
  verdict!._tag === "Failure" || verdict!._tag === "timeout"

/** A pool and its ancestors. */
export const chain = function*(pool: PoolRecord): Generator<PoolRecord> {
  for (let each: PoolRecord | undefined = pool; each !== undefined; each = each.parent) yield each
}

/** Another pool holds the task: it and its ancestors count it, up to the first that already does. */
export const countGuest = (run: Run, guestOf: PoolRecord): void => {
  const { countedBy } = run.sharing!
  const column = columns[run.task.state]
  for (const pool of chain(guestOf)) {
    if (countedBy.has(pool)) return
    countedBy.add(pool)
    changed(pool, (counts) => {
      counts.total++
      counts.add(column, 1)
    })
  }
}

/** A cancelled pool lets go of a shared task: those that counted it only for this pool's sake count it canceled. */
export const countLetGo = (run: Run, from: PoolRecord, holders: Iterable<PoolRecord>): void => {
  const staying = new Set<PoolRecord>()
  for (const holder of holders) for (const pool of chain(holder)) staying.add(pool)
  const column = columns[run.task.state]
  for (const pool of chain(from)) {
    if (staying.has(pool) || !run.sharing!.countedBy.delete(pool)) continue
    changed(pool, (counts) => {
      counts.add(column, -1)
      counts.complete++
      counts.canceled++
    })
  }
}

/** A kept result counts as one more complete task, where it is not counted already. */
export const countReuse = (task: TaskRecord, into: PoolRecord): void => {
  const counted = extrasOf(task).reusedIn ??= new WeakSet(chain(task.pool))
  for (const pool of chain(into)) {
    if (counted.has(pool)) return
    counted.add(pool)
    changed(pool, (counts) => {
      counts.total++
      counts.complete++
    })
  }
}
