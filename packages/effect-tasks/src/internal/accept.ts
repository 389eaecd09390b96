/**
 * Accepting a dispatch: check, find the key's holder, insert. One synchronous step: a refused request leaves no trace.
 */
import { type DispatchErrorReason, DuplicateTask, PoolClosed, type WaitCycle, WorkerPoolClosed } from "../TaskError.ts"
import { countGuest, countNew, countReuse } from "./counting.ts"
import type { Timeouts } from "./definition.ts"
import { Gate } from "./gate.ts"
import { link, linkGuest, postpone, queue, setPriority } from "./lifecycle.ts"
import { Line } from "./line.ts"
import type { Machine } from "./machine.ts"
import { countDispatch } from "./metrics.ts"
import type { Origin } from "./model.ts"
import { runAt, taskAt } from "./place.ts"
import { extrasOf, type Place, type PoolRecord, type Registration, Run, TaskRecord } from "./records.ts"
import { checkJoin } from "./ring.ts"
import { stopTask } from "./stop.ts"
import * as told from "./told.ts"

/** A checked dispatch. */
export interface Request {
  readonly machine: Machine
  readonly registration: Registration
  readonly payload: unknown
  readonly key: string | undefined
  readonly gateKey: string | undefined
  readonly pool: PoolRecord
  readonly priority: number
  readonly delay: number
  readonly timeouts: Timeouts
  /** Where the dispatcher stands. */
  readonly from: Place | undefined
  readonly dispatchedIn: Run["dispatchedIn"]
  /** Told in the step that accepts: the fiber may be interrupted before it sees the task. */
  readonly accepted?: ((task: TaskRecord) => void) | undefined
  /** The task that this one replaces, whatever the job's policy. */
  readonly replaces?: TaskRecord
}

export interface Accepted {
  readonly task: TaskRecord
  readonly origin: Origin
}

/** Accepts a request, refuses it, or finds that it must wait for room. A ring is thrown: it is a defect. */
export const accept = (request: Request, hasRoom: boolean): Accepted | DispatchErrorReason | "full" => {
  const refusal = refuse(request)
  if (refusal !== undefined) return refusal
  const { key, machine, registration: { definition, job }, replaces } = request
  const line = replaces === undefined
    ? definition.unique === undefined ? undefined : job.lines.get(key!)
    : lineBehind(replaces)
  const holder = line?.newest
  if (replaces === undefined) {
    if (holder !== undefined) {
      if (definition.unique === "reject") return new DuplicateTask({ taskId: holder.task.id, key: key! })
      if (definition.unique === "join" && isJoinable(holder)) return join(request, holder)
    } else if (definition.kept !== undefined) {
      const kept = job.kept.get(key!, machine.timers.now())
      if (kept !== undefined) return reuse(request, kept)
    }
  }
  const exempt = holder !== undefined && (replaces !== undefined || definition.unique === "supersede")
  if (!hasRoom && !exempt && taskAt(request.from) === undefined) return "full"
  const task = insert(request, line)
  if (exempt) stopTask(holder, { _tag: "cancel", reason: replaces === undefined ? "superseded" : "recomputed" })
  return { task, origin: "created" }
}

const refuse = (request: Request): DispatchErrorReason | undefined => {
  const { machine, pool, registration } = request
  const from = taskAt(request.from)
  if (machine.closed || registration.phase === "closed" || (registration.phase === "closing" && from === undefined)) {
    return new WorkerPoolClosed({})
  }
  const open = !pool.done && !pool.canceled && (!pool.sealed || isWithin(pool, runAt(request.from)?.task))
  return open ? undefined : new PoolClosed({ poolId: pool.id })
}

/** A sealed pool still takes what its own unfinished tasks, and those below them, dispatch. */
const isWithin = (pool: PoolRecord, from: TaskRecord | undefined): boolean => {
  const above = new Set(from === undefined ? [] : [from])
  // a Set iterates on over what is added meanwhile: a shared task is below the makers of all pools that hold it
  for (const task of above) {
    for (const holder of task.run?.holders ?? [task.pool]) {
      if (holder === pool) return true
      if (holder.createdBy !== undefined) above.add(holder.createdBy)
    }
  }
  return false
}

const isJoinable = ({ task }: Run): boolean => task.state !== "Stopping" && task.state !== "Exited"

const join = (request: Request, holder: Run): Accepted => {
  const { pool, priority } = request
  const { task } = holder
  const { sharing } = holder
  const held = pool === task.pool ? sharing?.leftHome !== true : sharing?.guestOf.has(pool) === true
  if (!held) {
    const ring: WaitCycle | undefined = checkJoin(pool, task)
    if (ring !== undefined) throw ring
    linkGuest(pool, holder)
    countGuest(holder, pool)
  }
  holder.holds++
  if (priority > task.priority) setPriority(task, priority)
  task.machine.emit(told.joined, task, pool)
  return { task, origin: "joined" }
}

const reuse = ({ pool }: Request, task: TaskRecord): Accepted => {
  countReuse(task, pool)
  task.machine.emit(told.reused, task, pool)
  return { task, origin: "reused" }
}

const insert = (request: Request, line: Line | undefined): TaskRecord => {
  const { delay, from, key, machine, payload, pool, priority, registration, timeouts } = request
  const { definition, job } = registration
  const task = new TaskRecord(machine.nextNumber(), job, payload, pool, priority, machine.timers.now())
  task.key = key
  const parent = pool.createdBy ?? runAt(from)?.task
  if (parent !== pool.createdBy) extrasOf(task).parentId = parent!.id
  if (timeouts !== definition.timeouts) extrasOf(task).timeouts = timeouts
  const run = new Run(task, registration, gateOf(request), timeouts)
  run.dispatchedIn = request.dispatchedIn
  run.gate?.retain()
  task.run = run
  job.tasks.add(task)
  machine.live++
  link(pool, run)
  countNew(task)
  countDispatch(task)
  machine.emit(told.queued, task)
  const place = line ?? (definition.unique === undefined ? undefined : openLine(registration, key!))
  if (place !== undefined) {
    place.add(run)
    machine.admission.look(job, key)
  }
  if (delay > 0 && !machine.instant) postpone(run, delay)
  else queue(run)
  return task
}

const openLine = ({ job }: Registration, key: string): Line => {
  const line = new Line(() => job.lines.delete(key))
  job.lines.set(key, line)
  return line
}

/** The line in which a replacement stands behind the task. */
const lineBehind = (task: TaskRecord): Line | undefined => {
  if (task.job.definition.unique !== undefined) return task.job.lines.get(task.key!)
  const { run } = task
  if (run === undefined) return undefined
  if (run.inLine === undefined) new Line().add(run)
  return run.inLine!.line
}

const gateOf = ({ gateKey, machine, registration: { definition, job } }: Request): Gate | undefined => {
  const { concurrency } = definition
  if (concurrency === undefined) return undefined
  const key = gateKey ?? ""
  let gate = job.gates.get(key)
  if (gate === undefined) {
    gate = new Gate(concurrency.limit, [machine.ready, machine.resuming], () => job.gates.delete(key))
    job.gates.set(key, gate)
  }
  return gate
}
