/** A first-in first-out queue on one array, O(1) amortised. */
export class Fifo<T> {
  private items: Array<T | undefined> = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  peek(): T | undefined {
    return this.items[this.head]
  }

  /** Counted from the first, which is 0. */
  at(index: number): T | undefined {
    return this.items[this.head + index]
  }

  push(item: T): void {
    this.items.push(item)
  }

  shift(): T | undefined {
    if (this.head === this.items.length) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head > 1024 && this.head * 2 > this.items.length) this.compact()
    else if (this.head === this.items.length) this.clear()
    return item
  }

  /** Takes out the last of these, which is mostly near the end. */
  removeLast(item: T): void {
    const index = this.items.lastIndexOf(item)
    if (index >= this.head) this.items.splice(index, 1)
    if (this.head === this.items.length) this.clear()
  }

  values(): Array<T> {
    return this.items.slice(this.head) as Array<T> // nothing behind the head is undefined
  }

  clear(): void {
    this.items = []
    this.head = 0
  }

  retain(keep: (item: T) => boolean): void {
    this.items = this.values().filter(keep)
    this.head = 0
  }

  private compact(): void {
    this.items = this.items.slice(this.head)
    this.head = 0
  }
}
