/**
 * One reason to hold tasks back. A lane whose turn comes while a limit is full is parked at that limit; one that has room
 * again lets the best of its lanes try, and the next one when that has gone. Nothing walks lanes.
 */
import type { WaitingFor } from "../../Task.ts"
import { getOrMake } from "./getOrMake.ts"
import { Heap } from "./heap.ts"
import { type Lane, laneBefore, type ReadyQueue } from "./readyQueue.ts"

export abstract class Limit {
  /** How many lists of limits it stands in. */
  users = 0
  private readonly parked = new Map<ReadyQueue, Heap<Lane>>()
  private readonly onIdle: () => void

  constructor(onIdle: () => void) {
    this.onIdle = onIdle
  }

  /** Why tasks wait for it while it is full. */
  abstract readonly waitingFor: WaitingFor
  /** Whether a task that runs has something of it to give back. */
  abstract readonly isHeld: boolean
  /** How many could take from it now. */
  abstract readonly room: number
  /** At this monotonic time. */
  abstract take(now: number): void
  abstract release(): void

  get hasRoom(): boolean {
    return this.room > 0
  }

  retain(): void {
    this.users++
  }

  forget(): void {
    if (--this.users === 0) this.onIdle()
  }

  /** A lane has met it full. */
  park(lane: Lane): void {
    lane.parkedAt = this
    getOrMake(this.parked, lane.queue, () => new Heap<Lane>(laneBefore)).push(lane)
  }

  unpark(lane: Lane): void {
    const lanes = this.parked.get(lane.queue)!
    lanes.remove(lane)
    lane.parkedAt = undefined
    if (lanes.size === 0) this.parked.delete(lane.queue)
  }

  /** A parked lane has another head. */
  moved(lane: Lane): void {
    this.parked.get(lane.queue)!.moved(lane)
  }

  /** The best lane of each queue may try. */
  offer(): void {
    for (const lanes of this.parked.values()) {
      const lane = lanes.peek()!
      this.unpark(lane)
      lane.queue.reopen(lane)
    }
  }

  protected get hasParked(): boolean {
    return this.parked.size > 0
  }
}

/** So many tasks at once. */
export class Permits extends Limit {
  readonly waitingFor: "job-concurrency" | "pool-concurrency"
  readonly isHeld = true
  taken = 0
  limit: number

  constructor(limit: number, waitingFor: Permits["waitingFor"], onIdle: () => void) {
    super(onIdle)
    this.limit = limit
    this.waitingFor = waitingFor
  }

  get room(): number {
    return this.limit - this.taken
  }

  take(): void {
    this.taken++
  }

  release(): void {
    this.taken--
    if (this.hasRoom) this.offer()
  }

  /** Stops nothing that runs. */
  resize(limit: number): void {
    this.limit = limit
    if (this.hasRoom) this.offer()
  }
}
