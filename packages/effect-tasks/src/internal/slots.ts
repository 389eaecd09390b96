/** The right to run: `limit` slots with the smallest free index given first. */
import { Heap, type HeapItem } from "./heap.ts"

interface Free extends HeapItem {
  readonly index: number
}

export class Slots {
  busy = 0
  limit: number
  private next = 0
  private readonly free = new Heap<Free>((a, b) => a.index < b.index)

  constructor(limit: number) {
    this.limit = limit
  }

  get available(): boolean {
    return this.busy < this.limit
  }

  take(): number {
    this.busy++
    return this.free.pop()?.index ?? this.next++
  }

  release(index: number): void {
    this.busy--
    this.free.push({ index, heapIndex: -1 })
  }
}
