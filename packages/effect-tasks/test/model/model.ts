/**
 * The rules of design.md as a plain sequential program. `perform` is one call of the public API up to where it returns or
 * waits; `settle` does all that follows without time passing. Nothing here knows Effect or the runtime's insides.
 */
import type { Dispatch, DriverAct, HandlerAct, HookKind } from "./acts.ts"
import { type Hook, type Op, Pool, Task, type Verdict } from "./entities.ts"
import { policyOf } from "./jobs.ts"
import { canceled, hookKinds, Life, outcomes } from "./life.ts"

const inboxCapacity = 16

export class Model extends Life {
  readonly ops: Array<Op> = []

  // ---- what can be seen ----------------------------------------------------------------------------------------------

  get status() {
    const count = (test: (task: Task) => boolean) => this.tasks.filter(test).length
    const ended = (status: Verdict["status"]) =>
      count((task) => task.state === "Exited" && task.verdict!.status === status)
    return {
      workers: this.workers,
      busy: count(({ worker }) => worker !== undefined),
      sleeping: count(({ state }) => state === "Sleeping"),
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
  perform(act: DriverAct | HandlerAct, by?: Task): Op {
    const number = this.ops.length
    const op: Op = {
      label: `${by === undefined ? "driver" : `task ${by.number}`}: ${JSON.stringify(act)}`,
      result: undefined
    }
    this.ops.push(op)
    if (by !== undefined) {
      by.idle = false
      by.op = op
    }
    this.run(act, by, number, (result) => {
      op.result = by?.marked ? "interrupted" : result // R7: no wait inside a marked task returns normally
      if (by === undefined || by.marked) return
      by.op = undefined
      const through = "through" in act && act.through && /^(Fail|Die)/.test(result)
      if (act._tag === "End") this.handlerEnded(by, outcomes[act.outcome])
      else if (through) this.handlerEnded(by, result)
      else by.idle = true
    })
    if (by?.marked) this.interrupt(by) // a handler that has stopped its own task comes to its next step no more
    return op
  }

  private run(
    act: DriverAct | HandlerAct,
    by: Task | undefined,
    number: number,
    answer: (result: string) => void
  ): void {
    const ok = () => answer("ok")
    switch (act._tag) {
      case "Dispatch":
        return this.dispatch(act, by, answer)
      case "MakePool": {
        const pool = new Pool(this.pools.length, by, act)
        this.pools.push(pool)
        by?.pools.push(pool)
        return answer(`pool ${pool.number}`)
      }
      case "Seal":
        this.seal(this.pools[act.pool]!)
        return ok()
      case "Join":
      case "Settled": {
        const pool = this.pools[act.pool]!
        this.seal(pool)
        if (pool.isGlobal) return ok()
        const ring = by !== undefined && !pool.released && this.held(pool).some((task) => this.reaches(task, by))
        if (ring) return answer("Die WaitCycle")
        return this.wait(by, pool, "children", () => answer(act._tag === "Join" ? joinResult(pool) : "ok"))
      }
      case "Close":
      case "CancelPool":
        if (act._tag === "Close") this.pools[act.pool]!.isScopeClosed = true
        return this.cancelAndWait(this.pools[act.pool]!, by, act._tag === "Close", ok)
      case "Await": {
        const task = this.tasks[act.task]!
        if (by !== undefined && !task.settled && this.reaches(task, by)) return answer("Die WaitCycle")
        return this.wait(by, task, "task", () => answer(task.verdict!.exit))
      }
      case "Cancel": {
        const task = this.tasks[act.task]!
        if (task.state === "Exited") return ok()
        this.stop([task], [], canceled)
        return this.dependents(by).has(task) ? ok() : this.wait(by, task, "task", ok)
      }
      case "Recompute":
        return answer(this.recompute(this.tasks[act.task]!, by))
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
        const task = act._tag === "Hook" ? this.tasks[act.task]! : by!
        const name = `${act.kind} of task ${task.number} by op ${number}`
        const gate = act.slow ? this.gate(name) : undefined
        const attempt = act._tag === "OwnHook" ? task.attempt : undefined
        const hook: Hook = { name, kind: act.kind, attempt, gate }
        if (task.settled) return this.runHook(task, hook, ok)
        task.hooks.push(hook)
        return ok()
      }
      case "End":
        return ok()
      case "Sleep": {
        const gate = this.gate(`sleep of op ${number}`)
        this.lend(by!, "effect", undefined, ok)
        const { wait } = by!
        gate.onOpen = () => this.wake(by!, wait!)
        return
      }
      case "Report":
        by!.progress = act.progress
        return ok()
      case "Read":
        by!.reading = () => {
          by!.reading = undefined
          by!.messages--
          const sender = by!.senders.shift()
          if (sender !== undefined) {
            by!.messages++
            sender.taken()
          }
          ok()
        }
        return by!.messages > 0 ? by!.reading() : undefined
      case "Finalizer":
        by!.finalizers.push(act.kind === "die" ? "die" : this.gate(`finalizer of op ${number}`))
        return ok()
      case "Pause":
      case "Resume":
        this.paused = act._tag === "Pause"
        return ok()
      case "Resize":
        this.workers = act.workers
        return ok()
      case "Drain":
        if (this.isIdle) return ok()
        this.drains.push(ok)
    }
  }

  // ---- dispatch: R10, R11, R15, R16, R22 -----------------------------------------------------------------------------

  private dispatch(act: Dispatch, by: Task | undefined, answer: (result: string) => void): void {
    const accepted = this.accept(act, by)
    // a handler that has replaced its own task comes no further
    if (!accepted.startsWith("created") || act.hooks === "none" || by?.marked) return answer(accepted)
    const task = this.tasks.at(-1)!
    const register = ([kind, ...rest]: ReadonlyArray<HookKind>): void => {
      if (kind === undefined) return answer(accepted)
      const name = `${kind} of task ${task.number}`
      const gate = act.hooks === "slow" && kind === "onExit" ? this.gate(name) : undefined
      const hook = { name, kind, attempt: undefined, gate }
      // what replaces the task that made its pool has ended with it
      if (task.settled) return this.runHook(task, hook, () => register(rest))
      task.hooks.push(hook)
      register(rest)
    }
    register(hookKinds)
  }

  private accept(act: Dispatch, by: Task | undefined): string {
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
    } else if (kept !== undefined && this.kept.has(key)) {
      const task = this.kept.get(key)!
      this.kept.delete(key)
      this.kept.set(key, task)
      pool.count(task)
      return `reused ${task.number}`
    }
    const task = this.insert(act, pool, unique === undefined ? undefined : key)
    if (unique === "supersede" && holder !== undefined) this.stop([holder], [], canceled)
    return `created ${task.number}`
  }

