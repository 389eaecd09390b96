/** The latest deltas, from which each viewer takes what it has not seen yet, as one. */
import type { Delta } from "../Feed.ts"

export class Ring {
  private readonly deltas: Array<Delta> = []
  private rows = 0
  private readonly most: { readonly deltas: number, readonly rows: number }

  constructor(most: { readonly deltas: number, readonly rows: number }) {
    this.most = most
  }

  push(delta: Delta): void {
    this.deltas.push(delta)
    this.rows += sizeOf(delta)
    while (this.deltas.length > this.most.deltas || (this.rows > this.most.rows && this.deltas.length > 1)) {
      this.rows -= sizeOf(this.deltas.shift()!)
    }
  }

  /** A viewer that has seen less than what is left cannot go on from there. */
  clear(): void {
    this.deltas.length = 0
    this.rows = 0
  }

  /** Everything after `seq`; nothing when some of it is gone. */
  since(seq: number): Delta | undefined {
    const start = this.deltas.findIndex((delta) => delta.from === seq)
    if (start === -1) return undefined
    const [first, ...rest] = this.deltas.slice(start)
    return rest.length === 0 ? first : merge([first, ...rest])
  }

  has(seq: number): boolean {
    return this.deltas.some((delta) => delta.from === seq)
  }
}

const sizeOf = ({ jobs, pools, tasks }: Delta): number => tasks.length + pools.length + jobs.length

/** Later rows take the place of earlier ones; what was removed and came back stays. */
const merge = (deltas: ReadonlyArray<Delta>): Delta => {
  const last = deltas.at(-1)!
  const tasks = newest(deltas.flatMap((delta) => delta.tasks), ({ id }) => id)
  const pools = newest(deltas.flatMap((delta) => delta.pools), ({ id }) => id)
  const removedTasks = new Set<string>()
  const removedPools = new Set<string>()
  for (const delta of deltas) {
    for (const { id } of delta.tasks) removedTasks.delete(id)
    for (const { id } of delta.pools) removedPools.delete(id)
    for (const id of delta.removedTasks) removedTasks.add(id)
    for (const id of delta.removedPools) removedPools.add(id)
  }
  return {
    ...last,
    from: deltas[0].from,
    tasks: tasks.filter(({ id }) => !removedTasks.has(id)),
    pools: pools.filter(({ id }) => !removedPools.has(id)),
    removedTasks: [...removedTasks],
    removedPools: [...removedPools],
    jobs: newest(deltas.flatMap((delta) => delta.jobs), ({ job }) => job),
    sample: deltas.some((delta) => delta.sample)
  }
}

const newest = <A>(items: ReadonlyArray<A>, key: (item: A) => string): Array<A> => [
  ...new Map(items.map((item) => [key(item), item])).values()
]
