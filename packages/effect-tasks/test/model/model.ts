/**
 * The rules of design.md as a plain sequential program. `perform` is one call of the public API up to where it returns or
 * waits; `settle` does all that follows without time passing. Nothing here knows Effect or the runtime's insides.
 */
import type { Dispatch, DriverAct, HandlerAct, HookKind, Run } from "./acts.ts"
import { Fiber, type Hook, type Op, Pool, Task, type Ticket, type Verdict } from "./entities.ts"
import { policyOf } from "./jobs.ts"
import { canceled, hookKinds, Life, outcomes } from "./life.ts"

const inboxCapacity = 16

/** What decides of a dispatch. */
type Accepting = Omit<Dispatch, "_tag" | "hooks">

export class Model extends Life {
  readonly ops: Array<Op> = []
  /** What the driver has dispatched by `run`, by the number of the call. */
  readonly runs = new Map<number, Ticket>()

  // ---- what can be seen ----------------------------------------------------------------------------------------------

  get status() {
    const count = (test: (task: Task) => boolean) => this.tasks.filter(test).length
    const ended = (status: Verdict["status"]) =>
      count((task) => task.state === "Exited" && task.verdict!.status === status)
    return {
      workers: this.workers,
      busy: count(({ worker }) => worker !== undefined),
      running: count(({ state }) => state === "Running"),
      sleeping: count(({ state }) => state === "Sleeping"),
      stopping: count(({ state }) => state === "Stopping"),
      queued: count(({ delayed, state }) => state === "Queued" && !delayed),
      delayed: count(({ delayed, state }) => state === "Queued" && delayed),
      dispatched: this.tasks.length,
      complete: count(({ state }) => state === "Exited"),
      failed: ended("error"),
      canceled: ended("canceled"),
      paused: this.paused
    }
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  /** Something is called, from inside a task or not. */
  perform(act: DriverAct | HandlerAct, by?: Fiber): Op {
    const number = this.ops.length
    const caller = by === undefined
      ? "driver"
      : by.number === 0
      ? `task ${by.task.number}`
      : `task ${by.task.number}, fiber ${by.number}`
    const op: Op = { label: `${caller}: ${JSON.stringify(act)}`, result: undefined }
    this.ops.push(op)
    if (by === undefined) this.run(act, by, number, (result) => (op.result = result))
    else this.performIn(by, act, op, number)
    return op
  }

  private performIn(by: Fiber, act: DriverAct | HandlerAct, op: Op, number: number): void {
    by.idle = false
    by.op = op
    by.masked = act._tag === "Close"
    let atOnce = true
    this.run(act, by, number, (result) => {
      // a handler that has stopped its own task is interrupted at once; forked fibers are when it ends
      const goesOn = act._tag === "JoinFiber" || act._tag === "InterruptFiber" || (atOnce && by !== by.task.main)
      const isCut = by.interrupted || (by.task.marked && !goesOn)
      by.op = undefined
      op.result = isCut ? "interrupted" : result // R7: no wait inside a marked task returns normally
      if (by.interrupted && by.masked) return this.fiberEnded(by, "interrupted")
      by.masked = false
      if (isCut) return
      const through = "through" in act && act.through && /^(Fail|Die)/.test(result)
      if (act._tag === "End") this.fiberEnded(by, outcomes[act.outcome])
      else if (act._tag === "Snooze") this.fiberLeaves(by, () => this.snoozed(by.task, act.millis, act.hold))
      else if (through) this.fiberEnded(by, result)
      else by.idle = true
    })
    atOnce = false
    if (!by.task.marked) return
    if (hasStoppedItself(by)) this.interrupt(by.task)
    else if (by.op !== undefined) this.interruptFiber(by)
  }

  private run(
    act: DriverAct | HandlerAct,
    by: Fiber | undefined,
    number: number,
    answer: (result: string) => void
  ): void {
    const ok = () => answer("ok")
    switch (act._tag) {
      case "Dispatch":
        return this.dispatch(act, by, answer)
      case "Run":
        return this.dispatchAndAwait(act, by, number, answer)
      case "InterruptRun": {
        const ticket = this.runs.get(act.op)
        if (ticket === undefined) return ok()
        this.runs.delete(act.op)
        return this.disown(ticket, undefined, () => {
          this.ops[act.op]!.result = "interrupted"
          ok()
        })
      }
      case "MakePool": {
        const pool = new Pool(this.pools.length, by?.task, act)
        this.pools.push(pool)
        by?.task.pools.push(pool)
        if (by?.task.marked) this.stop([], [pool], canceled) // it is below a stopped task
        return answer(`pool ${pool.number}`)
      }
      case "ResizePool": {
        const pool = this.pools[act.pool]!
        if (pool.concurrency !== undefined || (act.concurrency < Infinity && !pool.released)) {
          pool.concurrency = act.concurrency
        }
        return ok()
      }
      case "Seal":
        this.seal(this.pools[act.pool]!)
        return ok()
      case "Join":
      case "Settled": {
        const pool = this.pools[act.pool]!
        this.seal(pool)
        if (pool.isGlobal) return ok()
        const ring = by !== undefined && !pool.released && this.held(pool).some((task) => this.reaches(task, by.task))
        if (ring) return answer("Die WaitCycle")
        return this.wait(by, pool, "children", () => answer(act._tag === "Join" ? joinResult(pool) : "ok"))
      }
      case "Close":
      case "CancelPool":
        if (act._tag === "Close") this.pools[act.pool]!.isScopeClosed = true
        return this.cancelAndWait(this.pools[act.pool]!, by, act._tag === "Close", ok)
      case "Await": {
        const task = this.tasks[act.task]!
        if (by !== undefined && !task.settled && this.reaches(task, by.task)) return answer("Die WaitCycle")
        return this.wait(by, task, "task", () => answer(task.verdict!.exit))
      }
      case "Cancel": {
        const task = this.tasks[act.task]!
        if (task.state === "Exited") return ok()
        this.stop([task], [], canceled)
        return this.dependents(by?.task).has(task) ? ok() : this.wait(by, task, "task", ok)
      }
      case "Recompute":
        return answer(this.recompute(this.tasks[act.task]!, by?.task))
      case "SetTimeout":
      case "ClearTimeout":
        this.setTimeout(this.tasks[act.task]!, act._tag === "SetTimeout" ? act.millis : undefined)
        return ok()
      case "SetPriority": {
        const task = this.tasks[act.task]!
        if (task.state === "Queued") task.priority = act.priority
        return ok()
      }
      case "Send":
        return this.send(this.tasks[act.task]!, by, act.count, answer)
      case "Hook":
      case "OwnHook": {
        const task = act._tag === "Hook" ? this.tasks[act.task]! : by!.task
        const name = `${act.kind} of task ${task.number} by op ${number}`
        const gate = act.slow ? this.gate(name) : undefined
        const attempt = act._tag === "OwnHook" ? task.attempt : undefined
        const hook: Hook = { name, kind: act.kind, attempt, gate }
        if (task.settled) return this.runHook(task, hook, ok)
        task.hooks.push(hook)
        return ok()
      }
      case "End":
      case "Snooze":
        return ok()
      case "Sleep": {
        const gate = this.gate(`sleep of op ${number}`)
        const wait = this.lend(by!, "effect", undefined, ok)
        gate.onOpen = () => this.wake(wait)
        return
      }
      case "Report":
        by!.task.progress = act.progress
        return ok()
      case "Read":
        return this.read(by!, ok)
      case "Finalizer":
        by!.task.finalizers.push(act.kind === "die" ? "die" : this.gate(`finalizer of op ${number}`))
        return ok()
      case "WaitingFinalizer":
        by!.task.finalizers.push({
          task: this.tasks[act.task]!,
          name: `finalizer of task ${by!.task.number} by op ${number}`
        })
        return ok()
      case "Fork": {
        by!.task.forks++
        by!.task.children.push(new Fiber(by!.task, act.fiber))
        return ok()
      }
      case "JoinFiber":
      case "InterruptFiber": {
        const fiber = by!.task.children.find(({ number }) => number === act.fiber)
        if (fiber === undefined) return ok()
        fiber.onEnd.push(() => by!.ended || by!.interrupted ? undefined : ok())
        return act._tag === "InterruptFiber" ? this.interruptFiber(fiber) : undefined
      }
      case "Pause":
      case "Resume":
        this.paused = act._tag === "Pause"
        return ok()
      case "Resize":
        this.workers = act.workers
        return ok()
      case "PauseJob":
      case "ResumeJob":
        this.holdJob(act.job, act._tag === "PauseJob" ? this.now + (act.millis ?? Infinity) : -Infinity)
        return ok()
      case "Drain":
        if (this.isIdle) return ok()
        this.drains.push(ok)
    }
  }

  /** One inbox for all fibers: who comes first is read to first. */
  private read(by: Fiber, ok: () => void): void {
    const { task } = by
    task.readers.push(by)
    by.reading = () => {
      by.reading = undefined
      task.messages--
      const sender = task.senders.shift()
      if (sender !== undefined) {
        task.messages++
        sender.taken()
      }
      ok()
    }
    if (task.messages > 0) by.reading()
  }

  // ---- dispatch: R10, R11, R15, R16, R22 -----------------------------------------------------------------------------

  private dispatchAndAwait(act: Run, by: Fiber | undefined, number: number, answer: (result: string) => void): void {
    const plain = { priority: 0, delay: undefined, timeout: undefined, queueTimeout: undefined } as const
    const accepted = this.accept({ ...act, ...plain }, by?.task)
    const index = /^(?:created|joined|reused) (\d+)$/.exec(accepted)?.[1]
    if (index === undefined) return answer(accepted)
    const task = this.tasks[Number(index)]!
    const ticket = task.tickets.get(this.pools[act.pool]!)
    if (task.settled || ticket === undefined) return answer(task.verdict!.exit)
    if (by !== undefined && !hasStoppedItself(by) && this.reaches(task, by.task)) {
      by.masked = true
      return this.disown(ticket, by, () => answer("Die WaitCycle"))
    }
    if (by === undefined) this.runs.set(number, ticket)
    else by.owned = ticket
    this.wait(by, task, "task", () => {
      if (by !== undefined) by.owned = undefined
      else if (!this.runs.delete(number)) return
      answer(task.verdict!.exit)
    })
  }

  private dispatch(act: Dispatch, by: Fiber | undefined, answer: (result: string) => void): void {
    const accepted = this.accept(act, by?.task)
    if (!accepted.startsWith("created") || act.hooks === "none" || hasStoppedItself(by)) return answer(accepted)
    const task = this.tasks.at(-1)!
    const register = ([kind, ...rest]: ReadonlyArray<HookKind>): void => {
      if (kind === undefined) return answer(accepted)
      const name = `${kind} of task ${task.number}`
      const gate = act.hooks === "slow" && kind === "onExit" ? this.gate(name) : undefined
      const hook = { name, kind, attempt: undefined, gate }
      // what replaces the task that made its pool has ended with it; R4: the registering fiber runs the hook, masked
      if (task.settled) {
        if (by !== undefined) by.masked = true
        return this.runHook(task, hook, () => {
          if (by?.interrupted) return answer(accepted)
          if (by !== undefined) by.masked = false
          register(rest)
        })
      }
      task.hooks.push(hook)
      register(rest)
    }
    register(hookKinds)
  }

  private accept(act: Accepting, by: Task | undefined): string {
    const pool = this.pools[act.pool]!
    if (!this.isOpenTo(pool, by)) return "Fail PoolClosed"
    const { kept, unique } = policyOf(act.job)
    const key = `${act.job} ${act.key}`
    const holder = unique === undefined ? undefined : this.lines.get(key)?.at(-1)
    if (holder !== undefined) {
      if (unique === "reject") return "Fail DuplicateTask"
      if (unique === "join" && holder.state !== "Stopping" && holder.state !== "Exited") {
        return this.join(act, pool, holder)
      }
      if (unique === "latest" && holder.state === "Queued") return this.replace(act, pool, holder)
    } else if (kept !== undefined && this.kept.has(key)) {
      const task = this.kept.get(key)!
      this.kept.delete(key)
      this.kept.set(key, task)
      for (const each of pool.chain) each.count(task)
      return `reused ${task.number}`
    }
    if (holder !== undefined && this.closesRing(pool, holder, unique === "supersede")) return "Die WaitCycle"
    const task = this.insert(act, pool, unique === undefined ? undefined : key)
    if (unique === "supersede" && holder !== undefined) this.stop([holder], [], canceled)
    return `created ${task.number}`
  }

  private isOpenTo(pool: Pool, by: Task | undefined): boolean {
    return !pool.done && !pool.canceled && (!pool.sealed || (by !== undefined && isWithin(by, pool)))
  }

  private join(act: Accepting, pool: Pool, holder: Task): string {
    const isNew = !holder.tickets.has(pool)
    if (isNew && this.closesRing(pool, holder, false)) return "Die WaitCycle"
    holder.hold(pool)
    if (isNew) this.count()
    if (holder.state === "Queued") holder.priority = Math.max(holder.priority, act.priority)
    return `joined ${holder.number}`
  }

  /** R29 */
  private replace(act: Accepting, pool: Pool, holder: Task): string {
    const joined = this.join(act, pool, holder)
    if (!joined.startsWith("joined")) return joined
    holder.instant = act.instant
    if (act.delay !== undefined || holder.delayed) {
      this.putOff(holder, Math.min(act.delay ?? 0, holder.dueBy - this.now))
    }
    return joined
  }

  private putOff(task: Task, millis: number): void {
    this.clear(task.pause)
    this.clear(task.deadline)
    task.place = undefined
    task.delayed = millis > 0
    if (task.delayed) task.pause = this.at(millis, () => this.queue(task))
    else this.queue(task)
  }

  /** R22: the pool would hold the holder of a key, or a task behind it, for which it waits itself; a cancel ends its waits. */
  private closesRing(pool: Pool, holder: Task, isCanceled: boolean): boolean {
    if (isCanceled && holder.state !== "Stopping") return false
    const waiting = this.tasks.filter((task) => task.waits.some(({ target }) => target === pool))
    return waiting.some((task) => this.reaches(holder, task))
  }

  private insert(act: Omit<Accepting, "pool">, pool: Pool, lineKey: string | undefined): Task {
    const task = new Task({ ...act, pool, number: this.tasks.length })
    this.tasks.push(task)
    this.count()
    if (lineKey !== undefined) this.lines.set(lineKey, [...this.lines.get(lineKey) ?? [], task])
    task.dueBy = this.now + (policyOf(act.job).maxDelay ?? Infinity)
    task.delayed = act.delay !== undefined
    if (act.delay === undefined) this.queue(task)
    else task.pause = this.at(act.delay, () => this.queue(task))
    return task
  }

  private recompute(task: Task, by: Task | undefined): string {
    if (!this.isOpenTo(task.pool, by)) return "Fail PoolClosed"
    const key = `${task.job} ${task.key}`
    let line: string | undefined = key
    if (policyOf(task.job).unique === undefined) {
      line = this.lineOf(task) ?? (task.settled ? undefined : `recomputed ${task.number}`)
      if (line !== undefined && !this.lines.has(line)) this.lines.set(line, [task])
    }
    const holder = line === undefined ? undefined : this.lines.get(line)?.at(-1)
    if (holder !== undefined && this.closesRing(task.pool, holder, true)) return "Die WaitCycle"
    const created = this.insert(
      { ...task, ...task.given, instant: task.instant, priority: task.priority, delay: undefined },
      task.pool,
      line
    )
    if (holder !== undefined) this.stop([holder], [], canceled)
    this.kept.delete(key)
    return `created ${created.number}`
  }

  // ---- messages, timeouts --------------------------------------------------------------------------------------------

  private send(task: Task, by: Fiber | undefined, count: number, answer: (result: string) => void): void {
    if (task.state === "Exited") return answer("Fail TaskAlreadyComplete")
    if (count === 0 || task.marked) return answer("ok") // R7: nobody will read it
    if (task.messages < inboxCapacity) {
      task.messages++
      task.readers = task.readers.filter(({ reading }) => reading !== undefined)
      task.readers.shift()?.reading!()
      return this.send(task, by, count - 1, answer)
    }
    const goOn = () => this.send(task, by, count - 1, answer)
    if (by === undefined) {
      return void task.senders.push({
        by,
        taken: goOn,
        ended: () => answer("Fail TaskAlreadyComplete")
      })
    }
    if (this.reaches(task, by.task)) return answer("Die WaitCycle")
    const wait = this.lend(by, "task", undefined, () => wasTaken ? goOn() : answer("Fail TaskAlreadyComplete"))
    wait.target = task // R22
    let wasTaken = false
    task.senders.push({
      by,
      taken: () => {
        wasTaken = true
        this.wake(wait)
      },
      ended: () => this.wake(wait)
    })
  }
}

/** A handler that has replaced or cancelled its own task comes no further; a fiber of it does, until it waits. */
const hasStoppedItself = (by: Fiber | undefined): boolean => by !== undefined && by.task.marked && by === by.task.main

const joinResult = (pool: Pool): string =>
  pool.ownFailed > 0 ? `Fail ChildTaskFailed` : pool.canceled ? "Fail PoolCanceled" : "ok"

/** R11: its own unfinished tasks, and those below them. */
const isWithin = (task: Task, pool: Pool): boolean => {
  const above = new Set([task]) // a Set iterates on over what is added; a task may share itself into a pool of its own
  for (const { holders } of above) {
    for (const holder of holders) {
      if (holder === pool) return true
      if (holder.creator !== undefined) above.add(holder.creator)
    }
  }
  return false
}
