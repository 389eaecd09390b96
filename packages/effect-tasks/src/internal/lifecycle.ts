/**
 * The transitions of a task after its acceptance. Each is one synchronous step that runs no user code.
 */
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { chain, isFailure, touch, transition } from "./counting.ts"
import { runEach, runHooks } from "./hooks.ts"
import type { Machine } from "./machine.ts"
import { countExit } from "./metrics.ts"
import { exitStatusOf } from "./outcome.ts"
import {
  type Extras,
  extrasOf,
  type PoolRecord,
  type Run,
  Sharing,
  type TaskRecord,
  type Verdict,
  type Waiting
} from "./records.ts"
import * as told from "./told.ts"
import { proceedAll, releaseSlot } from "./waiting.ts"

/** A task that is due queues: behind the earlier tasks of its key, else for a slot. */
export const queue = (run: Run): void => {
  const { task } = run
  const { machine } = task
  const { queueTimeout } = run.timeouts
  if (queueTimeout < Infinity) {
    run.deadline = machine.timers.set(queueTimeout, () => {
      exit(run, { _tag: "timeout", phase: "queued", after: queueTimeout })
    })
  }
  if (run.inLine === undefined || run.inLine.line.first === run) offer(run)
}

const offer = (run: Run): void => {
  const { machine } = run.task
  run.order = machine.nextOrder()
  machine.ready.add(run, run.task.priority, run.task.pool.depth)
  machine.schedule()
}

/** A task waits for its delay. */
export const postpone = (run: Run, millis: number): void => {
  const { machine } = run.task
  machine.delayed++
  run.delay = machine.timers.set(millis, () => {
    endDelay(run)
    queue(run)
  })
}

const endDelay = (run: Run): void => {
  if (run.delay === undefined) return
  const { machine } = run.task
  machine.delayed--
  machine.timers.clear(run.delay)
  run.delay = undefined
}

/** Moves a queued task among those of another priority. */
export const setPriority = (task: TaskRecord, priority: number): void => {
  const { run } = task
  if (task.state !== "Queued" || run === undefined) return
  task.priority = priority
  if (run.lane === undefined) return
  const { machine } = task
  machine.ready.remove(run)
  machine.ready.add(run, priority, task.pool.depth)
  machine.schedule()
}

export const clearDeadline = (run: Run): void => {
  if (run.deadline === undefined) return
  run.task.machine.timers.clear(run.deadline)
  run.deadline = undefined
}

/** The verdict on a started task falls. */
export const enterStopping = (run: Run, verdict: Verdict): void => {
  const { task } = run
  task.verdict = verdict
  clearDeadline(run)
  if (run.waiting !== undefined) endWaiting(run, run.waiting)
  transition(run, "Stopping")
  task.machine.emit(told.stopping, task)
}

const endWaiting = (run: Run, waiting: Waiting): void => {
  const { machine } = run.task
  waiting.for = undefined
  machine.halfAsleep.delete(run)
  if (!waiting.claiming) return
  waiting.claiming = false
  machine.resuming.remove(run)
}

/** Everything of the task has ended but its hooks. A task that never started takes its verdict here. */
export const exit = (run: Run, verdict?: Verdict): void => {
  const { task } = run
  const { machine } = task
  if (task.state === "Queued") {
    endDelay(run)
    clearDeadline(run)
    if (run.lane !== undefined) machine.ready.remove(run)
    machine.schedule()
  }
  if (verdict !== undefined) task.verdict = verdict
  task.finishedAt = machine.timers.now()
  transition(run, "Exited")
  releaseSlot(run)
  run.gate?.forget()
  if (isFailure(task)) recordFailure(run)
  countExit(task)
  machine.emit(told.exited, task)
  if (task.extras?.inbox !== undefined) Queue.shutdownUnsafe(task.extras.inbox)
  proceedAll(run)
  if (task.extras?.hooks === undefined) return settle(run)
  machine.tell(() => runHooks(task, () => settle(run)))
}

const failuresKept = 100

const recordFailure = (run: Run): void => {
  const { task } = run
  const { holders } = run
  for (const pool of run.sharing?.countedBy ?? chain(task.pool)) {
    if (pool.failures.length < failuresKept) pool.failures.push(task)
  }
  for (const pool of holders) {
    pool.ownFailed++
    if (pool.ownFailures.length < failuresKept) pool.ownFailures.push(task)
    pool.onOwnFailure?.()
  }
}

