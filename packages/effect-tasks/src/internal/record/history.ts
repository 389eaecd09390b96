/** What is remembered of the past, and what is forgotten. */
import { Fifo } from "../queue/fifo.ts"
import type { Deadline, Timers } from "../queue/timers.ts"
import type { TaskRecord } from "./task.ts"

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

  clear(): void {
    for (let item = this.items.shift(); item !== undefined; item = this.items.shift()) this.forget(item)
  }
}

interface Result {
  readonly task: TaskRecord
  /** When its age is reached. */
  readonly expiry: Deadline
}

/** The kept results of a job by key: least recently used out first, none older than `timeToLive` milliseconds. */
export class Kept {
  private readonly results = new Map<string, Result>()
  private readonly capacity: number
  private readonly timeToLive: number
  private readonly timers: Timers
  private readonly forgotten: (task: TaskRecord) => void

  constructor(
    limits: { readonly capacity: number, readonly timeToLive: number },
    timers: Timers,
    forgotten: (task: TaskRecord) => void
  ) {
    this.capacity = limits.capacity
    this.timeToLive = limits.timeToLive
    this.timers = timers
    this.forgotten = forgotten
  }

  get(key: string): TaskRecord | undefined {
    const result = this.results.get(key)
    if (result === undefined) return undefined
    this.results.delete(key)
    this.results.set(key, result)
    return result.task
  }

  has(task: TaskRecord): boolean {
    return task.key !== undefined && this.results.get(task.key)?.task === task
  }

  add(key: string, task: TaskRecord): void {
    this.remove(key)
    if (this.timeToLive <= 0) return
    this.results.set(key, { task, expiry: this.timers.set(this.timeToLive, () => this.remove(key)) })
    if (this.results.size > this.capacity) this.remove(this.results.keys().next().value!)
  }

  *values(): Iterable<TaskRecord> {
    for (const { task } of this.results.values()) yield task
  }

  clear(): void {
    for (const key of this.results.keys()) this.remove(key)
  }

  remove(key: string): void {
    const result = this.results.get(key)
    if (result === undefined) return
    this.results.delete(key)
    this.timers.clear(result.expiry)
    this.forgotten(result.task)
  }
}
