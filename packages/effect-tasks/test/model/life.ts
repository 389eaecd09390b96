/** The part of the model that knows the life of tasks and pools, and how it is cut short: R1-R9, R11-R13, R15, R16, R23, R27. */
import type { Outcome } from "./acts.ts"
import { Fiber, type Hook, type Pool, type Task, type Ticket, type Verdict } from "./entities.ts"
import { policyOf } from "./jobs.ts"
import { Schedule } from "./schedule.ts"

export const hookKinds = ["onFailure", "onExit", "onSuccess"] as const

export const canceled: Verdict = { status: "canceled", exit: "Fail TaskCanceled" }
const timedOut = (phase: "queued" | "running"): Verdict => ({ status: "error", exit: `Fail TaskTimeout ${phase}` })

export const outcomes: { readonly [O in Outcome]: string } = {
  success: "success",
  fail: "Fail TestError",
  die: "Die boom"
}

export abstract class Life extends Schedule {
  /** What hooks and finalizers have written. */
  readonly log: Array<string> = []
  /** R15: the unfinished tasks of a key, oldest first; those of a recompute without a key too. */
  protected readonly lines = new Map<string, Array<Task>>()
  protected readonly kept = new Map<string, Task>()

  protected begin(task: Task): void {
    this.clear(task.deadline)
    task.deadline = undefined
    this.armTimeout(task)
    this.attempt(task)
  }

  // ---- a task's life: R1-R5, R23 -----------------------------------------------------------------------------------

  protected attempt(task: Task): void {
    task.main = new Fiber(task, 0)
    if (task.instant !== undefined) this.fiberEnded(task.main, outcomes[task.instant])
  }

  /** A fiber has ended by itself; with the handler's own all others end. */
  protected fiberEnded(fiber: Fiber, exit: string): void {
    this.fiberLeaves(fiber, () => this.handlerEnded(fiber.task, exit))
  }

  /** Of the handler's own something comes when all have ended. */
  protected fiberLeaves(fiber: Fiber, then: () => void): void {
    if (fiber === fiber.task.main) fiber.task.afterFibers ??= then
    this.leave(fiber)
  }

  private leave(fiber: Fiber): void {
    const { task } = fiber
    fiber.ended = true
    fiber.idle = false
    task.children = task.children.filter((other) => other !== fiber)
    if (fiber === task.main) task.children.forEach((child) => this.interruptFiber(child))
    for (const then of fiber.onEnd.splice(0)) then()
    this.lookAtFibers(task)
  }

  private lookAtFibers(task: Task): void {
    const { afterFibers } = task
    if (afterFibers === undefined || task.fibers.length > 0) return
    task.afterFibers = undefined
    afterFibers()
  }

  /** R17: one that waits needs a slot to go on to its end. */
  protected interruptFiber(fiber: Fiber): void {
    if (fiber.interrupted || fiber.ended) return
    const { task } = fiber
    fiber.interrupted = true
    fiber.idle = false
    fiber.reading = undefined
    if (fiber.masked) return
    for (const other of this.tasks) other.senders = other.senders.filter(({ by }) => by !== fiber)
    const wait = task.waits.find((wait) => wait.fiber === fiber)
    if (wait === undefined) return this.unwind(fiber)
    wait.proceed = () => this.unwind(fiber)
    if (task.state === "Stopping") this.goOn(wait)
    else this.wake(wait)
  }

  /** R15: a `run` that is interrupted gives up its hold. */
  private unwind(fiber: Fiber): void {
    const end = () => {
      if (fiber.op !== undefined) fiber.op.result = "interrupted"
      this.leave(fiber)
    }
    if (fiber.owned === undefined) return end()
    fiber.masked = true
    this.disown(fiber.owned, fiber, end)
  }

  protected disown(ticket: Ticket, by: Fiber | undefined, then: () => void): void {
    const { pool, task } = ticket
    if (task.tickets.get(pool) !== ticket || task.settled) return then()
    if (ticket.holds > 1) {
      ticket.holds--
      return then()
    }
    if (task.tickets.size > 1) {
      this.letGo(pool, task)
      this.finishIfDone(pool)
      return then()
    }
    if (task.state === "Exited") return then() // R6
    this.stop([task], [], canceled)
    if (this.dependents(by?.task).has(task)) return then()
    this.wait(by, task, "task", then, true)
  }

