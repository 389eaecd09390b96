/** The live items of one key, oldest first. Only the first of them may run. */
export class KeyQueue<T extends Keyed<T>> {
  first: T | undefined
  /** The one that a further dispatch of the key joins or replaces. */
  newest: T | undefined
  private readonly onEmpty: (() => void) | undefined

  constructor(onEmpty?: () => void) {
    this.onEmpty = onEmpty
  }

  add(item: T): void {
    item.keyPlace = { queue: this, ahead: this.newest, behind: undefined }
    if (this.newest === undefined) this.first = item
    else this.newest.keyPlace!.behind = item
    this.newest = item
  }

  remove(item: T): void {
    const { ahead, behind } = item.keyPlace!
    if (ahead === undefined) this.first = behind
    else ahead.keyPlace!.behind = behind
    if (behind === undefined) this.newest = ahead
    else behind.keyPlace!.ahead = ahead
    item.keyPlace = undefined // who keeps one that has ended keeps no later one of its key
    if (this.first === undefined) this.onEmpty?.()
  }
}

/** What can stand in a key queue. */
export interface Keyed<T extends Keyed<T>> {
  keyPlace: KeyPlace<T> | undefined
}

/** A place in a key queue. */
export interface KeyPlace<T extends Keyed<T>> {
  readonly queue: KeyQueue<T>
  ahead: T | undefined
  behind: T | undefined
}
