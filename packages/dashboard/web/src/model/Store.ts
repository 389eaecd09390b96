/** The picture that the server streams: tasks, pools, jobs and pulse, and who hangs under whom. */
import { batch, signal } from "@preact/signals"
import type { Delta, History, JobRow, Message, PoolRow, Position, Pulse, TaskRow } from "../../../src/Contract.ts"
import { noHistory, record } from "../../../src/internal/history.ts"
import { type Status, statusOf } from "./words.ts"

export const globalPool = "GLOBAL"

/** "t" and the id of a task, or "p" and that of a pool. */
export type NodeKey = string
export const taskKey = (id: string): NodeKey => `t${id}`
export const poolKey = (id: string): NodeKey => `p${id}`

/** Hears of each task that changes; `undefined` for the one that is gone. */
type Listener = (before: TaskRow | undefined, after: TaskRow | undefined) => void

export type ConnectionState =
  | { readonly _tag: "connecting" }
  | { readonly _tag: "loading", readonly done: number, readonly total: number }
  | { readonly _tag: "live" }
  | { readonly _tag: "lost", readonly attempts: number }
  | { readonly _tag: "full", readonly limit: number }

export const isLost = ({ _tag }: ConnectionState): boolean => _tag === "lost" || _tag === "full"

export interface Resync {
  readonly at: number
  readonly why: "behind" | "missed" | "restarted"
  readonly missed: number
}

/** Everything below a node, added up. */
export type RollUp =
  & Pick<PoolRow, "total" | "complete" | "failed" | "canceled" | "running" | "sleeping" | "queued" | "progress" | "eta">
  & { readonly isOpen: boolean }

export class Store {
  readonly tasks = new Map<string, TaskRow>()
  readonly pools = new Map<string, PoolRow>()
  readonly jobs = new Map<string, JobRow>()
  readonly live = new Map<string, TaskRow>()
  /** In the order in which they ended. */
  exited: Array<TaskRow> = []
  /** Those that ended as error, in that order. */
  readonly failed = new Set<string>()
  /** How many tasks there are of each kind. */
  readonly counts = new Map<Status, number>()
  readonly roots = new Set<NodeKey>()
  readonly tasksOf = new Map<string, Set<string>>()
  readonly poolsOf = new Map<string, Set<string>>()
  pulse: Pulse | undefined
  history: History = noHistory
  historyLimit = 0
  /** Since when the server has watched, and when it could not. */
  watchedSince = 0
  gaps: ReadonlyArray<{ readonly from: number, readonly to: number }> = []
  position: Position | undefined
  /** Rises when tasks or pools come or go. */
  structure = 0
  isReady = false

  readonly connection = signal<ConnectionState>({ _tag: "connecting" })
  /** When and why the picture was last made anew. */
  readonly resync = signal<Resync | undefined>(undefined)
  /** How often the connection went on where it was lost. */
  readonly resumes = signal(0)
  readonly readonly = signal(false)
  readonly title = signal("effect-tasks")
  /** Rises at most once a frame, when anything of the above has changed. */
  readonly version = signal(0)

  private readonly listeners = new Set<Listener>()
  private expected = 0
  private stale = 0
  private clockSkew = 0
  private frame = 0

  listen(listener: Listener): void {
    this.listeners.add(listener)
  }

  /** The server's time; without a connection the last that is known, so that nothing seems to go on. */
  get now(): number {
    return isLost(this.connection.peek()) && this.pulse !== undefined ? this.pulse.at : Date.now() + this.clockSkew
  }

  apply(message: Message): void {
    switch (message._tag) {
      case "Snapshot":
        this.begin(message)
        break
      case "Rows":
        for (const row of message.tasks) this.putTask(row)
        this.connection.value = { _tag: "loading", done: this.tasks.size, total: this.expected }
        break
      case "Ready":
        this.finish(message.seq)
        break
      case "Resumed":
        batch(() => {
          this.resumes.value++
          this.connection.value = { _tag: "live" }
        })
        break
      case "Delta":
        this.change(message)
    }
    this.touch()
  }