  protected handlerEnded(task: Task, exit: string): void {
    const { retry } = policyOf(task.job)
    if (retry !== undefined && exit.startsWith("Fail ") && task.attempt <= retry.times) {
      return this.close(task, () => this.retry(task, exit, retry.delay))
    }
    this.conclude(task, exit)
  }

  protected conclude(task: Task, exit: string): void {
    this.enterStopping(task, { status: exit === "success" ? "success" : "error", exit })
    this.close(task, () => this.exit(task))
  }

  protected retry(task: Task, exit: string, delay: number): void {
    if (task.marked) return this.exit(task)
    if (task.finalizerDied) return this.conclude(task, `${exit} and Die finalizer`)
    task.attempt++
    task.hooks = task.hooks.filter(({ attempt }) => attempt === undefined)
    if (delay > 0 || this.needsMore(task)) this.rest(task, "retry", delay)
    else this.again(task)
  }

  private again(task: Task): void {
    this.todo.push(() => task.marked ? this.exit(task) : this.attempt(task))
  }

  /** Between two attempts the slot is lent; the other one is a start. */
  private rest(task: Task, reason: string, millis: number): void {
    const wait = this.lend(task.main, reason, undefined, () => this.again(task), { starts: true })
    const wake = () => this.todo.push(() => this.wake(wait))
    if (millis === 0) wake()
    else task.pause = this.at(millis, wake)
  }

  protected snoozed(task: Task, millis: number, hold: boolean): void {
    if (hold) this.holdBack(task, millis)
    this.close(task, () => {
      if (task.marked) return this.exit(task)
      if (task.finalizerDied) return this.conclude(task, "Die finalizer")
      task.hooks = task.hooks.filter(({ attempt }) => attempt === undefined)
      this.rest(task, "delay", millis)
    })
  }

  protected enterStopping(task: Task, verdict: Verdict): void {
    task.verdict = verdict
    task.state = "Stopping"
    task.place = undefined
    if (task.waits.length > 0) task.worker = undefined
    this.clear(task.deadline)
  }

  /** R7, R9: pools end first, then what the handler has acquired, the last first. */
  protected close(task: Task, then: () => void): void {
    task.closing = true
    task.pools = task.pools.filter(({ released }) => !released)
    const [pool] = task.pools
    if (pool !== undefined) {
      this.stop([], task.pools, canceled) // all at once, then one after another
      return this.closePool(pool, task.main, () => this.close(task, then))
    }
    const finalizer = task.finalizers.pop()
    if (finalizer === undefined) {
      task.closing = false
      return then()
    }
    const next = () => this.close(task, then)
    if (finalizer === "die") {
      task.finalizerDied = true
      next()
    } else if ("task" in finalizer) this.finalize(task, finalizer.task, finalizer.name, next)
    else this.whenOpen(finalizer, next)
  }

  /** A finalizer waits for another task. */
  private finalize(task: Task, target: Task, name: string, next: () => void): void {
    const ended = (result: string) => {
      this.log.push(`${name}: ${result}`)
      next()
    }
    if (target.settled) return ended(target.verdict!.exit)
    if (this.reaches(target, task)) return ended("Die WaitCycle")
    if (task.marked) return ended("interrupted")
    this.lend(task.main, "task", target, () => ended(task.marked ? "interrupted" : target.verdict!.exit))
  }

  /** R9: ends the waits of those that wait for the closer; R22: lets go of what it cannot wait for even then. */
  protected closePool(pool: Pool, by: Fiber | undefined, then: () => void): void {
    const cut = this.held(pool).filter((task) =>
      task !== by?.task && task.state === "Stopping" && task.waits.some(({ evenMarked }) => !evenMarked) &&
      this.dependents(by?.task).has(task)
    )
    for (const task of cut) task.marked = true
    if (cut.length > 0) this.todo.push(() => cut.forEach((task) => this.interrupt(task)))
    const left = this.dependents(by?.task)
    for (const task of this.held(pool)) if (left.has(task)) this.letGo(pool, task)
    this.finishIfDone(pool)
    this.wait(by, pool, "children", then, true)
  }

  protected exit(task: Task, verdict?: Verdict): void {
    if (verdict !== undefined) task.verdict = verdict
    if (task.finalizerDied && task.verdict!.status === "success") {
      task.verdict = { status: "error", exit: "Die finalizer" }
    }
    task.state = "Exited"
    task.worker = task.place = undefined
    this.clear(task.deadline)
    this.clear(task.pause)
    for (const { ended } of task.senders.splice(0)) ended()
    if (task.verdict!.status === "error") {
      for (const pool of task.holders) {
        pool.ownFailed++
        if (pool.cancelOnFailure) this.todo.push(() => this.stop([], [pool], canceled))
      }
    }
    if (task.hooks.length === 0) this.settled(task)
    else this.todo.push(() => this.runHooks(task))
  }

