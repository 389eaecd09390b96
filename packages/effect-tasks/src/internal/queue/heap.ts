/** An item that knows its place in the heap that holds it; -1 outside. */
export interface HeapItem {
  heapIndex: number
}

/** A binary heap whose items can be removed and moved in O(log n). */
export class Heap<T extends HeapItem> {
  private readonly items: Array<T> = []
  private readonly before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.before = before
  }

  get size(): number {
    return this.items.length
  }

  /** In no order. */
  values(): Iterable<T> {
    return this.items
  }

  peek(): T | undefined {
    return this.items[0]
  }

  push(item: T): void {
    this.place(item, this.items.length)
    this.up(item.heapIndex)
  }

  pop(): T | undefined {
    const first = this.items[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  remove(item: T): void {
    const index = item.heapIndex
    const last = this.items.pop()!
    item.heapIndex = -1
    if (last === item) return
    this.place(last, index)
    this.moved(last)
  }

  /** Restores the order after the rank of the item has changed. */
  moved(item: T): void {
    this.up(item.heapIndex)
    this.down(item.heapIndex)
  }

  private place(item: T, index: number): void {
    this.items[index] = item
    item.heapIndex = index
  }

  private up(start: number): void {
    const item = this.items[start]
    let index = start
    while (index > 0) {
      const parent = this.items[(index - 1) >> 1]
      if (!this.before(item, parent)) break
      this.place(parent, index)
      index = (index - 1) >> 1
    }
    this.place(item, index)
  }

  private down(start: number): void {
    const { items } = this
    const item = items[start]
    let index = start
    while (true) {
      let child = 2 * index + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.before(items[child + 1], items[child])) child++
      if (!this.before(items[child], item)) break
      this.place(items[child], index)
      index = child
    }
    this.place(item, index)
  }
}
