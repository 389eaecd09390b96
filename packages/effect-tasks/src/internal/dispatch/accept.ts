/**
 * Accepting a dispatch: check, find the key's holder, insert. One synchronous step: a refused dispatch leaves no trace.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Origin, Task } from "../../Task.ts"
import {
  DispatchError,
  type DispatchErrorReason,
  DuplicateTask,
  PoolClosed,
  type WaitCycle,
  WorkerPoolClosed
} from "../../TaskError.ts"
import { bare } from "../job/checks.ts"
import * as event from "../observe/event.ts"
import { countDispatch } from "../observe/metrics.ts"
import { KeyQueue } from "../queue/keyQueue.ts"
import { Limit } from "../queue/limit.ts"
import { type Inside, runAt, taskAt } from "../record/currentTask.ts"
import { type JobState, keyConcern, type Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { PoolRecord } from "../record/pool.ts"
import { rareOf, type Run, type Ticket } from "../record/run.ts"
import { isParked } from "../record/stored.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"
import { countNew, countReuse } from "../transition/counting.ts"
import { postpone, queue, setPriority } from "../transition/lifecycle.ts"
import { stopTask } from "../transition/stop.ts"
import { hold, link, ticketOf } from "../transition/tickets.ts"
import { checkHold, isWithin } from "../wait/graph.ts"

/** What is not the task's own about a dispatch. */
export interface Circumstances {
  /** What the dispatcher is inside of. */
  readonly from?: Inside | undefined
  readonly delay?: number | undefined
  /** The job's own concurrency key. */
  readonly limitKey?: string | undefined
  /** Told in the step that accepts, of the ticket that holds it; a kept result has none. The fiber may be interrupted before it sees the task. */
  readonly accepted?: ((ticket: Ticket | undefined) => void) | undefined
  /** The task that this one replaces, whatever the job's policy. */
  readonly replaces?: TaskRecord | undefined
}

export type Dispatched = Effect.Effect<Task<any, any, any, any>, DispatchError>

/** Accepts a task that was made for a checked dispatch, or refuses it; nothing when it must wait for room. */
export const accept = (run: Run, how: Circumstances, hasRoom: boolean): Dispatched | undefined => {
  const refusal = refuse(run, how.from)
  if (refusal !== undefined) return refusal
  const { registration: { definition, job }, task } = run
  const { replaces } = how
  const earlier = replaces === undefined
    ? definition.unique === undefined ? undefined : job.keys.get(task.key!)
    : keyQueueBehind(replaces, task.key)
  const holder = earlier?.newest
  if (replaces === undefined) {
    if (holder !== undefined) {
      if (definition.unique === "reject") {
        return refused(run, new DuplicateTask({ taskId: holder.task.id, key: task.key! }))
      }
      if (definition.unique === "join" && isJoinable(holder)) return join(task, how, holder)
    } else if (definition.kept !== undefined) {
      const kept = job.kept.get(task.key!)
      if (kept !== undefined) return reuse(task.pool, how, kept)
    }
  }
  const exempt = replaces !== undefined || (holder !== undefined && definition.unique === "supersede")
  if (!hasRoom && !exempt && taskAt(how.from) === undefined) return undefined
  const ring = earlier === undefined ? undefined : ringBehind(task.pool, earlier)
  if (ring !== undefined) return Effect.die(ring)
  insert(run, how, earlier)
  if (exempt && holder !== undefined) {
    stopTask(holder, { _tag: "cancel", reason: replaces === undefined ? "superseded" : "recomputed" })
  }
  if (replaces !== undefined && task.key !== undefined) job.kept.remove(task.key)
  return accepted(task, "created", how, run)
}

export const refused = ({ task }: Run, reason: DispatchErrorReason): Effect.Effect<never, DispatchError> =>
  Effect.fail(refusal(task.job.tag, reason))

export const refusal = (job: string, reason: DispatchErrorReason): DispatchError =>
  bare(() => new DispatchError({ job, reason }))

export const accepted = (
  task: TaskRecord,
  origin: Origin,
  how: Circumstances,
  ticket: Ticket | undefined
): Dispatched => {
  if (how.accepted !== undefined) {
    if (ticket !== undefined) rareOf(ticket.run).seen = true // by who owns it
    how.accepted(ticket)
  }
  return Exit.succeed(task.machine.settings.toHandle(task, origin))
}

