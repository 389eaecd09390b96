/**
 * Many dispatches as one entry of the ready queue. When its turn has come and a slot is free it makes its next task, which
 * stands in its place. So items that wait cost nothing.
 */
import * as Exit from "effect/Exit"
import type { Task } from "../../Task.ts"
import type { DispatchError, DispatchErrorReason } from "../../TaskError.ts"
import type { Entry, Lane } from "../queue/readyQueue.ts"
import type { BulkEntry } from "../record/cursor.ts"
import type { PoolRecord } from "../record/pool.ts"
import { rareOf } from "../record/run.ts"
import type { Node, Source, Waiter } from "../record/source.ts"
import { recordOf } from "../record/task.ts"
import { countItems, forgoItems } from "../transition/counting.ts"
import { finishIfDone } from "../transition/tickets.ts"
import { checkRing } from "../wait/graph.ts"
import { type Dispatched, refusal } from "./accept.ts"

/** What a cursor is made for. */
export interface Bulk {
  readonly job: string
  readonly pool: PoolRecord
  readonly priority: number
  /** How many of its tasks may wait unstarted, behind keys, limits or delays. */
  readonly ahead: number
  /** Who dispatches. */
  readonly from: Node | undefined
  /** Dispatches an item, at once. */
  readonly dispatch: (item: unknown, cursor: Cursor) => Dispatched
  /** Why a dispatch would be refused now, if it would. */
  readonly refused: () => DispatchErrorReason | undefined
}

type Outcome = Exit.Exit<Task<any, any, any, any>, DispatchError>

/** So many chunks wait: the one that is read, and the next. */
const mostChunks = 2

export class Cursor implements BulkEntry, Source {
  heapIndex = -1
  lane: Lane | undefined
  ahead: Entry | undefined
  behind: Entry | undefined
  /** Its tasks stand before it, so that one starts before the next is made. */
  readonly order: number
  readonly orderOfTasks: number
  readonly number = 0
  readonly weight = 0
  counted = 0
  unstarted = 0
  waiters: Set<Waiter> | undefined
  result: Exit.Exit<void, unknown> | undefined
  /** Who brings chunks waits for this. */
  readonly space: Source
  private readonly bulk: Bulk
  private readonly chunks: Array<Iterator<unknown>> = []
  private isComplete = false

  constructor(bulk: Bulk) {
    const { pool } = bulk
    this.bulk = bulk
    this.orderOfTasks = pool.machine.nextOrder()
    this.order = pool.machine.nextOrder()
    this.space = new Space(() => this.ready || this.chunks.length < mostChunks)
    pool.remaining++
    pool.machine.cursors.add(this)
  }

  get pool(): PoolRecord {
    return this.bulk.pool
  }

  get from(): Node | undefined {
    return this.bulk.from
  }

  get ready(): boolean {
    return this.result !== undefined
  }

  get isFull(): boolean {
    return this.unstarted >= this.bulk.ahead
  }

  /** More items, which count in the pool at once where their number is known. */
  add(items: Iterator<unknown>, count = 0): void {
    if (this.ready) return
    this.chunks.push(items)
    this.counted += count
    countItems(this.pool, count)
    this.stand()
  }

  /** No more items will come. */
  complete(): void {
    this.isComplete = true
    if (this.chunks.length === 0) this.end(Exit.void)
  }

  pull(): void {
    try {
      const next = this.chunks[0]!.next() // it stands only with a chunk
      if (next.done === true) return this.nextChunk()
      const outcome = this.bulk.dispatch(next.value, this) as unknown as Outcome // it never waits
      if (Exit.isFailure(outcome)) this.end(outcome)
      else this.made(outcome.value)
    } catch (defect) {
      this.end(Exit.die(defect))
    }
  }

  taken(): void {
    this.unstarted--
    this.stand()
  }

  end(result: Exit.Exit<void, unknown>): void {
    if (this.ready) return
    const { machine } = this.pool
    machine.inStep++
    this.result = result
    this.leave()
    machine.cursors.delete(this)
    forgoItems(this.pool, this.counted)
    this.counted = 0
    const [items] = this.chunks.splice(0)
    if (items !== undefined) machine.tell({ _tag: "close", items })
    machine.wakeAll(this)
    machine.wakeAll(this.space)
    this.pool.remaining--
    finishIfDone(this.pool)
    machine.schedule()
    machine.inStep--
  }

  reconsider(): void {
    const reason = this.bulk.refused()
    if (reason !== undefined) this.refuse(reason)
  }

  refuse(reason: DispatchErrorReason): void {
    this.end(Exit.fail(refusal(this.bulk.job, reason)))
  }

  /** One item has become a task, or has joined or reused one. */
  private made(handle: Task<any, any, any, any>): void {
    if (handle.origin !== "created") {
      if (this.counted === 0) return
      this.counted--
      return countItems(this.pool, -1)
    }
    const { run } = recordOf(handle)
    if (this.pool.machine.ready.peek() === run) return // it starts now
    rareOf(run!).cursor = this
    this.unstarted++
    if (this.isFull) this.leave()
    const behind = run!.rare?.keyPlace?.queue // it cannot have settled in this step
    if (behind === undefined || behind.first === run) return
    for (const earlier of behind.backwards()) {
      const ring = checkRing(this.from, earlier.task)
      if (ring !== undefined) return this.end(Exit.die(ring))
    }
  }

  private nextChunk(): void {
    this.chunks.shift()
    if (this.chunks.length === 0 && this.isComplete) return this.end(Exit.void)
    if (this.chunks.length === 0) this.leave()
    this.pool.machine.wakeAll(this.space)
  }

  private stand(): void {
    if (this.ready || this.lane !== undefined || this.chunks.length === 0 || this.isFull) return
    const { depth, machine } = this.pool
    machine.ready.add(this, this.bulk.priority, depth, undefined)
    machine.schedule()
  }

  private leave(): void {
    if (this.lane !== undefined) this.pool.machine.ready.remove(this)
  }
}

class Space implements Source {
  waiters: Set<Waiter> | undefined
  private readonly isReady: () => boolean

  constructor(isReady: () => boolean) {
    this.isReady = isReady
  }

  get ready(): boolean {
    return this.isReady()
  }
}
