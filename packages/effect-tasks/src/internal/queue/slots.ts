/** The right to run: `limit` slots with the smallest free index given first. */

/** Slots in a word of bits; a set bit is a slot taken. */
const bits = 32
const full = -1

export class Slots {
  busy = 0
  limit: number
  private readonly words: Array<number> = []
  /** No word before this one has a free slot. */
  private first = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get available(): boolean {
    return this.busy < this.limit
  }

  take(): number {
    this.busy++
    while (this.words[this.first] === full) this.first++
    const word = this.words[this.first] ?? 0
    const free = ~word & (word + 1) // its lowest bit that is not set
    this.words[this.first] = word | free
    return this.first * bits + (bits - 1 - Math.clz32(free))
  }

  release(index: number): void {
    this.busy--
    const at = Math.floor(index / bits)
    this.words[at] &= ~(1 << (index % bits))
    if (at < this.first) this.first = at
  }
}
