/** A limit on how many run at once. One that is full holds its lanes back. */
import type { ReadyQueue } from "./readyQueue.ts"

export class Limit {
  readonly permits: number
  private taken = 0
  private readonly queues: ReadonlyArray<ReadyQueue>
  private readonly onIdle: (() => void) | undefined
  /** Those that may still want a permit. */
  private users = 0

  constructor(permits: number, queues: ReadonlyArray<ReadyQueue>, onIdle?: () => void) {
    this.permits = permits
    this.queues = queues
    this.onIdle = onIdle
  }

  get hasRoom(): boolean {
    return this.taken < this.permits
  }

  take(): void {
    this.taken++
    if (!this.hasRoom) { for (const queue of this.queues) queue.disable(this) }
  }

  release(): void {
    const wasFull = !this.hasRoom
    this.taken--
    if (wasFull && this.hasRoom) { for (const queue of this.queues) queue.enableAll(this) }
  }

  retain(): void {
    this.users++
  }

  forget(): void {
    if (--this.users === 0) this.onIdle?.()
  }
}
