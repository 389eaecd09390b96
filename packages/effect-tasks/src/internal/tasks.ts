import type { TaskRecord } from "./records.ts"

/** The visible tasks of a job by number; the newest of each key can be looked up, where dispatches work keys out. */
export class Tasks extends Map<number, TaskRecord> {
  private readonly newest = new Map<string, TaskRecord>()

  newestOf(key: string): TaskRecord | undefined {
    return this.newest.get(key)
  }

  override set(number: number, task: TaskRecord): this {
    if (task.key !== undefined) {
      task.older = this.newest.get(task.key)
      if (task.older !== undefined) task.older.newer = task
      this.newest.set(task.key, task)
    }
    return super.set(number, task)
  }

  override delete(number: number): boolean {
    const task = this.get(number)
    if (task === undefined) return false
    const { key, newer, older } = task
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else if (key !== undefined && this.newest.get(key) === task) {
      if (older === undefined) this.newest.delete(key)
      else this.newest.set(key, older)
    }
    task.older = task.newer = undefined
    return super.delete(number)
  }
}