  /** R4: by kind, then by age; one that came too late for its kind runs at the end. */
  protected runHooks(task: Task): void {
    let index = -1
    while (index < 0 && task.hookKind < hookKinds.length) {
      index = task.hooks.findIndex(({ kind }) => kind === hookKinds[task.hookKind])
      if (index < 0) task.hookKind++
    }
    const [hook] = task.hooks.splice(Math.max(index, 0), 1)
    if (hook === undefined) return this.settled(task)
    this.runHook(task, hook, () => this.runHooks(task))
  }

  protected runHook(task: Task, { gate, kind, name }: Hook, then: () => void): void {
    const succeeded = task.verdict!.status === "success"
    if (kind !== "onExit" && (kind === "onSuccess") !== succeeded) return then()
    this.log.push(name)
    this.whenOpen(gate, then)
  }

  protected settled(task: Task): void {
    task.settled = true
    const key = this.lineOf(task)
    if (key !== undefined) {
      const line = this.lines.get(key)!.filter((other) => other !== task)
      if (line.length === 0) this.lines.delete(key)
      else this.lines.set(key, line)
      const [first] = line
      if (first?.state === "Queued" && !first.delayed) first.place ??= ++this.places
    }
    this.keep(task)
    this.wakeAll(task)
    for (const pool of task.holders) this.finishIfDone(pool)
  }

  protected keep(task: Task): void {
    const { kept } = policyOf(task.job)
    if (kept === undefined || task.verdict!.status !== "success") return
    const key = `${task.job} ${task.key}`
    this.kept.delete(key)
    this.kept.set(key, task)
    if (this.kept.size > kept) this.kept.delete(this.kept.keys().next().value!)
  }

  // ---- queueing and timeouts: R8 ------------------------------------------------------------

  /** A task that is due queues. */
  protected queue(task: Task): void {
    task.delayed = false
    task.pause = undefined
    if (task.queueTimeout !== undefined) {
      task.deadline = this.at(task.queueTimeout, () => this.exit(task, timedOut("queued")))
    }
    if (this.isFirst(task)) task.place = ++this.places
  }

  protected before(task: Task): ReadonlyArray<Task> {
    const key = this.lineOf(task)
    const line = key === undefined ? [] : this.lines.get(key)!
    return line.slice(0, line.indexOf(task))
  }

  protected lineOf(task: Task): string | undefined {
    for (const [key, line] of this.lines) if (line.includes(task)) return key
    return undefined
  }

  protected isFirst(task: Task): boolean {
    const line = this.lineOf(task)
    return line === undefined || this.lines.get(line)![0] === task
  }

  /** R8 */
  protected setTimeout(task: Task, millis: number | undefined): void {
    if (task.state === "Stopping" || task.state === "Exited") return
    task.timeout = millis
    if (task.state === "Queued") return
    this.clear(task.deadline)
    this.armTimeout(task)
  }

  protected armTimeout(task: Task): void {
    if (task.timeout !== undefined) {
      task.deadline = this.at(task.timeout, () => this.stop([task], [], timedOut("running")))
    }
  }

  // ---- pools: R9-R13 -----------------------------------------------------------------------------------------------

  protected seal(pool: Pool): void {
    if (pool.isGlobal) return
    pool.sealed = true
    this.finishIfDone(pool)
  }

  protected finishIfDone(pool: Pool): void {
    if (pool.done || pool.isGlobal || !(pool.sealed || pool.canceled) || this.held(pool).length > 0) return
    pool.done = true
    const release = () => {
      pool.released = true
      this.wakeAll(pool)
    }
    if (!pool.finalizer) return release()
    this.todo.push(() => {
      this.log.push(`finalizer of pool ${pool.number}`)
      release()
    })
  }

