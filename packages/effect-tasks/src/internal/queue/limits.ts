/**
 * All limits of a task: it starts when each of them has room, and takes from all in one step. Tasks with the same limits, in
 * the same order, share one list of them, and so lanes: the lists are the nodes of a tree.
 */
import type { Limit } from "./limit.ts"
import { Rate } from "./rate.ts"

export class Limits {
  readonly all: ReadonlyArray<Limit>
  /** What a task holds while it runs, and needs again to go on after a wait. */
  readonly held: Limits | undefined
  /** Whether one of them asks when it is taken. */
  readonly isTimed: boolean
  /** Those with one more limit. */
  readonly longer = new Map<Limit, Limits>()
  private readonly shorter: Limits | undefined
  private readonly last: Limit
  private readonly onIdle: () => void
  /** Tasks that may still want to start or to go on, and longer lists. */
  private users = 0

  constructor(tree: LimitTree, shorter: Limits | undefined, last: Limit, onIdle: () => void) {
    this.all = [...shorter?.all ?? [], last]
    this.isTimed = last instanceof Rate || shorter?.isTimed === true
    this.shorter = shorter
    this.last = last
    this.onIdle = onIdle
    const before = shorter?.held
    this.held = !last.isHeld ? before : before === shorter ? this : tree.extend(before, last)
    last.retain()
    shorter?.retain()
    if (this.held !== this) this.held?.retain()
  }

  /** The first that is full. */
  get full(): Limit | undefined {
    for (const limit of this.all) if (!limit.hasRoom) return limit
    return undefined
  }

  take(now: number): void {
    for (const limit of this.all) limit.take(now)
  }

  /** The handler of a task that has taken from all at this time is called now. */
  called(taken: number, now: number): void {
    if (now > taken) { for (const limit of this.all) if (limit instanceof Rate) limit.move(taken, now) }
  }

  release(): void {
    for (const limit of this.all) limit.release()
  }

  retain(): void {
    this.users++
  }

  forget(): void {
    if (--this.users > 0) return
    this.onIdle()
    if (this.held !== this) this.held?.forget()
    this.last.forget()
    this.shorter?.forget()
  }
}

export class LimitTree {
  private readonly roots = new Map<Limit, Limits>()

  /** How many lists begin here. */
  get size(): number {
    return this.roots.size
  }

  /** The list with one more limit, which whoever keeps it retains. */
  extend(limits: Limits | undefined, limit: Limit): Limits {
    const longer = limits === undefined ? this.roots : limits.longer
    return longer.get(limit) ?? this.make(longer, limits, limit)
  }

  private make(longer: Map<Limit, Limits>, shorter: Limits | undefined, limit: Limit): Limits {
    const made = new Limits(this, shorter, limit, () => longer.delete(limit))
    longer.set(limit, made)
    return made
  }

  /** The list of these. */
  of(limits: Iterable<Limit>): Limits | undefined {
    let list: Limits | undefined
    for (const limit of limits) list = this.extend(list, limit)
    return list
  }
}
