/**
 * Accepting a dispatch: check, find the key's holder, insert. One synchronous step: a refused request leaves no trace.
 */
import type { Origin } from "../../Task.ts"
import {
  type DispatchErrorReason,
  DuplicateTask,
  PoolClosed,
  type WaitCycle,
  WorkerPoolClosed
} from "../../TaskError.ts"
import type { Timeouts } from "../job/definition.ts"
import * as event from "../observe/event.ts"
import { countDispatch } from "../observe/metrics.ts"
import { KeyQueue } from "../queue/keyQueue.ts"
import { Limit } from "../queue/limit.ts"
import { type Inside, runAt, taskAt } from "../record/currentTask.ts"
import { type JobState, keyConcern, type Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { PoolRecord } from "../record/pool.ts"
import { Run, type Ticket } from "../record/run.ts"
import { extrasOf, TaskRecord } from "../record/task.ts"
import { countNew, countReuse } from "../transition/counting.ts"
import { postpone, queue, setPriority } from "../transition/lifecycle.ts"
import { stopTask } from "../transition/stop.ts"
import { hold, link, ticketOf } from "../transition/tickets.ts"
import { checkHold, isWithin } from "../wait/graph.ts"

/** A checked dispatch. */
export interface Request {
  readonly machine: Machine
  readonly registration: Registration
  readonly payload: unknown
  readonly key: string | undefined
  /** The job's own concurrency key. */
  readonly limitKey: string | undefined
  readonly pool: PoolRecord
  readonly priority: number
  readonly delay: number
  readonly timeouts: Timeouts
  /** What the dispatcher is inside of. */
  readonly from: Inside | undefined
  readonly dispatchedIn: Run["dispatchedIn"]
  /** Told in the step that accepts: the fiber may be interrupted before it sees the task. */
  readonly accepted?: ((accepted: Accepted) => void) | undefined
  /** The task that this one replaces, whatever the job's policy. */
  readonly replaces?: TaskRecord
}

export interface Accepted {
  readonly task: TaskRecord
  readonly origin: Origin
  /** None for a kept result. */
  readonly ticket: Ticket | undefined
}

/** Accepts a request, refuses it, or finds that it must wait for room. A ring is thrown: it is a defect. */
export const accept = (request: Request, hasRoom: boolean): Accepted | DispatchErrorReason | "full" => {
  const refusal = refuse(request)
  if (refusal !== undefined) return refusal
  const { key, registration: { definition, job }, replaces } = request
  const earlier = replaces === undefined
    ? definition.unique === undefined ? undefined : job.keys.get(key!)
    : keyQueueBehind(replaces, key)
  const holder = earlier?.newest
  if (replaces === undefined) {
    if (holder !== undefined) {
      if (definition.unique === "reject") return new DuplicateTask({ taskId: holder.task.id, key: key! })
      if (definition.unique === "join" && isJoinable(holder)) return join(request, holder)
    } else if (definition.kept !== undefined) {
      const kept = job.kept.get(key!)
      if (kept !== undefined) return reuse(request, kept)
    }
  }
  const exempt = replaces !== undefined || (holder !== undefined && definition.unique === "supersede")
  if (!hasRoom && !exempt && taskAt(request.from) === undefined) return "full"
  const ring = earlier === undefined ? undefined : ringBehind(request.pool, earlier)
  if (ring !== undefined) throw ring
  const task = insert(request, earlier)
  if (exempt && holder !== undefined) {
    stopTask(holder, { _tag: "cancel", reason: replaces === undefined ? "superseded" : "recomputed" })
  }
  if (replaces !== undefined && key !== undefined) job.kept.remove(key)
  return { task, origin: "created", ticket: task.run }
}

const refuse = (request: Request): DispatchErrorReason | undefined => {
  const { machine, pool, registration } = request
  const from = taskAt(request.from)
  if (isClosed(machine, from) || isClosed(registration, from)) return new WorkerPoolClosed({})
  // a sealed pool still takes what its own unfinished tasks, and those below them, dispatch
  const open = !pool.done && !pool.canceled && (!pool.sealed || isWithin(pool, runAt(request.from)?.task))
  return open ? undefined : new PoolClosed({ poolId: pool.id })
}

/** What closes still takes what live tasks dispatch. */
const isClosed = ({ phase }: Machine | Registration, from: TaskRecord | undefined): boolean =>
  phase === "closed" || (phase === "closing" && from === undefined)

/** The defect of queueing in a pool behind a task that waits for it; one that is cancelled now ends its wait. */
const ringBehind = (pool: PoolRecord, { newest }: KeyQueue<Run>): WaitCycle | undefined => {
  for (let run = newest; run !== undefined; run = run.keyPlace!.ahead) {
    const ring = isJoinable(run) ? undefined : checkHold(pool, run.task)
    if (ring !== undefined) return ring
  }
  return undefined
}

const isJoinable = ({ task }: Run): boolean => task.state !== "Stopping" && task.state !== "Exited"

const join = (request: Request, holder: Run): Accepted => {
  const { pool, priority } = request
  const { task } = holder
  let ticket = ticketOf(pool, holder)
  if (ticket === undefined) {
    const ring: WaitCycle | undefined = checkHold(pool, task)
    if (ring !== undefined) throw ring
    ticket = hold(pool, holder)
  } else {
    ticket.holds++
  }
  if (priority > task.priority) setPriority(task, priority)
  task.machine.emit(event.joined, task, pool)
  return { task, origin: "joined", ticket }
}

const reuse = ({ pool }: Request, task: TaskRecord): Accepted => {
  countReuse(task, pool)
  task.machine.emit(event.reused, task, pool)
  return { task, origin: "reused", ticket: undefined }
}

const insert = (request: Request, earlier: KeyQueue<Run> | undefined): TaskRecord => {
  const { delay, from, key, machine, payload, pool, priority, registration, timeouts } = request
  const { definition, job } = registration
  machine.inStep++
  // it lives on after the layer that has closed: the next shutdown has a grace of its own
  if (machine.closings === 0 && from === undefined) machine.graceEnd = undefined
  const task = new TaskRecord(machine.nextNumber(), job, payload, pool, priority, machine.timers.recent())
  task.key = key
  const parentId = pool.makerId ?? runAt(from)?.task.id
  if (parentId !== pool.makerId) extrasOf(task).parentId = parentId
  if (timeouts !== definition.timeouts) extrasOf(task).timeouts = timeouts
  const run = new Run(task, registration, limitOf(request), timeouts)
  run.dispatchedIn = request.dispatchedIn
  run.limit?.retain()
  task.run = run
  machine.index?.add(task)
  machine.live++
  link(run)
  countNew(run)
  countDispatch(task)
  machine.emit(event.queued, task, priority, task.queuedAt)
  const keyQueue = earlier ?? (definition.unique === undefined ? undefined : keyQueueOf(job, key!))
  if (keyQueue !== undefined) {
    keyQueue.add(run)
    if (key !== undefined) machine.reconsider(keyConcern(job, key))
  }
  if (delay > 0 && !machine.settings.inline) postpone(run, delay)
  else queue(run)
  machine.inStep--
  return task
}

const keyQueueOf = ({ keys }: JobState, key: string): KeyQueue<Run> => {
  let queue = keys.get(key)
  if (queue === undefined) keys.set(key, queue = new KeyQueue(() => keys.delete(key)))
  return queue
}

/** The queue in which a replacement stands behind the task, and behind all that hold its key. */
const keyQueueBehind = ({ job, run }: TaskRecord, key: string | undefined): KeyQueue<Run> | undefined => {
  if (run?.keyPlace !== undefined) return run.keyPlace.queue
  if (job.definition.unique !== undefined) return keyQueueOf(job, key!)
  if (run === undefined) return undefined
  const queue = new KeyQueue<Run>()
  queue.add(run)
  return queue
}

const limitOf = ({ limitKey, machine, registration: { definition, job } }: Request): Limit | undefined => {
  const { concurrency } = definition
  if (concurrency === undefined) return undefined
  const key = limitKey ?? ""
  let limit = job.limits.get(key)
  if (limit === undefined) {
    limit = new Limit(concurrency.limit, [machine.ready, machine.resuming], () => job.limits.delete(key))
    job.limits.set(key, limit)
  }
  return limit
}
