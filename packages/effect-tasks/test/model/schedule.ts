/** The part of the model that knows time, slots, limits and who waits for whom: R17 to R20, R22, R26, R28, R32. */
import { type Fiber, type Gate, Pool, type Task, type Timer, type Wait } from "./entities.ts"
import type { JobName } from "./jobs.ts"

export abstract class Schedule {
  now = 0
  workers: number
  paused = false
  readonly tasks: Array<Task> = []
  readonly pools: Array<Pool> = [
    new Pool(0, undefined, { cancelOnFailure: false, finalizer: false, concurrency: undefined })
  ]
  readonly gates: Array<Gate> = []
  protected readonly drains: Array<() => void> = []
  protected places = 0
  protected readonly todo: Array<() => void> = []
  /** Tasks that have gone on in this turn while some of their fibers still wait. */
  private readonly granted = new Set<Task>()
  private timers: Array<Timer> = []
  /** R26: when tasks behind each rate have started. */
  private readonly starts = new Map<string, Array<number>>()
  /** R27, R28: until when nothing starts of a job, or behind a rate. */
  private readonly holds = new Map<string, number>()

  constructor(workers: number) {
    this.workers = workers
  }

  /** A task starts for the first time. */
  protected abstract begin(task: Task): void

  // ---- time and turns ----------------------------------------------------------------------------------------------

  /** R20: what has happened is told first, then starts happen, one at a time. */
  settle(): void {
    while (true) {
      const next = this.todo.shift()
      if (next !== undefined) {
        next()
        continue
      }
      const task = this.next()
      if (task !== undefined) this.give(task)
      else if (this.granted.size > 0) this.lendAgain()
      else break
    }
    if (this.isIdle) { for (const done of this.drains.splice(0)) done() }
  }

  protected get isIdle(): boolean {
    return this.tasks.every(({ settled }) => settled)
  }

  advance(millis: number): void {
    this.now += millis
    for (const timer of this.timers.filter(({ at }) => at <= this.now)) {
      if (this.timers.includes(timer)) {
        this.clear(timer)
        timer.fire()
      }
    }
  }

  protected at(millis: number, fire: () => void): Timer {
    const timer = { at: this.now + millis, fire }
    this.timers.push(timer)
    return timer
  }

  protected clear(timer: Timer | undefined): void {
    this.timers = this.timers.filter((other) => other !== timer)
  }

  protected gate(name: string): Gate {
    const gate = { name, isOpen: false, onOpen: undefined }
    this.gates.push(gate)
    return gate
  }

  open(gate: Gate): void {
    gate.isOpen = true
    gate.onOpen?.()
  }

  protected whenOpen(gate: Gate | undefined, proceed: () => void): void {
    if (gate === undefined || gate.isOpen) return proceed()
    gate.onOpen = proceed
  }

  // ---- slots, limits: R17, R18, R19, R26, R32 ---------------------------------------------------------------------------

  protected next(): Task | undefined {
    if (this.tasks.filter(({ worker }) => worker !== undefined).length >= this.workers) return undefined
    const wanting = this.tasks.filter((task) =>
      task.place !== undefined && this.fullFor(task) === undefined && (task.state === "Sleeping" || !this.paused)
    )
    return wanting.toSorted((a, b) =>
      Number(b.state === "Sleeping") - Number(a.state === "Sleeping") ||
      b.priority - a.priority || b.pool.depth - a.pool.depth || a.place! - b.place!
    )[0]
  }

  /** What a task that wants a slot waits for beside it: the first of its limits that is full. */
  private fullFor(task: Task): string | undefined {
    const running = this.tasks.filter(({ worker }) => worker !== undefined)
    const isFull = (limit: number, holds: (task: Task) => boolean) => running.filter(holds).length >= limit
    if (task.wantsStart && this.isHeld(task.job)) return "paused"
    for (const { limit, name, window } of task.limits) {
      if (window === undefined) {
        if (isFull(limit, ({ limits }) => limits.some((other) => other.name === name))) return "job-concurrency"
      } else if (task.wantsStart) {
        if (this.isHeld(name)) return "paused"
        if ((this.starts.get(name) ?? []).filter((start) => start + window > this.now).length >= limit) return "rate"
      }
    }
    const full = task.pool.chain.some((pool) =>
      pool.concurrency !== undefined && isFull(pool.concurrency, (other) => other.pool.chain.includes(pool))
    )
    return full ? "pool-concurrency" : undefined
  }

  private isHeld(name: string): boolean {
    return (this.holds.get(name) ?? -Infinity) > this.now
  }

  /** R28: a later one replaces it. */
  protected holdJob(job: JobName, until: number): void {
    if (this.holds.has(job) || until > this.now) this.holds.set(job, until)
  }

  /** R27: its keys, or its whole job; never shorter than before. */
  protected holdBack(task: Task, millis: number): void {
    const until = (name: string) => Math.max(this.now + millis, this.holds.get(name) ?? -Infinity)
    const keyed = task.limits.filter(({ perKey, window }) => window !== undefined && perKey === true)
    for (const { name } of keyed) this.holds.set(name, until(name))
    if (keyed.length === 0) this.holdJob(task.job, until(task.job))
  }

