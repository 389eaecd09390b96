/**
 * Cancel and timeout: one synchronous step over the whole subtree. Everything below is marked and queued tasks leave the
 * queue; only then are handlers interrupted.
 */
import * as Fiber from "effect/Fiber"
import { countLetGo, touch } from "./counting.ts"
import { enterStopping, exit, finishIfDone, holdersOf, release, runsOf } from "./lifecycle.ts"
import type { PoolRecord, Run, Verdict } from "./records.ts"
import { proceedAll } from "./waiting.ts"

/** The subtree that a stop reaches. */
class Subtree {
  readonly runs = new Map<Run, Verdict>()
  private readonly pools: Array<PoolRecord> = []
  private readonly shared: Array<readonly [PoolRecord, Run]> = []

  addRun(run: Run, verdict: Verdict): void {
    if (run.marked || run.task.state === "Exited") return
    run.marked = true
    this.runs.set(run, verdict)
    const reason = verdict._tag === "cancel" ? verdict.reason : `${run.task.id} timed out`
    for (const pool of run.pools ?? []) this.addPool(pool, reason)
  }

  addPool(pool: PoolRecord, reason: string | undefined): void {
    if (pool.canceled || pool.done) return
    if (!pool.isGlobal) {
      pool.canceled = true
      pool.cancelReason = reason
      pool.machine.emit(() => ({ _tag: "PoolSealed", poolId: pool.id, canceled: true }))
    }
    this.pools.push(pool)
    for (const run of runsOf(pool)) {
      if (isHeldElsewhere(run, pool)) this.shared.push([pool, run])
      else this.addRun(run, { _tag: "cancel", reason })
    }
  }

  /** Tasks all of whose pools turned out to be cancelled are reached too; from the others the pools let go. */
  settleShared(): void {
    for (let i = 0; i < this.shared.length; i++) {
      const [pool, run] = this.shared[i]
      if (!run.marked && !isHeldElsewhere(run, pool)) this.addRun(run, { _tag: "cancel", reason: pool.cancelReason })
    }
    for (const [pool, run] of this.shared) if (!run.marked && run.task.state !== "Exited") letGo(pool, run)
  }

  apply(): void {
    for (const [run, verdict] of this.runs) {
      const { state } = run.task
      if (state === "Queued") exit(run, verdict)
      else if (state !== "Stopping") enterStopping(run, verdict)
    }
    for (const pool of this.pools) {
      touch(pool)
      finishIfDone(pool)
    }
    const [first] = this.runs.keys()
    first?.task.machine.tell(() => this.runs.forEach((_, run) => interrupt(run)))
    // a fiber that cancels its own task is interrupted before its next step; nothing runs on this stack
    for (const { fiber } of this.runs.keys()) {
      if (fiber !== undefined && fiber === Fiber.getCurrent()) fiber.interruptUnsafe()
    }
  }
}

const isHeldElsewhere = (run: Run, pool: PoolRecord): boolean =>
  holdersOf(run).some((holder) => holder !== pool && !holder.canceled)

const letGo = (pool: PoolRecord, run: Run): void => {
  if (pool === run.task.pool) run.leftHome = true
  else run.guestOf!.delete(pool)
  countLetGo(run, pool, holdersOf(run))
  release(pool, run)
}

const interrupt = (run: Run): void => {
  run.fiber?.interruptUnsafe()
  // a stopped wait leaves the set, which iterates on over what is left
  for (const wait of run.waits ?? []) wait.stop()
  proceedAll(run)
}

/** Stops a task and everything below it. */
export const stopTask = (run: Run, verdict: Verdict): void => {
  const subtree = new Subtree()
  subtree.addRun(run, verdict)
  subtree.settleShared()
  subtree.apply()
}

/** Cancels a pool and everything below it; GLOBAL stays open. */
export const cancelPool = (pool: PoolRecord, reason: string | undefined): void => {
  const subtree = new Subtree()
  subtree.addPool(pool, reason)
  subtree.settleShared()
  subtree.apply()
}

/** From now on the task has this long. */
export const armTimeout = (run: Run): void => {
  const after = run.timeout
  run.deadline = run.task.machine.timers.set(after, () => {
    stopTask(run, { _tag: "timeout", phase: "running", after })
  })
}
