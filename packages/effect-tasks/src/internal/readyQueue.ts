/**
 * Who is next: tasks by priority, then depth, then arrival.
 *
 * Tasks of equal priority, depth and gate stand in one lane, first in first out; a heap orders the lanes by their heads.
 * So offer and take cost O(log lanes), whatever the length of the queue, and the lanes of a full gate leave the heap
 * instead of being passed over at every start. Removal is lazy: a lane drops what has left it when it meets it.
 */
import { Fifo } from "./fifo.ts"
import type { Gate } from "./gate.ts"
import { getOrMake } from "./getOrMake.ts"
import { Heap, type HeapItem } from "./heap.ts"

/** What can stand in a lane. */
export interface Entry extends HeapItem {
  lane: Lane | undefined
  /** Arrival; lower stands before higher. */
  order: number
  readonly gate: Gate | undefined
}

const compactAfter = 64

/** Entries of equal rank. */
export class Lane implements HeapItem {
  heapIndex = -1
  live = 0
  headOrder = 0
  readonly queue: ReadyQueue
  readonly priority: number
  readonly depth: number
  readonly gate: Gate | undefined
  private readonly fifo = new Fifo<Entry>()
  /** Entries that came back to a lane whose tail is younger than they are. */
  private early: Heap<Entry> | undefined
  private lastOrder = -1
  private dead = 0

  constructor(queue: ReadyQueue, priority: number, depth: number, gate: Gate | undefined) {
    this.queue = queue
    this.priority = priority
    this.depth = depth
    this.gate = gate
  }

  add(entry: Entry): void {
    entry.lane = this
    this.live++
    if (entry.order > this.lastOrder) {
      this.lastOrder = entry.order
      this.fifo.push(entry)
    } else {
      this.early ??= new Heap((a, b) => a.order < b.order)
      this.early.push(entry)
    }
  }

  first(): Entry {
    let head = this.fifo.peek()
    while (head !== undefined && head.lane !== this) {
      this.fifo.shift()
      this.dead--
      head = this.fifo.peek()
    }
    const early = this.early?.peek()
    return early !== undefined && (head === undefined || early.order <= head.order) ? early : head!
  }

  remove(entry: Entry): void {
    entry.lane = undefined
    this.live--
    if (entry.heapIndex >= 0) return this.early!.remove(entry)
    if (this.fifo.peek() === entry) {
      this.fifo.shift()
    } else if (++this.dead > compactAfter && this.dead > this.live) {
      this.fifo.retain((other) => other.lane === this)
      this.dead = 0
    }
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
  /** How many entries no full gate holds back. */
  startable = 0
  private readonly open = new Heap<Lane>(laneBefore)
  private readonly lanes = new Map<Gate | undefined, Map<number, Map<number, Lane>>>()
  private laneCount = 0
  /** Mostly the next entry goes where the last one went. */
  private lastLane: Lane | undefined

  add(entry: Entry, priority: number, depth: number): void {
    const lane = this.laneOf(entry.gate, priority, depth)
    lane.add(entry)
    this.size++
    if (lane.live === 1) {
      lane.headOrder = entry.order
      if (lane.gate === undefined || lane.gate.hasRoom) return this.enable(lane)
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

  /** A full gate takes its lanes out of the running. */
  disable(gate: Gate): void {
    this.forEachLane(gate, (lane) => {
      if (lane.heapIndex < 0) return
      this.open.remove(lane)
      this.startable -= lane.live
    })
  }

  /** A gate with room again brings its lanes back. */
  enableAll(gate: Gate): void {
    this.forEachLane(gate, (lane) => {
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
    if (lane.gate === undefined && this.laneCount <= spareLanes) return
    if (this.lastLane === lane) this.lastLane = undefined
    const byPriority = this.lanes.get(lane.gate)!
    const byDepth = byPriority.get(lane.priority)!
    byDepth.delete(lane.depth)
    if (byDepth.size === 0) byPriority.delete(lane.priority)
    if (byPriority.size === 0) this.lanes.delete(lane.gate)
    this.laneCount--
  }

  private laneOf(gate: Gate | undefined, priority: number, depth: number): Lane {
    const { lastLane } = this
    if (lastLane?.priority === priority && lastLane.depth === depth && lastLane.gate === gate) return lastLane
    const byPriority = getOrMake(this.lanes, gate, newMap)
    const byDepth = getOrMake(byPriority, priority, newMap) as Map<number, Lane>
    let lane = byDepth.get(depth)
    if (lane === undefined) {
      lane = new Lane(this, priority, depth, gate)
      byDepth.set(depth, lane)
      this.laneCount++
    }
    return this.lastLane = lane
  }

  private forEachLane(gate: Gate, f: (lane: Lane) => void): void {
    for (const byDepth of this.lanes.get(gate)?.values() ?? []) byDepth.forEach(f)
  }
}

const newMap = () => new Map<number, any>()