/** The hooks have run: the key is free, waiters wake, pools may be done. */
const settle = (run: Run): void => {
  const { task } = run
  const { machine } = task
  task.run = undefined
  // an object that has grown old keeps alive what is young and hangs on it, until the next full collection
  run.execution = undefined
  machine.live--
  leaveLine(run)
  remember(machine, run)
  machine.wakeAll(task)
  if (task.extras !== undefined) endExtras(machine, task.extras)
  if (run.sharing === undefined) release(task.pool, run)
  else for (const pool of run.holders) release(pool, run)
  if (machine.idleChecks.size > 0) { for (const check of machine.idleChecks) check() }
  if (machine.drainers.size > 0) machine.schedule() // a turn looks whether that was the last one
}

const endExtras = (machine: Machine, extras: Extras): void => {
  extras.hooks = undefined
  extras.inbox = undefined
  if (extras.progress === undefined) return
  extras.progress.ended = true
  machine.wakeAll(extras.progress)
}

const leaveLine = (run: Run): void => {
  if (run.inLine === undefined) return
  const { line } = run.inLine
  line.remove(run)
  const { first } = line
  if (first !== undefined && first.task.state === "Queued" && first.delay === undefined && first.lane === undefined) {
    offer(first)
  }
}

const remember = (machine: Machine, run: Run): void => {
  const { task } = run
  const { job } = task
  if (job.definition.kept !== undefined && exitStatusOf(task) === "success") {
    task.key ??= job.definition.keyOf(task.payload)
    job.kept.add(task.key, task)
    machine.admission.look(job, task.key)
    if (run.sharing !== undefined) extrasOf(task).reusedIn = new WeakSet(run.sharing.countedBy)
  }
  machine.history.add(task)
}

// ---------------------------------------------------------------------------------------------------------------------
// pools
// ---------------------------------------------------------------------------------------------------------------------

/** A pool holds one more task. */
export const link = (pool: PoolRecord, run: Run): void => {
  pool.remaining++
  run.previous = pool.lastRun
  if (pool.lastRun === undefined) pool.firstRun = run
  else pool.lastRun.next = run
  pool.lastRun = run
}

/** A pool holds a task that another pool holds too. */
export const linkGuest = (pool: PoolRecord, run: Run): void => {
  if (pool === run.task.pool) { // GLOBAL, which let go of it before
    run.sharing!.leftHome = false
    return link(pool, run)
  }
  pool.remaining++
  ;(pool.guests ??= new Set()).add(run)
  run.sharing ??= new Sharing(chain(run.task.pool))
  run.sharing.guestOf.add(pool)
}

/** A pool holds a task no longer. */
export const release = (pool: PoolRecord, run: Run): void => {
  pool.remaining--
  if (pool === run.task.pool) unlink(pool, run)
  else pool.guests!.delete(run)
  finishIfDone(pool)
}

const unlink = (pool: PoolRecord, run: Run): void => {
  if (run.previous === undefined) pool.firstRun = run.next
  else run.previous.next = run.next
  if (run.next === undefined) pool.lastRun = run.previous
  else run.next.previous = run.previous
  run.previous = run.next = undefined
}

/** The unfinished tasks that a pool holds. */
export const runsOf = (pool: PoolRecord): Array<Run> => {
  const runs: Array<Run> = []
  for (let run = pool.firstRun; run !== undefined; run = run.next) runs.push(run)
  return pool.guests === undefined ? runs : [...runs, ...pool.guests]
}

/** Closes a pool to tasks from outside. */
export const seal = (pool: PoolRecord): void => {
  if (pool.isGlobal || pool.sealed) return
  pool.sealed = true
  if (!pool.canceled) pool.machine.emit(told.poolSealed, pool)
  touch(pool)
  finishIfDone(pool)
}

/** A closed pool with nothing left is done, once. */
export const finishIfDone = (pool: PoolRecord): void => {
  if (pool.done || pool.remaining > 0 || !(pool.sealed || pool.canceled) || pool.isGlobal) return
  const { machine } = pool
  pool.done = true
  pool.doneAt = machine.timers.now()
  machine.emit(told.poolDone, pool)
  if (pool.finalizers.length === 0) return releaseWaiters(pool)
  machine.tell(() => runEach(machine.context, () => pool.finalizers.shift(), () => releaseWaiters(pool)))
}

const releaseWaiters = (pool: PoolRecord): void => {
  const { machine } = pool
  pool.released = true
  if (pool.scope !== undefined) Scope.closeUnsafe(pool.scope, Exit.void) // a released pool leaves nothing to close
  pool.scope = undefined
  pool.createdBy?.run?.execution?.pools?.delete(pool)
  machine.wakeAll(pool)
  touch(pool)
  pool.changes.ended = true
  machine.wakeAll(pool.changes)
  machine.poolHistory.add(pool)
}
