/** A limit on how many run at once. One that is full holds its lanes back. */
import type { ReadyQueue } from "./readyQueue.ts"

export class Limit {
  readonly permits: number
  private taken = 0
  private readonly queues: ReadonlyArray<ReadyQueue>
  private readonly onIdle: (() => void) | undefined
  /** What it shares with others: each permit of it is one of each of these too. */
  private readonly above: ReadonlyArray<Limit>
  private readonly below = new Set<Limit>()
  /** Those that may still want a permit. */
  private users = 0

  constructor(
    permits: number,
    queues: ReadonlyArray<ReadyQueue>,
    onIdle?: () => void,
    above: ReadonlyArray<Limit> = []
  ) {
    this.permits = permits
    this.queues = queues
    this.onIdle = onIdle
    this.above = above
  }

  get hasRoom(): boolean {
    return this.taken < this.permits && this.above.every(({ hasRoom }) => hasRoom)
  }

  take(): void {
    this.taken++
    for (const limit of this.above) limit.take()
    if (!this.hasRoom) this.shut()
  }

  release(): void {
    const wasFull = !this.hasRoom
    this.taken--
    for (const limit of this.above) limit.release()
    if (wasFull && this.hasRoom) this.open()
  }

  retain(): void {
    if (this.users++ > 0) return
    for (const limit of this.above) {
      limit.below.add(this)
      limit.retain()
    }
  }

  forget(): void {
    if (--this.users > 0) return
    for (const limit of this.above) {
      limit.below.delete(this)
      limit.forget()
    }
    this.onIdle?.()
  }

  private shut(): void {
    for (const queue of this.queues) queue.disable(this)
    for (const limit of this.below) limit.shut()
  }

  private open(): void {
    for (const queue of this.queues) queue.enableAll(this)
    for (const limit of this.below) if (limit.hasRoom) limit.open()
  }
}

interface Queues {
  readonly ready: ReadyQueue
  readonly resuming: ReadyQueue
}

/** A limit as a value: each machine has one of its own for it. */
export class SharedLimit {
  readonly permits: number
  private readonly limits = new WeakMap<Queues, Limit>()

  constructor(permits: number) {
    this.permits = permits
  }

  in(machine: Queues): Limit {
    let limit = this.limits.get(machine)
    if (limit === undefined) {
      limit = new Limit(this.permits, [machine.ready, machine.resuming])
      this.limits.set(machine, limit)
    }
    return limit
  }
}
