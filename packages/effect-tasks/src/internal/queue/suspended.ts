/** Those that wait for room: by priority, then first come, and by what may change their lot. */
import { getOrMake } from "./getOrMake.ts"
import { Heap, type HeapItem } from "./heap.ts"

export interface Suspended extends HeapItem {
  readonly priority: number
  /** Arrival; lower stands before higher. */
  readonly order: number
  readonly concerns: ReadonlyArray<unknown>
}

export class SuspendedQueue<T extends Suspended> {
  private readonly heap = new Heap<T>((
    a,
    b
  ) => (a.priority !== b.priority ? a.priority > b.priority : a.order < b.order))
  private readonly byConcern = new Map<unknown, Set<T>>()

  get size(): number {
    return this.heap.size
  }

  peek(): T | undefined {
    return this.heap.peek()
  }

  add(item: T): void {
    this.heap.push(item)
    for (const concern of item.concerns) getOrMake(this.byConcern, concern, () => new Set<T>()).add(item)
  }

  remove(item: T): void {
    if (item.heapIndex < 0) return
    this.heap.remove(item)
    for (const concern of item.concerns) {
      const items = this.byConcern.get(concern)
      if (items?.delete(item) && items.size === 0) this.byConcern.delete(concern)
    }
  }

  /** Those whose lot this may have changed. */
  concernedBy(concern: unknown): ReadonlyArray<T> {
    return [...(this.byConcern.get(concern) ?? [])].toSorted((a, b) => a.order - b.order)
  }
}