  protected cancelAndWait(pool: Pool, by: Fiber | undefined, isClose: boolean, done: () => void): void {
    if (isClose && pool.released) return done()
    this.stop([], [pool], canceled)
    if (isClose) return this.closePool(pool, by, done)
    // asked afterwards: what has been stopped waits for nobody any more
    const left = this.dependents(by?.task)
    const held = this.held(pool)
    if (!pool.isGlobal && !held.some((task) => left.has(task))) return this.wait(by, pool, "children", done)
    const waitForEach = ([task, ...rest]: ReadonlyArray<Task>): void =>
      task === undefined ? done() : this.wait(by, task, "children", () => waitForEach(rest))
    waitForEach(held.filter((task) => (task.marked || task.state === "Stopping") && !left.has(task)))
  }

  // ---- cancel and timeout: R6, R7, R15 -----------------------------------------------------------------------------

  /** One step over everything below: mark all, take queued tasks out, then interrupt the handlers. */
  protected stop(tasks: ReadonlyArray<Task>, pools: ReadonlyArray<Pool>, verdict: Verdict): void {
    const reached = new Map(tasks.filter(canBeStopped).map((task) => [task, verdict] as const))
    const closed = new Set(pools.filter(canBeCanceled))
    const below = () => {
      const count = reached.size + closed.size
      for (const task of reached.keys()) task.pools.filter(canBeCanceled).forEach((pool) => closed.add(pool))
      for (const pool of closed) {
        for (const task of this.held(pool)) if (canBeStopped(task) && !reached.has(task)) reached.set(task, canceled)
      }
      return reached.size + closed.size > count
    }
    while (below());
    // R15: a shared task is spared for a pool outside, and with it what is below it, which may spare others
    const isSpared = (task: Task) =>
      !tasks.includes(task) && task.holders.some((pool) => !pool.canceled && !closed.has(pool))
    for (let task; (task = [...reached.keys()].find(isSpared)) !== undefined;) {
      reached.delete(task)
      task.pools.filter((pool) => !pools.includes(pool)).forEach((pool) => closed.delete(pool))
    }
    for (const task of reached.keys()) task.marked = true
    for (const pool of closed) pool.canceled = !pool.isGlobal
    for (const pool of closed) {
      for (const task of this.held(pool)) if (canBeStopped(task) && !reached.has(task)) this.letGo(pool, task)
    }
    for (const [task, its] of reached) {
      if (task.state === "Queued") this.exit(task, its)
      else if (task.state !== "Stopping") this.enterStopping(task, its)
    }
    closed.forEach((pool) => this.finishIfDone(pool))
    const claiming = [...reached.keys()].filter(({ waits }) => waits.some(({ isOver }) => isOver))
    this.todo.push(() => claiming.forEach((task) => this.endClaim(task)))
    this.todo.push(() => reached.forEach((_, task) => this.interrupt(task)))
  }

  /** R10: an unfinished task is counted by the pools that hold it and by all above them, now; others count it canceled. */
  protected count(): void {
    for (const task of this.tasks) {
      if (task.state === "Exited") continue
      const counting = new Set(task.holders.flatMap((holder) => holder.chain))
      for (const pool of this.pools) {
        const entry = pool.entryOf(task)
        if (counting.has(pool)) pool.count(task)
        else if (entry !== undefined) entry.letGo = true
      }
    }
  }

  protected letGo(pool: Pool, task: Task): void {
    task.tickets.delete(pool)
    if (task.above === pool) task.hang()
    this.count()
  }

  /** Those that stand in line for a slot go on at once: before any other is reached. */
  private endClaim(task: Task): void {
    if (task.state !== "Stopping" || task.closing) return
    task.afterFibers = () => this.close(task, () => this.exit(task))
    for (const wait of task.waits.filter(({ isOver }) => isOver)) {
      if (wait.fiber.interrupted || wait.evenMarked) this.goOn(wait)
      else this.interruptFiber(wait.fiber)
    }
    this.lookAtFibers(task)
  }

  protected interrupt(task: Task): void {
    if (task.state !== "Stopping") return
    // a closing goes on, but waits of finalizers end, and one that was awake and stood in line for a slot needs none any more
    if (task.closing) {
      for (const wait of task.waits) if (wait.isOver || !wait.evenMarked) this.goOn(wait)
      return
    }
    this.endClaim(task)
    this.interruptFiber(task.main)
    for (const { evenMarked, fiber } of task.waits) if (!evenMarked) this.interruptFiber(fiber)
    this.lookAtFibers(task)
  }
}

const canBeStopped = ({ marked, state }: Task): boolean => !marked && state !== "Stopping" && state !== "Exited"
const canBeCanceled = ({ canceled, done }: Pool): boolean => !canceled && !done