  private isOpenTo(pool: Pool, by: Task | undefined): boolean {
    return !pool.done && !pool.canceled && (!pool.sealed || (by !== undefined && isWithin(by, pool)))
  }

  private join(act: Dispatch, pool: Pool, holder: Task): string {
    if (!holder.holders.has(pool)) {
      const ring = this.tasks.some((task) => task.wait?.target === pool && this.reaches(holder, task))
      if (ring) return "Die WaitCycle"
      holder.holders.add(pool)
      pool.count(holder)
    }
    if (holder.state === "Queued") holder.priority = Math.max(holder.priority, act.priority)
    return `joined ${holder.number}`
  }

  private insert(act: Omit<Dispatch, "_tag" | "pool" | "hooks">, pool: Pool, lineKey: string | undefined): Task {
    const task = new Task({ ...act, pool, number: this.tasks.length })
    this.tasks.push(task)
    pool.count(task)
    if (lineKey !== undefined) this.lines.set(lineKey, [...this.lines.get(lineKey) ?? [], task])
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
    const created = this.insert(
      { ...task, ...task.given, priority: task.priority, delay: undefined },
      task.pool,
      line
    )
    if (holder !== undefined) this.stop([holder], [], canceled)
    this.kept.delete(key)
    return `created ${created.number}`
  }

  // ---- messages, timeouts --------------------------------------------------------------------------------------------

  private send(task: Task, by: Task | undefined, count: number, answer: (result: string) => void): void {
    if (task.state === "Exited") return answer("Fail TaskAlreadyComplete")
    if (count === 0 || task.marked) return answer("ok") // R7: nobody will read it
    if (task.messages < inboxCapacity) {
      task.messages++
      task.reading?.()
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
    this.lend(by, "task", undefined, () => wasTaken ? goOn() : answer("Fail TaskAlreadyComplete"))
    const { wait } = by
    let wasTaken = false
    task.senders.push({
      by,
      taken: () => {
        wasTaken = true
        this.wake(by, wait!)
      },
      ended: () => this.wake(by, wait!)
    })
  }
}

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
