/** The tree as a list of lines. Only keys and depths: what a line shows is looked up when it is drawn. */
import { effect, signal } from "@preact/signals"
import { page } from "../../../src/internal/limits.ts"
import type { Matching } from "./Matching.ts"
import type { Place } from "./Place.ts"
import { globalPool, type NodeKey, poolKey, type Store, taskKey } from "./Store.ts"

export interface Lines {
  readonly keys: ReadonlyArray<NodeKey>
  readonly depths: ReadonlyArray<number>
}

export const noLines: Lines = { keys: [], depths: [] }

const openByItself = { depth: 2, siblings: 8, children: 200 }

/** The least time between two lists that nobody asked for, in milliseconds: making them takes a tenth of it at most. */
const pauseAfter = (cost: number): number => Math.max(90, cost * 10)

/** In follow mode the newest running task is kept in view; not more often, so that a line can be read before the next comes. */
const followPause = 500

export class TreeModel {
  readonly list = signal<Lines>(noLines)
  /** The line that keys act on. */
  readonly cursor = signal<NodeKey | undefined>(undefined)
  /** Whether the newest running task is kept in view, until a person moves. */
  readonly following = signal(false)
  /** The line under the pointer: it stays where it is. */
  hovered: { readonly key: NodeKey, index: number } | undefined = undefined
  /** The task that is brought into view as soon as it has a line. */
  wanted: string | undefined = undefined
  /** Rises when lines are opened or closed. */
  private readonly openVersion = signal(0)
  /** What a person opened and closed; what is in neither opens by itself while it is small. */
  private readonly opened = new Set<NodeKey>()
  private readonly closed = new Set<NodeKey>()
  /** What a person folded while a filter held it open, and the filter. */
  private readonly folded = new Set<NodeKey>()
  private foldedFor = ""
  private forgetAt: number = page.remembered
  private made = { of: "", at: 0, cost: 0 }
  private timer: ReturnType<typeof setTimeout> | undefined
  private movedAt = 0
  private readonly store: Store
  private readonly matching: Matching
  private readonly place: Place

  constructor(store: Store, matching: Matching, place: Place) {
    this.store = store
    this.matching = matching
    this.place = place
  }

  /** Makes lists while they are looked at: when frames come, never more often. */
  watch(): () => void {
    const stops = [
      effect(() => {
        void this.store.version.value
        this.follow()
        this.refresh(false)
      }),
      effect(() => {
        void [this.openVersion.value, this.matching.isFiltered.value]
        this.refresh(true)
      })
    ]
    return () => stops.forEach((stop) => stop())
  }

  hasChildren(key: NodeKey): boolean {
    const id = key.slice(1)
    if (key[0] === "p") return this.store.tasksOf.has(id)
    const pools = this.store.poolsOf.get(id)
    if (pools === undefined) return false
    if (pools.size > 1) return true
    for (const pool of pools) return this.store.tasksOf.has(pool)
    return false
  }

  /** The node above, as the tree shows it. */
  parentOf(key: NodeKey): NodeKey | undefined {
    const { pools, poolsOf, tasks } = this.store
    const id = key.slice(1)
    const known = (task: string | null | undefined): task is string => typeof task === "string" && tasks.has(task)
    if (key[0] === "p") {
      const creator = pools.get(id)?.createdBy
      return known(creator) ? taskKey(creator) : undefined
    }
    const poolId = tasks.get(id)?.poolId
    const pool = poolId === undefined || poolId === globalPool ? undefined : pools.get(poolId)
    if (pool === undefined) return undefined
    const { createdBy } = pool
    return known(createdBy) && poolsOf.get(createdBy)?.size === 1 ? taskKey(createdBy) : poolKey(pool.id)
  }

  isOpen(key: NodeKey): boolean {
    return this.opened.has(key) ? !this.folded.has(key) : this.isHeldOpen(key)
  }

  setOpen(key: NodeKey, open: boolean): void {
    const [to, from] = open ? [this.opened, this.closed] : [this.closed, this.opened]
    from.delete(key)
    to.add(key)
    if (open || !this.matching.isFiltered.peek()) this.folded.delete(key)
    else this.folded.add(key)
    this.changed()
  }

  /** Opens a node and what is below it. */
  openBelow(key: NodeKey): void {
    const nodes = [key]
    for (let i = 0; i < nodes.length && nodes.length < page.opened; i++) {
      for (const child of this.childrenOf(nodes[i])) if (this.hasChildren(child)) nodes.push(child)
    }
    for (const node of nodes) if (!this.isOpen(node)) this.setOpen(node, true)
  }

  closeAll(): void {
    for (const key of this.opened) this.closed.add(key)
    this.opened.clear()
    for (const key of this.store.roots) this.closed.add(key)
    this.changed()
  }

  /** Selects a task and gives it a line in view. */
  select(id: string | undefined): void {
    if (id !== undefined) this.show(id)
    this.place.selected.value = id
  }

  /** Opens a task in the inspector; folds a pool. */
  enter(key: NodeKey): void {
    if (key[0] === "t") this.place.selected.value = key.slice(1)
    else this.setOpen(key, !this.isOpen(key))
  }

