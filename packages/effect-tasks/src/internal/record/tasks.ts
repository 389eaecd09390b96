/** The tasks that can be looked up: live ones, those in history and kept results. */
import { extrasOf, type TaskRecord } from "./task.ts"

/** The visible tasks of a job in the order of their dispatch; the newest of each key, where dispatches work keys out. */
export class Tasks implements Iterable<TaskRecord> {
  private first: TaskRecord | undefined
  private last: TaskRecord | undefined
  private readonly newest = new Map<string, TaskRecord>()
  private readonly numbers: Numbers

  constructor(numbers: Numbers) {
    this.numbers = numbers
  }

  clear(): void {
    while (this.first !== undefined) this.delete(this.first)
  }

  newestOf(key: string): TaskRecord | undefined {
    return this.newest.get(key)
  }

  add(task: TaskRecord): void {
    task.before = this.last
    if (this.last === undefined) this.first = task
    else this.last.after = task
    this.last = task
    this.numbers.add(task)
    if (task.key !== undefined) this.addKey(task, task.key)
  }

  delete(task: TaskRecord): void {
    if (task.before === undefined) this.first = task.after
    else task.before.after = task.after
    if (task.after === undefined) this.last = task.before
    else task.after.before = task.before
    task.before = task.after = undefined
    this.numbers.delete(task)
    if (task.key !== undefined) this.deleteKey(task, task.key)
  }

  *[Symbol.iterator](): Generator<TaskRecord> {
    for (let task = this.first; task !== undefined; task = task.after) yield task
  }

  private addKey(task: TaskRecord, key: string): void {
    const older = this.newest.get(key)
    if (older !== undefined) {
      extrasOf(task).older = older
      extrasOf(older).newer = task
    }
    this.newest.set(key, task)
  }

  private deleteKey(task: TaskRecord, key: string): void {
    const { newer, older } = task.extras ?? {}
    if (older !== undefined) extrasOf(older).newer = newer
    if (newer !== undefined) extrasOf(newer).older = older
    else if (older !== undefined) this.newest.set(key, older)
    else if (this.newest.get(key) === task) this.newest.delete(key)
    if (task.extras !== undefined) task.extras.older = task.extras.newer = undefined
  }
}

const rowLength = 256

interface Row {
  readonly tasks: Array<TaskRecord | undefined>
  count: number
}

/** The visible tasks by number. Numbers only grow, so rows of them do what a Map of all would at a multiple of the cost. */
export class Numbers {
  private readonly rows = new Map<number, Row>()

  get(number: number): TaskRecord | undefined {
    return this.rows.get(Math.floor(number / rowLength))?.tasks[number % rowLength]
  }

  add(task: TaskRecord): void {
    const at = Math.floor(task.number / rowLength)
    let row = this.rows.get(at)
    if (row === undefined) this.rows.set(at, row = { tasks: Array.from({ length: rowLength }), count: 0 })
    row.tasks[task.number % rowLength] = task
    row.count++
  }

  delete({ number }: TaskRecord): void {
    const at = Math.floor(number / rowLength)
    const row = this.rows.get(at)!
    row.tasks[number % rowLength] = undefined
    if (--row.count === 0) this.rows.delete(at)
  }
}
