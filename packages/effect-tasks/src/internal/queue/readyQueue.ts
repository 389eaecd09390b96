/**
 * Who is next: tasks by priority, then depth, then arrival.
 *
 * Tasks of equal priority, depth and limits stand in one lane, first in first out; a heap orders the lanes by their heads.
 * So offer and take cost O(log lanes), whatever the length of the queue. A lane whose turn comes while one of its limits is
 * full is parked there: nothing is passed over twice.
 */
import { getOrMake } from "./getOrMake.ts"
import { Heap, type HeapItem } from "./heap.ts"
import type { Limit } from "./limit.ts"
import type { Limits } from "./limits.ts"

/** What can stand in a lane. */
export interface Entry extends HeapItem {
  lane: Lane | undefined
  /** Its neighbours in the lane. */
  ahead: Entry | undefined
  behind: Entry | undefined
  /** Arrival; lower stands before higher. */
  readonly order: number
  /** Among those of one arrival: lower stands before higher. */
  readonly number: number
  /** How much of the capacity it takes. */
  readonly weight: number
}

/** Entries of equal rank. */
export class Lane implements HeapItem {
  heapIndex = -1
  live = 0
  headOrder = 0
  /** The full limit that keeps it out of the running. */
  parkedAt: Limit | undefined
  readonly queue: ReadyQueue
  readonly priority: number
  readonly depth: number
  readonly limits: Limits | undefined
  private head: Entry | undefined
  private tail: Entry | undefined
  /** Entries that came back to a lane whose tail is younger than they are. */
  private early: Heap<Entry> | undefined

  constructor(queue: ReadyQueue, priority: number, depth: number, limits: Limits | undefined) {
    this.queue = queue
    this.priority = priority
    this.depth = depth
    this.limits = limits
  }

  add(entry: Entry): void {
    const { tail } = this
    entry.lane = this
    this.live++
    if (tail !== undefined && tail.order > entry.order) {
      this.early ??= new Heap(earlier)
      return this.early.push(entry)
    }
    entry.ahead = tail
    if (tail === undefined) this.head = entry
    else tail.behind = entry
    this.tail = entry
  }

  countBefore(entry: Entry): number {
    let count = 0
    for (const each of this.early?.values() ?? []) if (earlier(each, entry)) count++
    for (let each = this.head; each !== undefined && earlier(each, entry); each = each.behind) count++
    return count
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

const earlier = (a: Entry, b: Entry): boolean => a.order !== b.order ? a.order < b.order : a.number < b.number

/** A lane may seem better than it is, when its head has left it; one that is parked may not. */
export const laneBefore = (a: Lane, b: Lane): boolean =>
  a.priority !== b.priority
    ? a.priority > b.priority
    : a.depth !== b.depth
    ? a.depth > b.depth
    : a.headOrder < b.headOrder

const spareLanes = 64

export class ReadyQueue {
  size = 0
  private readonly open = new Heap<Lane>(laneBefore)
  private readonly lanes = new Map<Limits | undefined, Map<number, Map<number, Lane>>>()
  private laneCount = 0
  /** Mostly the next entry goes where the last one went. */
  private lastLane: Lane | undefined

  add(entry: Entry, priority: number, depth: number, limits: Limits | undefined): void {
    const lane = this.laneOf(limits, priority, depth)
    lane.add(entry)
    this.size += entry.weight
    if (lane.live === 1) {
      lane.headOrder = entry.order
      this.open.push(lane)
    } else if (entry.order < lane.headOrder) {
      lane.headOrder = entry.order
      if (lane.parkedAt === undefined) return this.open.moved(lane)
      lane.parkedAt.unpark(lane) // it may be better now than the one that was let go before it
      this.open.push(lane)
    }
  }

  /** The best entry that no full limit holds back. */
  peek(): Entry | undefined {
    while (true) {
      const lane = this.open.peek()
      if (lane === undefined) return undefined
      const entry = lane.first()
      if (entry.order !== lane.headOrder) {
        lane.headOrder = entry.order
        this.open.moved(lane)
        continue
      }
      const full = lane.limits?.full
      if (full === undefined) return entry
      this.open.remove(lane)
      full.park(lane)
      offerNext(lane)
    }
  }

  /** Of one that starts, the limits are taken before. */
  remove(entry: Entry): void {
    const lane = entry.lane!
    lane.remove(entry)
    this.size -= entry.weight
    if (lane.live === 0) this.drop(lane)
    else if (lane.parkedAt !== undefined) return this.rerank(lane)
    offerNext(lane)
  }

  /** A limit has room for a lane that was parked. */
  reopen(lane: Lane): void {
    this.open.push(lane)
  }

  /**
   * Which place an entry of the queue has, from 1, if no limit held any back. It looks at every entry of its rank: for
   * people who ask, not for the machine.
   */
  placeOf(entry: Entry): number {
    const lane = entry.lane!
    let before = 0
    for (const byPriority of this.lanes.values()) {
      for (const [priority, byDepth] of byPriority) {
        for (const [depth, other] of byDepth) {
          const isBetter = priority !== lane.priority ? priority > lane.priority : depth > lane.depth
          if (isBetter) before += other.live
          else if (priority === lane.priority && depth === lane.depth) before += other.countBefore(entry)
        }
      }
    }
    return before + 1
  }

  /** What of each limit so many entries would take that could start now, and how many there are. */
  startable(most: number): { readonly count: number, readonly taken: ReadonlyMap<Limit, number> } {
    const taken = new Map<Limit, number>()
    let count = 0
    for (const { limits, live } of this.open.values()) {
      if (count === most) break
      const all = limits?.all ?? []
      const room = Math.max(
        0,
        Math.min(live, most - count, ...all.map((limit) => limit.room - (taken.get(limit) ?? 0)))
      )
      for (const limit of all) taken.set(limit, (taken.get(limit) ?? 0) + room)
      count += room
    }
    return { count, taken }
  }

  private rerank(lane: Lane): void {
    const { order } = lane.first()
    if (order === lane.headOrder) return
    lane.headOrder = order
    lane.parkedAt!.moved(lane)
  }

  private drop(lane: Lane): void {
    if (lane.parkedAt === undefined) this.open.remove(lane)
    else lane.parkedAt.unpark(lane)
    if (lane.limits === undefined && this.laneCount <= spareLanes) return
    if (this.lastLane === lane) this.lastLane = undefined
    const byPriority = this.lanes.get(lane.limits)!
    const byDepth = byPriority.get(lane.priority)!
    byDepth.delete(lane.depth)
    if (byDepth.size === 0) byPriority.delete(lane.priority)
    if (byPriority.size === 0) this.lanes.delete(lane.limits)
    this.laneCount--
  }

  private laneOf(limits: Limits | undefined, priority: number, depth: number): Lane {
    const { lastLane } = this
    if (lastLane?.priority === priority && lastLane.depth === depth && lastLane.limits === limits) return lastLane
    const byPriority = getOrMake(this.lanes, limits, newMap)
    const byDepth = getOrMake(byPriority, priority, newMap) as Map<number, Lane>
    let lane = byDepth.get(depth)
    if (lane === undefined) {
      lane = new Lane(this, priority, depth, limits)
      byDepth.set(depth, lane)
      this.laneCount++
    }
    return this.lastLane = lane
  }
}

/** A lane has gone from the open ones, or has another head: limits of it with room let their next lane try. */
const offerNext = ({ limits }: Lane): void => {
  if (limits === undefined) return
  for (const limit of limits.all) if (limit.hasRoom) limit.offer()
}

const newMap = () => new Map<number, any>()
