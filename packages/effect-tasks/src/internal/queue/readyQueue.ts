/**
 * Who is next: tasks by priority, then depth, then arrival.
 *
 * Tasks of equal priority, depth and limit stand in one lane, first in first out; a heap orders the lanes by their heads.
 * So offer and take cost O(log lanes), whatever the length of the queue, and the lanes of a full limit leave the heap
 * instead of being passed over at every start.
 */
import { getOrMake } from "./getOrMake.ts"
import { Heap, type HeapItem } from "./heap.ts"
import type { Limit } from "./limit.ts"

/** What can stand in a lane. */
export interface Entry extends HeapItem {
  lane: Lane | undefined
  /** Its neighbours in the lane. */
  ahead: Entry | undefined
  behind: Entry | undefined
  /** Arrival; lower stands before higher. */
  order: number
  readonly limit: Limit | undefined
}

/** Entries of equal rank. */
export class Lane implements HeapItem {
  heapIndex = -1
  live = 0
  headOrder = 0
  readonly queue: ReadyQueue
  readonly priority: number
  readonly depth: number
  readonly limit: Limit | undefined
  private head: Entry | undefined
  private tail: Entry | undefined
  /** Entries that came back to a lane whose tail is younger than they are. */
  private early: Heap<Entry> | undefined

  constructor(queue: ReadyQueue, priority: number, depth: number, limit: Limit | undefined) {
    this.queue = queue
    this.priority = priority
    this.depth = depth
    this.limit = limit
  }

  add(entry: Entry): void {
    const { tail } = this
    entry.lane = this
    this.live++
    if (tail !== undefined && tail.order > entry.order) {
      this.early ??= new Heap((a, b) => a.order < b.order)
      return this.early.push(entry)
    }
    entry.ahead = tail
    if (tail === undefined) this.head = entry
    else tail.behind = entry
    this.tail = entry
  }

  first(): Entry {
    const { head } = this
    const early = this.early?.peek()
    return early !== undefined && (head === undefined || early.order <= head.order) ? early : head!
  }

  remove(entry: Entry): void {
    entry.lane = undefined
    this.live--
    if (entry.heapIndex >= 0) return this.early!.remove(entry)
    const { ahead, behind } = entry
    if (ahead === undefined) this.head = behind
    else ahead.behind = behind
    if (behind === undefined) this.tail = ahead
    else behind.ahead = ahead
    entry.ahead = entry.behind = undefined
  }
}

const laneBefore = (a: Lane, b: Lane): boolean =>
  a.priority !== b.priority
    ? a.priority > b.priority
    : a.depth !== b.depth
    ? a.depth > b.depth
    : a.headOrder < b.headOrder

const spareLanes = 64

export class ReadyQueue {
  size = 0
  /** How many entries no full limit holds back. */
  startable = 0
  private readonly open = new Heap<Lane>(laneBefore)
  private readonly lanes = new Map<Limit | undefined, Map<number, Map<number, Lane>>>()
  private laneCount = 0
  /** Mostly the next entry goes where the last one went. */
  private lastLane: Lane | undefined

  add(entry: Entry, priority: number, depth: number): void {
    const lane = this.laneOf(entry.limit, priority, depth)
    lane.add(entry)
    this.size++
    if (lane.live === 1) {
      lane.headOrder = entry.order
      if (lane.limit === undefined || lane.limit.hasRoom) return this.enable(lane)
    } else if (lane.heapIndex >= 0) {
      this.startable++
    }
    if (entry.order < lane.headOrder) {
      lane.headOrder = entry.order
      if (lane.heapIndex >= 0) this.open.moved(lane)
    }
  }

  peek(): Entry | undefined {
    while (true) {
      const lane = this.open.peek()
      if (lane === undefined) return undefined
      const entry = lane.first()
      if (entry.order === lane.headOrder) return entry
      lane.headOrder = entry.order
      this.open.moved(lane)
    }
  }

  remove(entry: Entry): void {
    const lane = entry.lane!
    lane.remove(entry)
    this.size--
    if (lane.heapIndex >= 0) this.startable--
    if (lane.live === 0) this.drop(lane)
  }

  /** A full limit takes its lanes out of the running. */
  disable(limit: Limit): void {
    this.forEachLane(limit, (lane) => {
      if (lane.heapIndex < 0) return
      this.open.remove(lane)
      this.startable -= lane.live
    })
  }

  /** A limit with room again brings its lanes back. */
  enableAll(limit: Limit): void {
    this.forEachLane(limit, (lane) => {
      if (lane.heapIndex < 0 && lane.live > 0) this.enable(lane)
    })
  }

  private enable(lane: Lane): void {
    lane.headOrder = lane.first().order
    this.open.push(lane)
    this.startable += lane.live
  }

  private drop(lane: Lane): void {
    if (lane.heapIndex >= 0) this.open.remove(lane)
    if (lane.limit === undefined && this.laneCount <= spareLanes) return
    if (this.lastLane === lane) this.lastLane = undefined
    const byPriority = this.lanes.get(lane.limit)!
    const byDepth = byPriority.get(lane.priority)!
    byDepth.delete(lane.depth)
    if (byDepth.size === 0) byPriority.delete(lane.priority)
    if (byPriority.size === 0) this.lanes.delete(lane.limit)
    this.laneCount--
  }

  private laneOf(limit: Limit | undefined, priority: number, depth: number): Lane {
    const { lastLane } = this
    if (lastLane?.priority === priority && lastLane.depth === depth && lastLane.limit === limit) return lastLane
    const byPriority = getOrMake(this.lanes, limit, newMap)
    const byDepth = getOrMake(byPriority, priority, newMap) as Map<number, Lane>
    let lane = byDepth.get(depth)
    if (lane === undefined) {
      lane = new Lane(this, priority, depth, limit)
      byDepth.set(depth, lane)
      this.laneCount++
    }
    return this.lastLane = lane
  }

  private forEachLane(limit: Limit, f: (lane: Lane) => void): void {
    for (const byDepth of this.lanes.get(limit)?.values() ?? []) byDepth.forEach(f)
  }
}

const newMap = () => new Map<number, any>()