  /** Asks for a new picture on the screen, with the next frame. */
  touch(): void {
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      this.version.value++
    })
  }

  rollUp(key: NodeKey): RollUp | undefined {
    const id = key.slice(1)
    let all: RollUp | undefined
    for (const each of key[0] === "p" ? [id] : this.poolsOf.get(id) ?? []) {
      const pool = this.pools.get(each)
      if (pool !== undefined && pool.total > 0) all = all === undefined ? alone(pool) : added(all, pool)
    }
    return all
  }

  /** The tasks and pools above a task, nearest first, as far as they are known. */
  *above(id: string): Generator<NodeKey> {
    for (let task: string | null = id; task !== null;) {
      const poolId: string | undefined = this.tasks.get(task)?.poolId
      const pool: PoolRow | undefined = poolId === undefined || poolId === globalPool
        ? undefined
        : this.pools.get(poolId)
      if (pool === undefined) return
      yield poolKey(pool.id)
      task = pool.createdBy
      if (task !== null) yield taskKey(task)
    }
  }

  private begin(message: Extract<Message, { readonly _tag: "Snapshot" }>): void {
    const { tasks, pools, jobs, live, tasksOf, poolsOf, counts } = this
    for (const map of [tasks, pools, jobs, live, tasksOf, poolsOf, counts]) map.clear()
    this.roots.clear()
    this.failed.clear()
    this.exited = []
    this.stale = 0
    this.isReady = false
    this.expected = message.tasks
    this.position = { run: message.run, seq: message.seq }
    this.history = message.history
    this.historyLimit = message.historyLimit
    this.watchedSince = message.watchedSince
    this.gaps = message.gaps
    for (const pool of message.pools) this.putPool(pool)
    for (const job of message.jobs) this.jobs.set(job.job, job)
    this.beat(message.pulse, false)
    batch(() => {
      this.readonly.value = message.readonly
      this.title.value = message.title
      this.connection.value = { _tag: "loading", done: 0, total: message.tasks }
      if (message.resync && message.why !== "first") {
        this.resync.value = { at: this.now, why: message.why, missed: message.missed }
      }
    })
    for (const listener of this.listeners) listener(undefined, undefined)
    this.structure++
  }

  private finish(seq: number): void {
    this.position = { run: this.position?.run ?? "", seq }
    this.exited.sort((one, other) => (one.finishedAt ?? 0) - (other.finishedAt ?? 0))
    const sorted = [...this.roots].toSorted((one, other) => this.bornAt(one) - this.bornAt(other))
    this.roots.clear()
    for (const key of sorted) this.roots.add(key)
    this.isReady = true
    this.structure++
    this.connection.value = { _tag: "live" }
  }

  private change(delta: Delta): void {
    for (const pool of delta.pools) this.putPool(pool)
    for (const row of delta.tasks) this.putTask(row)
    for (const job of delta.jobs) this.jobs.set(job.job, job)
    for (const id of delta.removedTasks) this.dropTask(id)
    for (const id of delta.removedPools) this.dropPool(id)
    this.beat(delta.pulse, delta.sample)
    this.position = { run: this.position?.run ?? "", seq: delta.seq }
    if (this.stale > 1_000) {
      this.exited = this.exited.filter(({ id }) => this.tasks.has(id))
      this.stale = 0
    }
  }

  private beat(pulse: Pulse, sample: boolean): void {
    this.pulse = pulse
    this.clockSkew = pulse.at - Date.now()
    if (sample) this.history = record(this.history, pulse)
  }

  private putTask(row: TaskRow): void {
    const before = this.tasks.get(row.id)
    this.tasks.set(row.id, row)
    this.count(before, row)
    if (before === undefined) {
      this.structure++
      if (row.poolId !== globalPool) add(this.tasksOf, row.poolId, row.id)
      if (!this.isBelowPool(row)) this.roots.add(taskKey(row.id))
      // pools that it made have a place below it now
      for (const pool of this.poolsOf.get(row.id) ?? []) this.roots.delete(poolKey(pool))
    }
    if (row.state === "Exited") {
      this.live.delete(row.id)
      if (before?.state !== "Exited") this.exited.push(row)
      if (row.exitStatus === "error") this.failed.add(row.id)
    } else this.live.set(row.id, row)
    for (const listener of this.listeners) listener(before, row)
  }

  private dropTask(id: string): void {
    const row = this.tasks.get(id)
    if (row === undefined) return
    this.tasks.delete(id)
    this.live.delete(id)
    this.failed.delete(id)
    this.count(row, undefined)
    this.stale++
    this.structure++
    this.roots.delete(taskKey(id))
    remove(this.tasksOf, row.poolId, id)
    for (const pool of this.poolsOf.get(id) ?? []) this.roots.add(poolKey(pool))
    for (const listener of this.listeners) listener(row, undefined)
  }

  private count(before: TaskRow | undefined, after: TaskRow | undefined): void {
    const [from, to] = [before, after].map((row) => row === undefined ? undefined : statusOf(row))
    if (from === to) return
    if (from !== undefined) this.counts.set(from, (this.counts.get(from) ?? 0) - 1)
    if (to !== undefined) this.counts.set(to, (this.counts.get(to) ?? 0) + 1)
  }

  private putPool(pool: PoolRow): void {
    const isNew = !this.pools.has(pool.id)
    this.pools.set(pool.id, pool)
    if (!isNew || pool.id === globalPool) return
    this.structure++
    if (pool.createdBy !== null) add(this.poolsOf, pool.createdBy, pool.id)
    if (pool.createdBy === null || !this.tasks.has(pool.createdBy)) this.roots.add(poolKey(pool.id))
    for (const task of this.tasksOf.get(pool.id) ?? []) this.roots.delete(taskKey(task))
  }

  private dropPool(id: string): void {
    const pool = this.pools.get(id)
    if (pool === undefined) return
    this.pools.delete(id)
    this.structure++
    this.roots.delete(poolKey(id))
    if (pool.createdBy !== null) remove(this.poolsOf, pool.createdBy, id)
    for (const task of this.tasksOf.get(id) ?? []) this.roots.add(taskKey(task))
  }

  /** Else it is a root: nothing is without a place because what it would hang under is not known. */
  private isBelowPool({ poolId }: TaskRow): boolean {
    return poolId !== globalPool && this.pools.has(poolId)
  }

  private bornAt(key: NodeKey): number {
    const id = key.slice(1)
    return (key[0] === "t" ? this.tasks.get(id)?.queuedAt : this.pools.get(id)?.openedAt) ?? 0
  }
}

