/** The picture that the server streams: tasks, pools, jobs and pulse, and who hangs under whom. */
import { batch } from "@preact/signals"
import type { Delta, History, JobRow, Message, PoolRow, Position, Pulse, TaskRow } from "../../../src/Contract.ts"
import { noHistory, record } from "../../../src/internal/history.ts"
import { connection, isLost, readonly, resumes, resync, title, version } from "./signals.ts"

export const globalPool = "GLOBAL"

/** "t" and the id of a task, or "p" and that of a pool. */
export type NodeKey = string
export const taskKey = (id: string): NodeKey => `t${id}`
export const poolKey = (id: string): NodeKey => `p${id}`

/** Hears of each task that changes; `undefined` for the one that is gone. */
type Listener = (before: TaskRow | undefined, after: TaskRow | undefined) => void

class Store {
  readonly tasks = new Map<string, TaskRow>()
  readonly pools = new Map<string, PoolRow>()
  readonly jobs = new Map<string, JobRow>()
  readonly live = new Map<string, TaskRow>()
  /** In the order in which they ended. */
  exited: Array<TaskRow> = []
  /** Those that ended as error, in that order. */
  readonly failed = new Set<string>()
  readonly roots = new Set<NodeKey>()
  readonly tasksOf = new Map<string, Set<string>>()
  readonly poolsOf = new Map<string, Set<string>>()
  pulse: Pulse | undefined
  history: History = noHistory
  /** Since when the server has watched, and when it could not. */
  watchedSince = 0
  gaps: ReadonlyArray<{ readonly from: number, readonly to: number }> = []
  position: Position | undefined
  /** Rises when tasks or pools come or go. */
  structure = 0
  isReady = false
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
    return isLost(connection.peek()) && this.pulse !== undefined ? this.pulse.at : Date.now() + this.clockSkew
  }

  apply(message: Message): void {
    switch (message._tag) {
      case "Snapshot":
        this.begin(message)
        break
      case "Rows":
        for (const row of message.tasks) this.putTask(row)
        connection.value = { _tag: "loading", done: this.tasks.size, total: this.expected }
        break
      case "Ready":
        this.finish(message.seq)
        break
      case "Resumed":
        batch(() => {
          resumes.value++
          connection.value = { _tag: "live" }
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
      version.value++
    })
  }

  private begin(message: Extract<Message, { readonly _tag: "Snapshot" }>): void {
    for (const map of [this.tasks, this.pools, this.jobs, this.live, this.tasksOf, this.poolsOf]) map.clear()
    this.roots.clear()
    this.failed.clear()
    this.exited = []
    this.stale = 0
    this.isReady = false
    this.expected = message.tasks
    this.position = { run: message.run, seq: message.seq }
    this.history = message.history
    this.watchedSince = message.watchedSince
    this.gaps = message.gaps
    for (const pool of message.pools) this.putPool(pool)
    for (const job of message.jobs) this.jobs.set(job.job, job)
    this.beat(message.pulse, false)
    batch(() => {
      readonly.value = message.readonly
      title.value = message.title
      connection.value = { _tag: "loading", done: 0, total: message.tasks }
      if (message.resync && message.why !== "first") {
        resync.value = { at: this.now, why: message.why, missed: message.missed }
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
    connection.value = { _tag: "live" }
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
    this.stale++
    this.structure++
    this.roots.delete(taskKey(id))
    remove(this.tasksOf, row.poolId, id)
    for (const pool of this.poolsOf.get(id) ?? []) this.roots.add(poolKey(pool))
    for (const listener of this.listeners) listener(row, undefined)
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

const add = (map: Map<string, Set<string>>, key: string, id: string): void => {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([id]))
  else set.add(id)
}

const remove = (map: Map<string, Set<string>>, key: string, id: string): void => {
  const set = map.get(key)
  if (set?.delete(id) === true && set.size === 0) map.delete(key)
}

export const store = new Store()
