/** From a checked dispatch to a stored task: what a backend is asked, and what it may do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Adopted, Placed, Request } from "../../Backend.ts"
import type { Any as AnyTask, Origin } from "../../Task.ts"
import type { DispatchError } from "../../TaskError.ts"
import { taskAt } from "../record/currentTask.ts"
import type { Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import { chain } from "../record/pool.ts"
import { rareOf, Run, timeoutsOf } from "../record/run.ts"
import { Stored } from "../record/stored.ts"
import { extrasOf, TaskRecord } from "../record/task.ts"
import { exit, queue } from "../transition/lifecycle.ts"
import { limitKeysOf } from "../transition/limits.ts"
import { accepted, type Circumstances, closed, type Dispatched, insert, join, refusal, reuse } from "./accept.ts"

/** Leaves a dispatch to the backend of its registration. */
export const store = (run: Run, how: Circumstances): Dispatched =>
  run.registration.backend!.submit(new StoreRequest(run, how)) as Dispatched // the handle of this very job

export class StoreRequest implements Request {
  readonly run: Run
  readonly how: Circumstances

  constructor(run: Run, how: Circumstances) {
    this.run = run
    this.how = how
  }

  get payload(): unknown {
    return this.run.task.payload
  }

  get key(): string | undefined {
    return this.run.task.key
  }

  get priority(): number {
    return this.run.task.priority
  }

  get depth(): number {
    return this.run.task.pool.depth
  }

  get delay(): number {
    return this.run.task.machine.settings.inline ? 0 : this.how.delay ?? 0
  }

  get timeout(): number {
    return timeoutsOf(this.run).timeout
  }

  get queueTimeout(): number {
    return timeoutsOf(this.run).queueTimeout
  }

  get parent(): Stored | undefined {
    return taskAt(this.how.from)?.extras?.stored
  }

  get owned(): boolean {
    const parent = taskAt(this.how.from)
    return parent !== undefined && chain(this.run.task.pool).some(({ maker }) => maker === parent)
  }

  get replaces(): Stored | undefined {
    return this.how.replaces?.extras?.stored
  }

  get refusal(): DispatchError | undefined {
    return refusalOf(this)
  }
}

const refusalOf = ({ how, run }: StoreRequest): DispatchError | undefined => {
  const reason = closed(run.registration, run.task.pool, how.from, how.cursor !== undefined)
  return reason === undefined ? undefined : refusal(run.task.job.tag, reason)
}

/** Accepts a dispatch that is stored, unless its pool has closed meanwhile. */
export const acceptStored = (
  request: StoreRequest,
  placed: Placed,
  origin: Origin
): Exit.Exit<AnyTask, DispatchError> => {
  const refused = refusalOf(request)
  if (refused !== undefined) return Exit.fail(refused)
  const { how, run } = request
  place(run, placed)
  insert(run, { ...how, delay: 0 }, undefined)
  return accepted(run.task, origin, how, run) as unknown as Exit.Success<AnyTask> // an Exit already
}

export const joinStored = ({ how, run }: StoreRequest, { task }: Stored): Effect.Effect<AnyTask> =>
  Effect.orDie(join(run.task, how, task.run!)) // a join is not refused

export const reuseStored = ({ how, run }: StoreRequest, { task }: Stored): Effect.Effect<AnyTask> =>
  Effect.orDie(reuse(run.task.pool, how, task)) // nor is a reuse

/** Takes in a stored task that nobody dispatched here: it belongs to GLOBAL. */
export const adopt = (machine: Machine, registration: Registration, adopted: Adopted): Stored => {
  const { key, parentId, payload, priority, queueTimeout, timeout } = adopted
  const { job } = registration
  const task = new TaskRecord(job, payload, machine.global, priority)
  task.key = key
  if (parentId !== undefined) extrasOf(task).parentId = parentId
  const run = new Run(task, registration)
  if (timeout !== Infinity || queueTimeout !== Infinity) rareOf(run).timeouts = { timeout, queueTimeout }
  rareOf(run).seen = true // its outcome is stored for those who look
  const stored = place(run, adopted)
  insert(run, { limitKeys: limitKeysOf(registration, payload) }, undefined)
  if (parentId !== undefined) extrasOf(task).parentId = parentId
  return stored
}

const place = ({ task }: Run, placed: Placed): Stored => {
  const stored = extrasOf(task).stored = new Stored(task, placed)
  task.attempt = placed.attempt
  task.machine.stored.set(placed.id, task)
  return stored
}

/** A parked task runs here from now on. */
export const claim = (stored: Stored, attempt: number, restarts: number): void => {
  const { task } = stored
  const { run } = task
  if (run === undefined || task.state !== "Queued" || stored.here) return
  stored.here = true
  stored.restarts = restarts
  task.attempt = attempt
  if (run.stop === undefined) queue(run)
  else exit(run, run.stop)
}
