/**
 * Cancel and timeout: one synchronous step over the whole subtree. Everything below is marked and queued tasks leave the
 * queue; only then are handlers interrupted.
 */
import * as Fiber from "effect/Fiber"
import { countLetGo, touch } from "./counting.ts"
import { enterStopping, exit, finishIfDone, release, runsOf } from "./lifecycle.ts"
import type { PoolRecord, Run, Stop } from "./records.ts"
import * as told from "./told.ts"
import { proceedAll } from "./waiting.ts"

/** The subtree that a stop reaches: marks all that is below, then takes the mark from what pools outside hold too. */
class Subtree {
  private readonly target: Run | PoolRecord
  private runs: Array<Run> = []
  private readonly pools = new Map<PoolRecord, string | undefined>()

  constructor(target: Run | PoolRecord) {
    this.target = target
  }

  addRun(run: Run, stop: Stop): void {
    if (run.marked || run.task.state === "Exited") return
    run.stop = stop
    this.runs.push(run)
    const pools = run.execution?.pools
    if (pools === undefined) return
    const reason = stop._tag === "cancel" ? stop.reason : `${run.task.id} timed out`
    for (const pool of pools) this.addPool(pool, reason)
  }

  addPool(pool: PoolRecord, reason: string | undefined): void {
    if (!pool.canceled && !pool.done && !this.pools.has(pool)) this.pools.set(pool, reason)
  }

  stop(): void {
    // a Map iterates on over what is added meanwhile: no recursion, however deep the tree
    for (const [pool, reason] of this.pools) {
      const stop: Stop = { _tag: "cancel", reason }
      for (const run of runsOf(pool)) this.addRun(run, stop)
    }
    const held = this.runs.filter((run) => run.sharing !== undefined && this.isHeldOutside(run))
    const spared = held.length > 0 ? this.spare(held) : []
    this.cancelPools()
    for (const run of spared) for (const pool of run.holders) if (this.pools.has(pool)) letGo(pool, run)
    this.apply()
  }

  /** A task that a pool outside holds goes on with all below it; pools that are below the task itself do not save it. */
  private spare(held: Array<Run>): Array<Run> {
    const runs = new Set(this.runs)
    const spared: Array<Run> = []
    for (const run of held) {
      if (run === this.target || !runs.delete(run)) continue
      run.stop = undefined
      spared.push(run)
      for (const pool of run.execution?.pools ?? []) {
        if (pool === this.target || !this.pools.delete(pool)) continue
        for (const below of runsOf(pool)) held.push(below)
      }
    }
    this.runs = [...runs]
    return spared
  }

  private isHeldOutside(run: Run): boolean {
    return run.holders.some((pool) => !pool.canceled && !this.pools.has(pool))
  }

  private cancelPools(): void {
    for (const [pool, reason] of this.pools) {
      if (pool.isGlobal) continue
      pool.canceled = true
      pool.cancelReason = reason
      pool.machine.emit(told.poolSealed, pool)
    }
  }

  private apply(): void {
    const started = this.runs.filter((run) => run.execution !== undefined)
    for (const run of this.runs) {
      const { state } = run.task
      if (state === "Queued") exit(run, run.stop!)
      else if (state !== "Stopping") enterStopping(run, run.stop!)
      for (const wait of run.waiting?.waits ?? []) wait.withdraw()
    }
    for (const pool of this.pools.keys()) {
      touch(pool)
      finishIfDone(pool)
    }
    // what was queued has ended already
    started[0]?.task.machine.tell(() => started.forEach(interrupt))
    // a fiber that cancels its own task is interrupted before its next step; nothing runs on this stack
    const current = Fiber.getCurrent()
    if (current !== undefined && started.some(({ execution }) => execution?.fiber === current)) {
      current.interruptUnsafe()
    }
  }
}

/** A cancelled pool holds a task no longer. */
export const letGo = (pool: PoolRecord, run: Run): void => {
  if (pool === run.task.pool) run.sharing!.leftHome = true
  else run.sharing!.guestOf.delete(pool)
  countLetGo(run, pool, run.holders)
  release(pool, run)
}

const interrupt = (run: Run): void => {
  run.execution?.fiber?.interruptUnsafe()
  // a stopped wait leaves the set, which iterates on over what is left
  for (const wait of run.waiting?.waits ?? []) wait.stop()
  proceedAll(run)
}

/** Stops a task and everything below it. */
export const stopTask = (run: Run, stop: Stop): void => {
  const subtree = new Subtree(run)
  subtree.addRun(run, stop)
  subtree.stop()
}

/** Cancels a pool and everything below it; GLOBAL stays open. */
export const cancelPool = (pool: PoolRecord, reason: string | undefined): void => {
  const subtree = new Subtree(pool)
  subtree.addPool(pool, reason)
  subtree.stop()
}

/** The task has this long, from now unless given. */
export const armTimeout = (run: Run, from?: number): void => {
  const after = run.timeouts.timeout
  const fire = () => stopTask(run, { _tag: "timeout", phase: "running", after })
  run.deadline = run.task.machine.timers.set(after, fire, from)
}
