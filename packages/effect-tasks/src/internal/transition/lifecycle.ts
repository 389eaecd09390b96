/** From acceptance to the end: what happens to a task. */
import * as event from "../observe/event.ts"
import { countExit } from "../observe/metrics.ts"
import { keyConcern } from "../record/job.ts"
import { causeOf, exitStatusOf } from "../record/outcome.ts"
import { Failed } from "../record/pool.ts"
import { rareOf, type Run, timeoutsOf } from "../record/run.ts"
import type { Stored } from "../record/stored.ts"
import { type Extras, extrasOf, type TaskRecord, touchTask, type Verdict } from "../record/task.ts"
import { countersOf, isFailure, transition } from "./counting.ts"
import { endClaim, releaseSlot } from "./slot.ts"
import { holdersOf, leaveBehind, settleTickets } from "./tickets.ts"

/** A task that is due queues: behind the earlier tasks of its key, else for a slot. */
export const queue = (run: Run): void => {
  const { machine } = run.task
  const { queueTimeout } = timeoutsOf(run)
  if (queueTimeout < Infinity) {
    rareOf(run).deadline = machine.timers.set(queueTimeout, () => {
      exit(run, { _tag: "timeout", phase: "queued", after: queueTimeout })
    })
  }
  const place = run.rare?.keyPlace
  if (place === undefined || place.queue.first === run) offer(run)
}

const offer = (run: Run): void => {
  const { machine } = run.task
  if (run.order === 0) run.order = machine.nextOrder() // that of many has the place of all
  machine.ready.add(run, run.task.priority, run.task.pool.depth, run.limits)
  touchTask(run.task)
  machine.schedule()
}

/** A task waits for its delay. */
export const postpone = (run: Run, millis: number): void => {
  const { machine } = run.task
  machine.delayed++
  rareOf(run).delay = machine.timers.set(millis, () => {
    endDelay(run)
    queue(run)
  })
}

/** A queued task waits for a delay anew, or no longer. */
export const putOff = (run: Run, millis: number): void => {
  const { machine } = run.task
  endDelay(run)
  clearDeadline(run)
  if (run.lane !== undefined) machine.ready.remove(run)
  run.order = 0
  if (millis > 0) postpone(run, millis)
  else queue(run)
  touchTask(run.task)
}

const endDelay = ({ rare, task: { machine } }: Run): void => {
  if (rare?.delay === undefined) return
  machine.delayed--
  machine.timers.clear(rare.delay)
  rare.delay = undefined
}

/** Moves a queued task among those of another priority. */
export const setPriority = (task: TaskRecord, priority: number): void => {
  const { machine, run } = task
  if (task.state !== "Queued" || run === undefined) return
  task.priority = priority
  touchTask(task)
  if (run.lane === undefined) return
  machine.ready.remove(run)
  machine.ready.add(run, priority, task.pool.depth, run.limits)
  machine.schedule()
}

export const clearDeadline = ({ rare, task }: Run): void => {
  if (rare?.deadline === undefined) return
  task.machine.timers.clear(rare.deadline)
  rare.deadline = undefined
}

/** The first attempt begins; its slot is taken. */
export const start = (run: Run): void => {
  const { task } = run
  clearDeadline(run)
  leaveCursor(run)
  task.startedAt = task.machine.timers.recent()
  transition(run, "Running")
  task.machine.emit(event.started, task, task.worker!, task.startedAt) // it has its slot
}

/** The verdict on a started task falls. */
export const enterStopping = (run: Run, verdict: Verdict): void => {
  const { task } = run
  const slept = task.state === "Sleeping"
  task.machine.inStep++
  task.verdict = verdict
  clearDeadline(run)
  transition(run, "Stopping")
  task.machine.emit(event.stopping, task, verdict)
  endClaim(run, slept)
  task.machine.inStep--
}

/** Everything of the task has ended but its hooks. A task that never started takes its verdict here. */
export const exit = (run: Run, verdict?: Verdict): void => {
  const stored = run.task.extras?.stored
  if (stored?.here === true) record(run, stored, verdict)
  else finish(run, verdict)
}

/** The outcome is stored first, and meanwhile holds no slot: `finish` takes the one that stands. */
const record = (run: Run, stored: Stored, verdict: Verdict | undefined): void => {
  if (stored.recording) return
  const { registration, task } = run
  stored.recording = true
  if (task.state === "Queued") leaveQueue(run)
  if (verdict !== undefined) task.verdict = verdict
  releaseSlot(run)
  registration.backend!.record(stored, task.verdict!) // what is stored has a backend
}

