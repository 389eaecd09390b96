/** The tasks that can be looked up: live ones, those in the history and kept results. */
import { keyConcern } from "./job.ts"
import type { Machine } from "./machine.ts"
import { runsOf } from "./pool.ts"
import { extrasOf, type TaskRecord } from "./task.ts"

export const inOrder = (tasks: Iterable<TaskRecord>): Array<TaskRecord> =>
  [...tasks].toSorted((a, b) => a.number - b.number)

/** Every task that has not settled, in the order of dispatch. */
export const unsettled = ({ pools, unheld }: Machine): Array<TaskRecord> => {
  const found = new Set(Array.from(unheld, ({ task }) => task))
  for (const pool of pools.values()) for (const { task } of runsOf(pool)) found.add(task)
  return inOrder(found)
}

/** Those of the history and the kept results, some of which stand in both; after the close, all that were visible then. */
export const ended = function*({ history, jobs, past }: Machine): Generator<TaskRecord> {
  if (past !== undefined) yield* past.deref() ?? []
  yield* history.values()
  for (const { kept } of jobs.values()) yield* kept.values()
}

/** Every visible task, in the order of dispatch. */
export const visible = (machine: Machine): Array<TaskRecord> =>
  inOrder(new Set([...unsettled(machine), ...ended(machine)]))

export const indexOf = (machine: Machine): Index => machine.index ??= new Index(machine)

/** The visible task with this id. */
export const find = (machine: Machine, id: string): TaskRecord | undefined => {
  if (machine.past !== undefined) return machine.past.deref()?.find((task) => task.id === id)
  const stored = machine.stored.get(id)
  if (stored !== undefined) return stored
  const task = indexOf(machine).get(Number(id.slice(id.lastIndexOf("-") + 1)))
  return task?.id === id ? task : undefined
}

/** The visible tasks by id and by key: made at the first look-up and kept up from then on. */
export class Index {
  private readonly byNumber = new Map<number, TaskRecord>()
  /** The newest of each key, where dispatches work keys out; the older ones hang on it. */
  private readonly byKey = new Map<string, TaskRecord>()

  constructor(machine: Machine) {
    const remembered = new Set(machine.history.values())
    for (const task of visible(machine)) {
      if (task.settled && !remembered.has(task)) extrasOf(task).outOfHistory = true
      this.add(task)
    }
  }

  get(number: number): TaskRecord | undefined {
    return this.byNumber.get(number)
  }

  newestOf(concern: string): TaskRecord | undefined {
    return this.byKey.get(concern)
  }

  add(task: TaskRecord): void {
    this.byNumber.set(task.number, task)
    if (task.key === undefined) return
    const concern = keyConcern(task.job, task.key)
    const older = this.byKey.get(concern)
    if (older !== undefined) {
      extrasOf(task).older = older
      extrasOf(older).newer = task
    }
    this.byKey.set(concern, task)
  }

  delete(task: TaskRecord): void {
    this.byNumber.delete(task.number)
    if (task.key === undefined) return
    const concern = keyConcern(task.job, task.key)
    const { newer, older } = task.extras ?? {}
    if (older !== undefined) extrasOf(older).newer = newer
    if (newer !== undefined) extrasOf(newer).older = older
    else if (older !== undefined) this.byKey.set(concern, older)
    else if (this.byKey.get(concern) === task) this.byKey.delete(concern)
    if (task.extras !== undefined) task.extras.older = task.extras.newer = undefined
  }
}