const isOpen = ({ complete, state, total }: PoolRow): boolean => state !== "done" && complete < total

const alone = (pool: PoolRow): RollUp => ({ ...pool, isOpen: isOpen(pool) })

const added = (all: RollUp, pool: PoolRow): RollUp => {
  const total = all.total + pool.total
  // the slowest decides, and where it is not known nobody knows
  const etas = [all, alone(pool)].filter((each) => each.isOpen).map(({ eta }) => eta)
  return {
    total,
    complete: all.complete + pool.complete,
    failed: all.failed + pool.failed,
    canceled: all.canceled + pool.canceled,
    running: all.running + pool.running,
    sleeping: all.sleeping + pool.sleeping,
    queued: all.queued + pool.queued,
    progress: (all.progress * all.total + pool.progress * pool.total) / total,
    eta: etas.length === 0 || etas.includes(null) ? null : Math.max(...etas.map((eta) => eta ?? 0)),
    isOpen: all.isOpen || isOpen(pool)
  }
}

const add = (map: Map<string, Set<string>>, key: string, id: string): void => {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([id]))
  else set.add(id)
}

const remove = (map: Map<string, Set<string>>, key: string, id: string): void => {
  const set = map.get(key)
  if (set?.delete(id) === true && set.size === 0) map.delete(key)
}
