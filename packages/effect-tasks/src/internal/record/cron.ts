/** One schedule of a worker pool. */
import type { TaskRecord } from "./task.ts"

export class CronRecord {
  readonly name: string
  readonly job: string
  readonly expression: string
  paused = false
  /** Of the tick that it waits for, in milliseconds since the epoch. */
  next: number
  /** Of the last tick that was not dropped, or of the last trigger. */
  last: TaskRecord | undefined
  /** How many ticks were dropped because the task before was live. */
  skipped = 0

  constructor(name: string, job: string, expression: string, next: number) {
    this.name = name
    this.job = job
    this.expression = expression
    this.next = next
  }
}