  /** R26: whether another attempt needs more than its task holds. */
  protected needsMore(task: Task): boolean {
    return this.holds.has(task.job) || task.limits.some(({ window }) => window !== undefined)
  }

  protected give(task: Task): void {
    const taken = new Set(this.tasks.map(({ worker }) => worker))
    let worker = 0
    while (taken.has(worker)) worker++
    task.worker = worker
    task.place = undefined
    if (task.wantsStart) {
      for (const { name, window } of task.limits) {
        if (window !== undefined) this.starts.set(name, [...this.starts.get(name) ?? [], this.now])
      }
    }
    const isResuming = task.state === "Sleeping"
    task.state = "Running"
    if (!isResuming) return this.begin(task)
    const woken = task.waits.filter(({ isOver }) => isOver)
    task.waits = task.waits.filter(({ isOver }) => !isOver)
    if (task.waits.length > 0) this.granted.add(task)
    for (const { proceed } of woken) proceed()
  }

  /** R17: a turn later the fibers that went on have ended or suspended. */
  private lendAgain(): void {
    for (const task of this.granted) {
      this.granted.delete(task)
      if (task.state === "Running" && task.waits.length > 0) this.sleep(task)
    }
  }

  private sleep(task: Task): void {
    task.state = "Sleeping"
    task.worker = undefined
  }

  /** A running task lends its slot; a stopping one gives it away for good. */
  protected lend(
    fiber: Fiber,
    reason: string,
    target: Task | Pool | undefined,
    proceed: () => void,
    { evenMarked = false, starts = false } = {}
  ): Wait {
    const { task } = fiber
    const wait: Wait = { fiber, reason, target, proceed, evenMarked, starts, isOver: false }
    task.waits.push(wait)
    target?.waiters.push(() => this.wake(wait))
    if (task.state === "Running") this.sleep(task)
    task.worker = undefined
    return wait
  }

  protected wake(wait: Wait): void {
    const { fiber: { task } } = wait
    if (!task.waits.includes(wait) || wait.isOver) return
    wait.target = undefined
    if (task.state === "Sleeping") {
      wait.isOver = true
      // those that stand behind one claim go on in the order in which they came to it
      task.waits = [...task.waits.filter((other) => other !== wait), wait]
      task.place ??= ++this.places
    } else if (task.state === "Running" || wait.evenMarked || !task.marked) {
      this.goOn(wait)
    }
  }

  protected goOn(wait: Wait): void {
    const { fiber: { task }, proceed } = wait
    task.waits = task.waits.filter((other) => other !== wait)
    proceed()
  }

  protected wait(
    by: Fiber | undefined,
    target: Task | Pool,
    reason: string,
    proceed: () => void,
    evenMarked = false
  ): void {
    if (target instanceof Pool ? target.released : target.settled) return proceed()
    if (by === undefined) target.waiters.push(proceed)
    // R7: a handler that has stopped its own task waits no more, it is interrupted
    else if (evenMarked || !by.task.marked) this.lend(by, reason, target, proceed, { evenMarked })
  }

  protected wakeAll({ waiters }: Task | Pool): void {
    const woken = waiters.splice(0)
    if (woken.length > 0) this.todo.push(() => woken.forEach((wake) => wake()))
  }

  // ---- waits ----------------------------------------------------------------------------------------------------

  waitingFor(task: Task): string | undefined {
    if (task.state === "Queued") {
      if (task.delayed) return "delay"
      if (task.place === undefined) return "key"
    } else if (task.state !== "Sleeping") {
      return undefined
    } else if (task.place === undefined) {
      return task.waits[0]!.reason
    }
    return this.fullFor(task) ?? (task.state === "Queued" && this.paused ? "paused" : "slot")
  }

  /** The unfinished tasks of a pool. */
  held(pool: Pool): ReadonlyArray<Task> {
    return this.tasks.filter((task) => !task.settled && task.tickets.has(pool))
  }

  /** The earlier tasks of its key. */
  protected abstract before(task: Task): ReadonlyArray<Task>

  private waitsFor(task: Task): ReadonlyArray<Task> {
    if (task.state === "Queued") return this.before(task)
    return task.waits.filter(({ evenMarked }) => evenMarked || !task.marked).flatMap(({ target }) =>
      // R7: a stop ends others
      target === undefined ? [] : target instanceof Pool ? this.held(target) : [target]
    )
  }

  protected reaches(from: Task, to: Task, seen = new Set<Task>()): boolean {
    if (from === to) return true
    if (seen.has(from)) return false
    seen.add(from)
    return this.waitsFor(from).some((task) => this.reaches(task, to, seen))
  }

  /** A caller, its ancestors, and everyone who waits for one of them. */
  protected dependents(by: Task | undefined): ReadonlySet<Task> {
    const above = new Set(by === undefined ? [] : [by])
    for (const { holders } of above) {
      for (const { creator } of holders) if (creator !== undefined) above.add(creator)
    }
    return new Set(this.tasks.filter((task) => [...above].some((one) => this.reaches(task, one))))
  }
}
