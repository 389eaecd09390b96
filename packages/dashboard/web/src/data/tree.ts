/** The tree as a list of lines. Only keys and depths: what a line shows is looked up when it is drawn. */
import { signal } from "@preact/signals"
import { isFiltered, matching } from "./matching.ts"
import { filterText } from "./place.ts"
import { globalPool, type NodeKey, poolKey, store, taskKey } from "./store.ts"

export interface Lines {
  readonly keys: ReadonlyArray<NodeKey>
  readonly depths: ReadonlyArray<number>
}

export const noLines: Lines = { keys: [], depths: [] }

/** What a person opened and closed; what is in neither opens by itself while it is small. */
const opened = new Set<NodeKey>()
const closed = new Set<NodeKey>()
/** Rises when lines are opened or closed. */
export const openVersion = signal(0)

const openByItself = { depth: 2, siblings: 8, children: 200 }

/** The tasks and pools below a node. A task's only pool is left out: its tasks stand right below the task. */
const childrenOf = (key: NodeKey): ReadonlyArray<NodeKey> => {
  const id = key.slice(1)
  if (key[0] === "p") return tasksOf(id)
  const pools = store.poolsOf.get(id)
  if (pools === undefined) return []
  if (pools.size === 1) return tasksOf([...pools][0])
  return Array.from(pools, poolKey)
}

const tasksOf = (poolId: string): ReadonlyArray<NodeKey> => {
  const tasks = store.tasksOf.get(poolId)
  return tasks === undefined ? [] : Array.from(tasks, taskKey)
}

export const hasChildren = (key: NodeKey): boolean => {
  const id = key.slice(1)
  if (key[0] === "p") return store.tasksOf.has(id)
  const pools = store.poolsOf.get(id)
  if (pools === undefined) return false
  if (pools.size > 1) return true
  for (const pool of pools) return store.tasksOf.has(pool)
  return false
}

/** The node above, as the tree shows it. */
export const parentOf = (key: NodeKey): NodeKey | undefined => {
  const id = key.slice(1)
  if (key[0] === "p") {
    const creator = store.pools.get(id)?.createdBy ?? null
    return creator === null || !store.tasks.has(creator) ? undefined : taskKey(creator)
  }
  const poolId = store.tasks.get(id)?.poolId
  if (poolId === undefined || poolId === globalPool) return undefined
  const pool = store.pools.get(poolId)
  if (pool === undefined) return undefined
  const { createdBy } = pool
  const isOnly = createdBy !== null && store.tasks.has(createdBy) && store.poolsOf.get(createdBy)?.size === 1
  return isOnly ? taskKey(createdBy) : poolKey(poolId)
}

/** What a person folded while a filter held it open, and the filter. */
const folded = new Set<NodeKey>()
let foldedFor = ""

/** A filter opens whatever leads to what it matches. */
const isHeldOpen = (key: NodeKey): boolean => {
  if (!isFiltered.peek() || matching.has(key.slice(1))) return false
  if (foldedFor !== filterText.peek()) {
    folded.clear()
    foldedFor = filterText.peek()
  }
  return !folded.has(key)
}

export const isOpen = (key: NodeKey): boolean => opened.has(key) ? !folded.has(key) : isHeldOpen(key)

export const setOpen = (key: NodeKey, open: boolean): void => {
  const [to, from] = open ? [opened, closed] : [closed, opened]
  from.delete(key)
  to.add(key)
  if (open || !isFiltered.peek()) folded.delete(key)
  else folded.add(key)
  openVersion.value = openVersion.peek() + 1
}

/** Opens all above a node, so that it has a line. */
export const reveal = (key: NodeKey): void => {
  let changed = false
  for (let above = parentOf(key); above !== undefined; above = parentOf(above)) {
    if (opened.has(above)) continue
    opened.add(above)
    closed.delete(above)
    changed = true
  }
  if (changed) openVersion.value = openVersion.peek() + 1
}

/** How many nodes one key opens at most. */
const mostOpened = 500

/** Opens a node and what is below it. */
export const openBelow = (key: NodeKey): void => {
  const nodes = [key]
  for (let i = 0; i < nodes.length && nodes.length < mostOpened; i++) {
    for (const child of childrenOf(nodes[i])) if (hasChildren(child)) nodes.push(child)
  }
  for (const node of nodes) if (!isOpen(node)) setOpen(node, true)
}

export const collapseAll = (): void => {
  for (const key of opened) closed.add(key)
  opened.clear()
  for (const key of store.roots) closed.add(key)
  openVersion.value = openVersion.peek() + 1
}

/** What is remembered of nodes that are gone is forgotten when it has become this much. */
const mostRemembered = 20_000

const forget = (): void => {
  const isGone = (key: NodeKey) => !(key[0] === "t" ? store.tasks : store.pools).has(key.slice(1))
  for (const keys of [opened, closed, folded]) for (const key of keys) if (isGone(key)) keys.delete(key)
}

let rememberedAtMost = mostRemembered

const forgetSometimes = (): void => {
  if (opened.size + closed.size < rememberedAtMost) return
  forget()
  rememberedAtMost = opened.size + closed.size + mostRemembered
}

/** Decided once for each node, so that nothing folds or unfolds under the pointer. */
const decide = (key: NodeKey, depth: number, siblings: number): void => {
  if (opened.has(key) || closed.has(key)) return
  const isSmall = siblings <= openByItself.siblings && childrenOf(key).length <= openByItself.children
  if (depth < openByItself.depth && isSmall) opened.add(key)
  else closed.add(key)
}

/** Nodes that match and all above them; undefined without a filter. */
const shown = (kept: ReadonlyArray<string>): Set<NodeKey> | undefined => {
  if (!isFiltered.peek()) return undefined
  const keys = new Set<NodeKey>()
  const add = (id: string) => {
    for (let key: NodeKey | undefined = taskKey(id); key !== undefined && !keys.has(key); key = parentOf(key)) {
      keys.add(key)
    }
  }
  for (const id of matching) add(id)
  for (const id of kept) if (store.tasks.has(id)) add(id)
  return keys
}

/** The lines of the tree; tasks in `kept` stay although the filter no longer matches them. */
export const lines = (kept: ReadonlyArray<string>): Lines => {
  forgetSometimes()
  const only = shown(kept)
  const keys: Array<NodeKey> = []
  const depths: Array<number> = []
  const walk = (nodes: Iterable<NodeKey>, siblings: number, depth: number): void => {
    for (const key of nodes) {
      if (only !== undefined && !only.has(key)) continue
      keys.push(key)
      depths.push(depth)
      if (!hasChildren(key)) continue
      decide(key, depth, siblings)
      if (isOpen(key)) {
        const children = childrenOf(key)
        walk(children, children.length, depth + 1)
      }
    }
  }
  walk(store.roots, store.roots.size, 0)
  return { keys, depths }
}
