/** A limit on the running tasks of a job, or of one key of it. */
import type { ReadyQueue } from "./readyQueue.ts"

export class Gate {
  private used = 0
  readonly limit: number
  private readonly queues: ReadonlyArray<ReadyQueue>
  private readonly onIdle: (() => void) | undefined
  /** Tasks that may still want a permit. */
  private holders = 0

  constructor(limit: number, queues: ReadonlyArray<ReadyQueue>, onIdle?: () => void) {
    this.limit = limit
    this.queues = queues
    this.onIdle = onIdle
  }

  get hasRoom(): boolean {
    return this.used < this.limit
  }

  take(): void {
    this.used++
    if (!this.hasRoom) { for (const queue of this.queues) queue.disable(this) }
  }

  release(): void {
    const wasFull = !this.hasRoom
    this.used--
    if (wasFull && this.hasRoom) { for (const queue of this.queues) queue.enableAll(this) }
  }

  retain(): void {
    this.holders++
  }

  forget(): void {
    if (--this.holders === 0) this.onIdle?.()
  }
}
