/** What is remembered of the past, and what is forgotten. */
import { Fifo } from "./fifo.ts"
import type { TaskRecord } from "./records.ts"

/** The last `limit` items; `forget` is told of each that falls out. */
export class History<T> {
  private readonly items = new Fifo<T>()
  private readonly limit: number
  private readonly forget: (item: T) => void

  constructor(limit: number, forget: (item: T) => void) {
    this.limit = limit
    this.forget = forget
  }

  values(): Iterable<T> {
    return this.items.values()
  }

  add(item: T): void {
    this.items.push(item)
    while (this.items.length > this.limit) this.forget(this.items.shift()!)
  }
}

/** The kept results of a job by key: least recently used out first, none older than `timeToLive`. */
export class Kept {
  private readonly results = new Map<string, TaskRecord>()
  private readonly capacity: number
  private readonly timeToLive: number
  private readonly forgotten: (task: TaskRecord) => void

  constructor(capacity: number, timeToLive: number, forgotten: (task: TaskRecord) => void) {
    this.capacity = capacity
    this.timeToLive = timeToLive
    this.forgotten = forgotten
  }

  get(key: string, now: number): TaskRecord | undefined {
    const task = this.results.get(key)
    if (task === undefined) return undefined
    if (now - task.finishedAt! >= this.timeToLive) {
      this.remove(key)
      return undefined
    }
    this.results.delete(key)
    this.results.set(key, task)
    return task
  }

  has(task: TaskRecord): boolean {
    return task.key !== undefined && this.results.get(task.key) === task
  }

  add(key: string, task: TaskRecord): void {
    this.remove(key)
    this.results.set(key, task)
    if (this.results.size > this.capacity) this.remove(this.results.keys().next().value!)
  }

  values(): Iterable<TaskRecord> {
    return this.results.values()
  }

  clear(): void {
    for (const key of this.results.keys()) this.remove(key)
  }

  remove(key: string): void {
    const task = this.results.get(key)
    if (task === undefined) return
    this.results.delete(key)
    this.forgotten(task)
  }
}