export const refuse = (run: Run, from: Inside | undefined): Dispatched | undefined => {
  const { registration, task: { machine, pool } } = run
  const by = taskAt(from)
  if (isClosed(machine, by) || isClosed(registration, by)) return refused(run, new WorkerPoolClosed({}))
  // a sealed pool still takes what its own unfinished tasks, and those below them, dispatch
  const open = !pool.done && !pool.canceled && (!pool.sealed || isWithin(pool, runAt(from)?.task))
  return open ? undefined : refused(run, new PoolClosed({ poolId: pool.id }))
}

/** What closes still takes what live tasks dispatch. */
const isClosed = ({ phase }: Machine | Registration, from: TaskRecord | undefined): boolean =>
  phase === "closed" || (phase === "closing" && from === undefined)

/** The defect of queueing in a pool behind a task that waits for it; one that is cancelled now ends its wait. */
const ringBehind = (pool: PoolRecord, earlier: KeyQueue<Run>): WaitCycle | undefined => {
  for (const run of earlier.backwards()) {
    const ring = isJoinable(run) ? undefined : checkHold(pool, run.task)
    if (ring !== undefined) return ring
  }
  return undefined
}

const isJoinable = ({ task }: Run): boolean => task.state !== "Stopping" && task.state !== "Exited"

export const join = ({ pool, priority }: TaskRecord, how: Circumstances, holder: Run): Dispatched => {
  const { task } = holder
  let ticket = ticketOf(pool, holder)
  if (ticket === undefined) {
    const ring = checkHold(pool, task)
    if (ring !== undefined) return Effect.die(ring)
    ticket = hold(pool, holder)
  } else {
    ticket.holds++
  }
  if (priority > task.priority) setPriority(task, priority)
  task.machine.emit(event.joined, task, pool)
  return accepted(task, "joined", how, ticket)
}

export const reuse = (pool: PoolRecord, how: Circumstances, task: TaskRecord): Dispatched => {
  countReuse(task, pool)
  task.machine.emit(event.reused, task, pool)
  return accepted(task, "reused", how, undefined)
}

export const insert = (
  run: Run,
  { delay = 0, from, limitKey }: Circumstances,
  earlier: KeyQueue<Run> | undefined
): void => {
  const { registration: { definition, job }, task } = run
  const { key, machine, pool } = task
  machine.inStep++
  // it lives on after the layer that has closed: the next shutdown has a grace of its own
  if (machine.closings === 0 && from === undefined) machine.graceEnd = undefined
  task.number = machine.nextNumber()
  task.queuedAt = machine.timers.now()
  const parentId = pool.makerId ?? runAt(from)?.task.id
  if (parentId !== pool.makerId) extrasOf(task).parentId = parentId
  if (run.rare?.timeouts !== undefined) extrasOf(task).timeouts = run.rare.timeouts
  run.limit = limitOf(run, limitKey)
  run.limit?.retain()
  task.run = run
  machine.index?.add(task)
  machine.live++
  link(run)
  countNew(run)
  countDispatch(task)
  machine.emit(event.queued, task, task.priority, task.queuedAt)
  const keyQueue = earlier ??
    (definition.unique === undefined || run.registration.backend !== undefined ? undefined : keyQueueOf(job, key!))
  if (keyQueue !== undefined) {
    rareOf(run).keyPlace = keyQueue.add(run)
    if (key !== undefined) machine.reconsider(keyConcern(job, key))
  }
  if (delay > 0 && !machine.settings.inline) postpone(run, delay)
  else if (!isParked(task)) queue(run)
  machine.inStep--
}

const keyQueueOf = ({ keys }: JobState, key: string): KeyQueue<Run> => {
  let queue = keys.get(key)
  if (queue === undefined) keys.set(key, queue = new KeyQueue(() => keys.delete(key)))
  return queue
}

/** The queue in which a replacement stands behind the task, and behind all that hold its key. */
const keyQueueBehind = ({ job, run }: TaskRecord, key: string | undefined): KeyQueue<Run> | undefined => {
  if (run?.rare?.keyPlace !== undefined) return run.rare.keyPlace.queue
  if (job.definition.unique !== undefined) return keyQueueOf(job, key!)
  if (run === undefined) return undefined
  const queue = new KeyQueue<Run>()
  rareOf(run).keyPlace = queue.add(run)
  return queue
}

const limitOf = ({ registration: { definition: { concurrency }, job }, task }: Run, key = ""): Limit | undefined => {
  if (concurrency === undefined) return undefined
  const { machine } = task
  let limit = job.limits.get(key)
  if (limit === undefined) {
    limit = new Limit(concurrency.limit, [machine.ready, machine.resuming], () => job.limits.delete(key))
    job.limits.set(key, limit)
  }
  return limit
}