  /** Opens all above a task, so that it has a line, and brings it into view. */
  show(id: string): void {
    let changed = false
    for (let above = this.parentOf(taskKey(id)); above !== undefined; above = this.parentOf(above)) {
      if (this.opened.has(above)) continue
      this.opened.add(above)
      this.closed.delete(above)
      changed = true
    }
    if (changed) this.changed()
    if (this.place.view.peek() === "tree") this.wanted = id
  }

  isBelow(key: NodeKey, node: NodeKey): boolean {
    for (let above = this.parentOf(key); above !== undefined; above = this.parentOf(above)) {
      if (above === node) return true
    }
    return false
  }

  private changed(): void {
    this.openVersion.value = this.openVersion.peek() + 1
  }

  /** The tasks and pools below a node. A task's only pool is left out: its tasks stand right below the task. */
  private childrenOf(key: NodeKey): ReadonlyArray<NodeKey> {
    const id = key.slice(1)
    if (key[0] === "p") return this.tasksIn(id)
    const pools = this.store.poolsOf.get(id)
    if (pools === undefined) return []
    const [only, ...more] = pools
    return more.length === 0 ? this.tasksIn(only) : Array.from(pools, poolKey)
  }

  private tasksIn(poolId: string): ReadonlyArray<NodeKey> {
    const tasks = this.store.tasksOf.get(poolId)
    return tasks === undefined ? [] : Array.from(tasks, taskKey)
  }

  /** A filter opens whatever leads to what it matches. */
  private isHeldOpen(key: NodeKey): boolean {
    if (!this.matching.isFiltered.peek() || this.matching.ids.has(key.slice(1))) return false
    const text = this.place.filter.peek()
    if (this.foldedFor !== text) {
      this.folded.clear()
      this.foldedFor = text
    }
    return !this.folded.has(key)
  }

  /** What is remembered of nodes that are gone is forgotten when it has become much. */
  private forget(): void {
    const { closed, folded, opened, store } = this
    if (opened.size + closed.size < this.forgetAt) return
    const isGone = (key: NodeKey) => !(key[0] === "t" ? store.tasks : store.pools).has(key.slice(1))
    for (const keys of [opened, closed, folded]) for (const key of keys) if (isGone(key)) keys.delete(key)
    this.forgetAt = opened.size + closed.size + page.remembered
  }

  /** Decided once for each node, so that nothing folds or unfolds under the pointer. */
  private decide(key: NodeKey, depth: number, siblings: number): void {
    if (this.opened.has(key) || this.closed.has(key)) return
    const isSmall = siblings <= openByItself.siblings && this.childrenOf(key).length <= openByItself.children
    if (depth < openByItself.depth && isSmall) this.opened.add(key)
    else this.closed.add(key)
  }

  /** Nodes that match, or are pointed at, and all above them; undefined without a filter. */
  private shown(): Set<NodeKey> | undefined {
    if (!this.matching.isFiltered.peek()) return undefined
    const keys = new Set<NodeKey>()
    const add = (id: string) => {
      for (let key: NodeKey | undefined = taskKey(id); key !== undefined && !keys.has(key);) {
        keys.add(key)
        key = this.parentOf(key)
      }
    }
    for (const id of this.matching.ids) add(id)
    const pointed = this.hovered?.key
    if (pointed?.[0] === "t" && this.store.tasks.has(pointed.slice(1))) add(pointed.slice(1))
    return keys
  }

  private lines(): Lines {
    this.forget()
    const only = this.shown()
    const keys: Array<NodeKey> = []
    const depths: Array<number> = []
    const walk = (nodes: Iterable<NodeKey>, siblings: number, depth: number): void => {
      for (const key of nodes) {
        if (only !== undefined && !only.has(key)) continue
        keys.push(key)
        depths.push(depth)
        if (!this.hasChildren(key)) continue
        this.decide(key, depth, siblings)
        if (!this.isOpen(key)) continue
        const children = this.childrenOf(key)
        walk(children, children.length, depth + 1)
      }
    }
    walk(this.store.roots, this.store.roots.size, 0)
    return { keys, depths }
  }

  /** Makes the list anew when what it is made of has changed. */
  private refresh(urgent: boolean): void {
    this.matching.publish()
    const isFiltered = this.matching.isFiltered.peek()
    const of = [
      this.store.structure,
      this.openVersion.peek(),
      isFiltered,
      this.matching.version.peek(),
      isFiltered ? this.hovered?.key : ""
    ].join(" ")
    if (of === this.made.of) return
    const now = performance.now()
    const due = this.made.at + pauseAfter(this.made.cost)
    clearTimeout(this.timer)
    if (!urgent && now < due) {
      // a last change is not left waiting for another
      this.timer = setTimeout(() => this.refresh(true), due - now)
      return
    }
    this.list.value = this.lines()
    const at = performance.now()
    this.made = { of, at, cost: at - now }
  }

  private follow(): void {
    const now = performance.now()
    if (!this.following.peek() || now - this.movedAt < followPause) return
    let newest: string | undefined
    let at = -1
    for (const row of this.store.live.values()) {
      if (row.state !== "Running" || row.startedAt === null || row.startedAt < at) continue
      newest = row.id
      at = row.startedAt
    }
    if (newest === undefined) return
    this.movedAt = now
    this.show(newest)
  }
}
