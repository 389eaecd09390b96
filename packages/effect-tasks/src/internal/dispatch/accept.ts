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
import { type Inside, runAt, taskAt } from "../record/currentTask.ts"
import type { BulkEntry } from "../record/cursor.ts"
import { type JobState, keyConcern, type Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { PoolRecord } from "../record/pool.ts"
import { rareOf, type Run, type Ticket } from "../record/run.ts"
import { isParked } from "../record/stored.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"
import { countNew, countReuse } from "../transition/counting.ts"
import { postpone, putOff, queue, setPriority } from "../transition/lifecycle.ts"
import { limitsOf, regate } from "../transition/limits.ts"
import { stopTask } from "../transition/stop.ts"
import { hold, link, ticketOf } from "../transition/tickets.ts"
import { checkHold, isWithin } from "../wait/graph.ts"

/** What is not the task's own about a dispatch. */
export interface Circumstances {
  /** What the dispatcher is inside of. */
  readonly from?: Inside | undefined
  readonly delay?: number | undefined
  /** By which of its keys it stands behind each limit of its registration. */
  readonly limitKeys?: ReadonlyArray<string> | undefined
  /** Told in the step that accepts, of the ticket that holds it; a kept result has none. The fiber may be interrupted before it sees the task. */
  readonly accepted?: ((ticket: Ticket | undefined) => void) | undefined
  /** What makes it, as one of many. */
  readonly cursor?: BulkEntry | undefined
  /** The task that this one replaces, whatever the job's policy. */
  readonly replaces?: TaskRecord | undefined
}

export type Dispatched = Effect.Effect<Task<any, any, any, any>, DispatchError>

/** Accepts a task that was made for a checked dispatch, or refuses it; nothing when it must wait for room. */
export const accept = (run: Run, how: Circumstances, hasRoom: boolean): Dispatched | undefined => {
  const reason = closed(run.registration, run.task.pool, how.from, how.cursor !== undefined)
  if (reason !== undefined) return refused(run, reason)
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
      if (definition.unique === "latest" && holder.task.state === "Queued") return replace(run, how, holder)
    } else if (definition.kept !== undefined) {
      const kept = job.kept.get(task.key!)
      if (kept !== undefined) return reuse(task.pool, how, kept)
    }
  }
  const exempt = replaces !== undefined || how.cursor !== undefined ||
    (holder !== undefined && definition.unique === "supersede")
  if (!hasRoom && !exempt && taskAt(how.from) === undefined) return undefined
  const stops = definition.unique !== "latest" || replaces !== undefined
  const ring = earlier === undefined ? undefined : ringBehind(task.pool, earlier, stops)
  if (ring !== undefined) return Effect.die(ring)
  insert(run, how, earlier)
  if (holder !== undefined && (replaces !== undefined || definition.unique === "supersede")) {
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

/** Why a dispatch is refused, whatever it dispatches; one that has begun goes on in a sealed pool. */
export const closed = (
  registration: Registration,
  pool: PoolRecord,
  from: Inside | undefined,
  hasBegun: boolean
): DispatchErrorReason | undefined => {
  const by = taskAt(from)
  if (isClosed(pool.machine, by) || isClosed(registration, by)) return new WorkerPoolClosed({})
  // a sealed pool still takes what its own unfinished tasks, and those below them, dispatch
  const open = !pool.done && !pool.canceled && (!pool.sealed || hasBegun || isWithin(pool, runAt(from)?.task))
  return open ? undefined : new PoolClosed({ poolId: pool.id })
}

/** What closes still takes what live tasks dispatch. */
const isClosed = ({ phase }: Machine | Registration, from: TaskRecord | undefined): boolean =>
  phase === "closed" || (phase === "closing" && from === undefined)

/** The defect of queueing in a pool behind a task that waits for it; one that is cancelled now ends its wait. */
const ringBehind = (pool: PoolRecord, earlier: KeyQueue<Run>, stops: boolean): WaitCycle | undefined => {
  for (const run of earlier.backwards()) {
    const ring = stops && isJoinable(run) ? undefined : checkHold(pool, run.task)
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

/** A queued task takes the payload of a later dispatch, and its delay starts anew. */
const replace = (run: Run, how: Circumstances, holder: Run): Dispatched => {
  const { task } = holder
  const { machine } = task
  const outcome = join(run.task, how, holder)
  if (ticketOf(run.pool, holder) === undefined) return outcome // it would wait for itself
  machine.inStep++
  task.payload = run.task.payload
  machine.emit(event.replaced, task, undefined)
  holder.registration = run.registration
  regate(holder, limitsOf(holder, how.limitKeys))
  const { delay = 0 } = how
  const isDelayed = holder.rare?.delay !== undefined
  if (!machine.settings.inline && (delay > 0 || isDelayed)) {
    const left = (holder.rare?.dueBy ?? Infinity) - machine.timers.moment()
    putOff(holder, Math.max(0, Math.min(delay, left)))
  }
  machine.inStep--
  return outcome
}

export const reuse = (pool: PoolRecord, how: Circumstances, task: TaskRecord): Dispatched => {
  countReuse(task, pool)
  task.machine.emit(event.reused, task, pool)
  return accepted(task, "reused", how, undefined)
}

export const insert = (
  run: Run,
  { cursor, delay = 0, from, limitKeys }: Circumstances,
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
  run.limits = limitsOf(run, limitKeys)
  run.limits?.retain()
  task.run = run
  machine.index?.add(task)
  link(run)
  if (cursor !== undefined && delay === 0) run.order = cursor.orderOfTasks
  if (cursor !== undefined && cursor.counted > 0) cursor.counted--
  else {
    machine.live++
    countNew(run)
  }
  countDispatch(task)
  machine.emit(event.queued, task, task.priority, task.queuedAt)
  const keyQueue = earlier ??
    (definition.unique === undefined || run.registration.backend !== undefined ? undefined : keyQueueOf(job, key!))
  if (keyQueue !== undefined) {
    rareOf(run).keyPlace = keyQueue.add(run)
    if (key !== undefined) machine.reconsider(keyConcern(job, key))
  }
  if (definition.maxDelay < Infinity) rareOf(run).dueBy = machine.timers.moment() + definition.maxDelay
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