export const finish = (run: Run, verdict?: Verdict): void => {
  const { task } = run
  const { machine } = task
  machine.inStep++
  if (task.state === "Queued") leaveQueue(run)
  if (verdict !== undefined) task.verdict = verdict
  task.finishedAt = machine.timers.now()
  transition(run, "Exited")
  releaseSlot(run)
  run.limits?.forget()
  if (isFailure(task)) recordFailure(run)
  countExit(task)
  machine.emit(event.exited, task, undefined, task.finishedAt)
  const { hooks, inbox } = task.extras ?? {}
  if (inbox !== undefined) machine.tell({ _tag: "shutdown", inbox })
  if (hooks?.seesFailure) rareOf(run).seen = true
  if (hooks === undefined) settle(run)
  else machine.tell({ _tag: "hooks", run })
  machine.inStep--
}

/** The cursor that has made it may make another one. */
const leaveCursor = ({ rare }: Run): void => {
  if (rare?.cursor === undefined) return
  const { cursor } = rare
  rare.cursor = undefined
  cursor.taken()
}

const leaveQueue = (run: Run): void => {
  const { machine } = run.task
  leaveCursor(run)
  endDelay(run)
  clearDeadline(run)
  if (run.lane !== undefined) machine.ready.remove(run)
  machine.schedule() // a dispatcher may wait for the room
}

const failuresKept = 100

const recordFailure = (run: Run): void => {
  const { task } = run
  const failed = new Failed(task, pathOf(task), causeOf(task))
  task.machine.tell({ _tag: "label", failed })
  for (const { failures } of countersOf(run)) if (failures.length < failuresKept) failures.push(failed)
  for (const pool of holdersOf(task)) {
    pool.ownFailed++
    if (pool.ownFailures.length < failuresKept) {
      pool.ownFailures.push(failed)
      if (!pool.isGlobal) (pool.payloads ??= []).push(task.payload)
    }
    if (pool.failsFast) task.machine.tell({ _tag: "cancel", pool, reason: "a task has failed" })
  }
}

const pathOf = (task: TaskRecord): Array<string> => {
  const path: Array<string> = []
  for (let each: TaskRecord | undefined = task; each !== undefined; each = each.pool.maker) path.unshift(each.id)
  return path
}

/** The hooks have run: the key is free, waiters wake, pools may be done. */
export const settle = (run: Run): void => {
  const { task } = run
  const { machine } = task
  machine.inStep++
  task.run = undefined
  if (run.execution !== undefined) leaveBehind(run.execution)
  // an object that has grown old keeps alive what is young and hangs on it, until the next full collection
  run.execution = undefined
  machine.live--
  leaveKey(run)
  remember(run)
  if (isFailure(task) && !isSeen(run)) machine.tell({ _tag: "unseen", task })
  machine.wakeAll(task)
  if (task.extras !== undefined) endExtras(task, task.extras)
  settleTickets(run)
  machine.wakeAll(machine.settlements)
  if (machine.drainers.size > 0) machine.schedule() // a turn looks whether that was the last one
  machine.inStep--
}

/** Whether somebody could have seen how a task of GLOBAL has ended; a failure in another pool is told by its join. */
const isSeen = ({ rare, task }: Run): boolean =>
  rare?.seen === true || !task.pool.isGlobal || (rare?.sharing?.tickets.size ?? 1) > 1 ||
  [...task.waiters ?? []].some(({ sees }) => sees)

const endExtras = ({ machine }: TaskRecord, extras: Extras): void => {
  extras.hooks = undefined
  extras.inbox = undefined
  for (const reports of [extras.progress, extras.changes]) {
    if (reports === undefined) continue
    reports.ended = true
    machine.wakeAll(reports)
  }
}

const leaveKey = ({ rare }: Run): void => {
  if (rare?.keyPlace === undefined) return
  const { queue } = rare.keyPlace
  queue.remove(rare.keyPlace)
  rare.keyPlace = undefined // who keeps one that has ended keeps no later one of its key
  const { first } = queue
  if (first?.task.state === "Queued" && first.rare!.delay === undefined && first.lane === undefined) offer(first)
}

const remember = (run: Run): void => {
  const { task } = run
  const { job, machine } = task
  const { definition } = run.registration
  if (
    definition.kept !== undefined && task.extras?.stored === undefined && definition === job.definition &&
    exitStatusOf(task) === "success"
  ) {
    const key = task.key! // a job that keeps results works the key out at each dispatch
    job.kept.add(key, task)
    machine.reconsider(keyConcern(job, key))
    const sharing = run.rare?.sharing
    if (sharing !== undefined) extrasOf(task).reusedIn = new WeakSet(sharing.counters.keys())
  }
  machine.history.add(task)
}
