/** The live items of one key, oldest first. Only the first of them may run. */
export class KeyQueue<T> {
  private head: KeyPlace<T> | undefined
  private tail: KeyPlace<T> | undefined
  private readonly onEmpty: (() => void) | undefined

  constructor(onEmpty?: () => void) {
    this.onEmpty = onEmpty
  }

  get first(): T | undefined {
    return this.head?.item
  }

  /** The one that a further dispatch of the key joins or replaces. */
  get newest(): T | undefined {
    return this.tail?.item
  }

  *backwards(): Generator<T> {
    for (let place = this.tail; place !== undefined; place = place.ahead) yield place.item
  }

  add(item: T): KeyPlace<T> {
    const place = { queue: this, item, ahead: this.tail, behind: undefined }
    if (this.tail === undefined) this.head = place
    else this.tail.behind = place
    return this.tail = place
  }

  remove({ ahead, behind }: KeyPlace<T>): void {
    if (ahead === undefined) this.head = behind
    else ahead.behind = behind
    if (behind === undefined) this.tail = ahead
    else behind.ahead = ahead
    if (this.head === undefined) this.onEmpty?.()
  }
}

/** A place in a key queue. */
export interface KeyPlace<T> {
  readonly queue: KeyQueue<T>
  readonly item: T
  ahead: KeyPlace<T> | undefined
  behind: KeyPlace<T> | undefined
}
