/**
 * Look-ups. When the worker pool has closed the directory alone keeps what was visible then: handles lead to the machine,
 * and would otherwise keep all of it.
 */
import { keyConcern } from "./job.ts"
import { find, indexOf, visible } from "./lookup.ts"
import type { Machine } from "./machine.ts"
import type { PoolRecord } from "./pool.ts"
import type { TaskRecord } from "./task.ts"

export class Directory {
  readonly machine: Machine
  private past: { readonly tasks: ReadonlyArray<TaskRecord>, readonly pools: ReadonlyArray<PoolRecord> } | undefined

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** In the order of their dispatch. */
  get tasks(): ReadonlyArray<TaskRecord> {
    return this.past?.tasks ?? visible(this.machine)
  }

  tasksOf(tag: string): ReadonlyArray<TaskRecord> {
    return this.tasks.filter(({ job }) => job.tag === tag)
  }

  /** The newest task of a key, which is looked up where dispatches work keys out. */
  newestOf(tag: string, key: string, keyOf: (task: TaskRecord) => string): TaskRecord | undefined {
    const job = this.past === undefined ? this.machine.jobs.get(tag) : undefined
    return job?.definition.keyed === true
      ? indexOf(this.machine).newestOf(keyConcern(job, key))
      : this.tasksOf(tag).findLast((task) => keyOf(task) === key)
  }

  task(id: string): TaskRecord | undefined {
    return find(this.machine, id)
  }

  /** GLOBAL first. */
  get pools(): ReadonlyArray<PoolRecord> {
    return this.past?.pools ?? [...this.machine.pools.values()]
  }

  pool(id: string): PoolRecord | undefined {
    if (this.past !== undefined) return this.past.pools.find((pool) => pool.id === id)
    const pool = this.machine.pools.get(id === "GLOBAL" ? 0 : Number(id.slice(id.lastIndexOf("-") + 1)))
    return pool?.id === id ? pool : undefined
  }

  /** Nothing will happen any more. */
  close(): void {
    this.past = { tasks: this.tasks, pools: this.pools }
    this.machine.release(this.past.tasks)
  }
}
