/**
 * Cancel and timeout: one synchronous step over the whole subtree. Everything below is marked and queued tasks leave the
 * queue; only then are handlers interrupted, in the turn.
 */
import * as Fiber from "effect/Fiber"
import { PoolClosed } from "../../TaskError.ts"
import * as event from "../observe/event.ts"
import { runOf } from "../record/currentTask.ts"
import type { Machine } from "../record/machine.ts"
import { type PoolRecord, runsOf } from "../record/pool.ts"
import { rareOf, type Run, type Sharing, timeoutsOf } from "../record/run.ts"
import { isParked } from "../record/stored.ts"
import type { Stop } from "../record/task.ts"
import { clearDeadline, enterStopping, exit } from "./lifecycle.ts"
import { touch } from "./rollUp.ts"
import { finishIfDone, letGo } from "./tickets.ts"

type Cancel = Stop & { readonly _tag: "cancel" }

/** The subtree that a stop reaches: marks all that is below, then takes the mark from what pools outside hold too. */
class Subtree {
  private readonly targets: ReadonlySet<Run | PoolRecord>
  /** Whether it also reaches tasks whose verdict has fallen: a shutdown does, so that it ends. */
  private readonly evenStopping: boolean
  private runs: Array<Run> = []
  private readonly pools = new Map<PoolRecord, Cancel>()

  constructor(targets: ReadonlyArray<Run | PoolRecord>, evenStopping = false) {
    this.targets = new Set(targets)
    this.evenStopping = evenStopping
  }

  addRun(run: Run, stop: Stop): void {
    const { state } = run.task
    if (run.marked || state === "Exited" || (state === "Stopping" && !this.evenStopping)) return
    run.stop = stop
    this.runs.push(run)
    const pools = run.execution?.pools
    if (pools === undefined) return
    const below: Cancel = stop._tag === "cancel" ? stop : { _tag: "cancel", reason: `${run.task.id} timed out` }
    for (const pool of pools) this.addPool(pool, below)
  }

  addPool(pool: PoolRecord, stop: Cancel): void {
    if (!pool.canceled && !pool.done && !this.pools.has(pool)) this.pools.set(pool, stop)
  }

  stop(machine: Machine): void {
    machine.inStep++
    // a Map iterates on over what is added meanwhile: no recursion, however deep the tree
    for (const [pool, stop] of this.pools) {
      for (const run of runsOf(pool)) this.addRun(run, stop)
    }
    const held = this.runs.filter(({ rare }) => rare?.sharing !== undefined && this.isHeldOutside(rare.sharing))
    const spared = held.length > 0 ? this.spare(held) : []
    this.cancelPools()
    for (const { rare } of spared) {
      for (const ticket of rare?.sharing?.tickets.values() ?? []) if (this.pools.has(ticket.pool)) letGo(ticket)
    }
    this.apply()
    machine.inStep--
  }

  /** A task that a pool outside holds goes on with all below it; pools that are below the task itself do not save it. */
  private spare(held: Array<Run>): Array<Run> {
    const runs = new Set(this.runs)
    const spared: Array<Run> = []
    for (const run of held) {
      if (this.targets.has(run) || !runs.delete(run)) continue
      run.stop = undefined
      spared.push(run)
      for (const pool of run.execution?.pools ?? []) {
        if (this.targets.has(pool) || !this.pools.delete(pool)) continue
        for (const below of runsOf(pool)) held.push(below)
      }
    }
    this.runs = [...runs]
    return spared
  }

  private isHeldOutside({ tickets }: Sharing): boolean {
    return [...tickets.keys()].some((pool) => !pool.canceled && !this.pools.has(pool))
  }

  private cancelPools(): void {
    for (const [pool, { reason }] of this.pools) {
      const { machine } = pool
      if (pool.isGlobal) {
        for (const cursor of machine.cursors) {
          if (cursor.pool === pool) cursor.refuse(new PoolClosed({ poolId: pool.id }))
        }
        continue
      }
      pool.canceled = true
      pool.cancelReason = reason
      machine.emit(event.poolSealed, pool, true)
      machine.reconsider(pool)
      machine.wakeAll(pool.cancellation)
    }
  }

  private apply(): void {
    const started = this.runs.filter((run) => run.execution !== undefined)
    for (const run of this.runs) {
      const { state } = run.task
      if (isParked(run.task) && !isShutdown(run.stop!)) stopElsewhere(run)
      else if (state === "Queued") exit(run, run.stop!)
      else if (state !== "Stopping") enterStopping(run, run.stop!)
      run.waiting?.waits.forEach((wait) => wait.withdraw())
    }
    for (const pool of this.pools.keys()) {
      touch(pool)
      finishIfDone(pool)
    }
    if (started.length > 0) started[0].task.machine.tell({ _tag: "interrupt", runs: started })
    // a handler that cancels its own task is interrupted before its next step; nothing runs on this stack
    const current = Fiber.getCurrent()
    if (current !== undefined && started.some((run) => isHandler(run, current))) current.interruptUnsafe()
  }
}

/** Its fiber is known once it has suspended for the first time. */
const isHandler = (run: Run, fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  run.execution?.fiber === undefined ? runOf(fiber) === run : run.execution.fiber === fiber

/** Whoever runs it tells its outcome. */
const stopElsewhere = ({ registration, stop, task }: Run): void =>
  registration.backend!.stopElsewhere(task.extras!.stored!, stop!) // it is parked

const isShutdown = (stop: Stop): boolean => stop._tag === "cancel" && stop.shutdown === true

/** Stops a task and everything below it. */
export const stopTask = (run: Run, stop: Stop, evenStopping = false): void => {
  const subtree = new Subtree([run], evenStopping)
  subtree.addRun(run, stop)
  subtree.stop(run.task.machine)
}

/** Cancels pools and everything below them, all in one step; GLOBAL stays open. */
export const cancelPools = (pools: ReadonlyArray<PoolRecord>, reason: string | undefined): void => {
  if (pools.length === 0) return
  const subtree = new Subtree(pools)
  for (const pool of pools) subtree.addPool(pool, { _tag: "cancel", reason })
  subtree.stop(pools[0].machine)
}

export const cancelPool = (pool: PoolRecord, reason: string | undefined): void => cancelPools([pool], reason)

/** The task has this long, from now unless given. */
export const armTimeout = (run: Run, from?: number): void => {
  const after = timeoutsOf(run).timeout
  const fire = () => stopTask(run, { _tag: "timeout", phase: "running", after })
  rareOf(run).deadline = run.task.machine.timers.set(after, fire, from)
}

/** Replaces the deadline: this long from now, or from the first start when that is still to come. */
export const setTimeout = (run: Run, timeout: number): void => {
  const { state } = run.task
  if (state === "Stopping" || state === "Exited") return
  rareOf(run).timeouts = { ...timeoutsOf(run), timeout }
  if (state === "Queued") return
  clearDeadline(run)
  armTimeout(run)
}
