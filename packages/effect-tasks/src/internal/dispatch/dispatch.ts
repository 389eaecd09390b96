/** From a call to a task that may be accepted: registration, payload, key. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { DispatchAllOptions, DispatchOptions } from "../../Job.ts"
import { type DispatchError, InvalidPayload, JobNotRegistered, WorkerPoolClosed } from "../../TaskError.ts"
import {
  type Check,
  type Checks,
  read,
  refuse,
  toDelay,
  toInteger,
  toMillis,
  toOptions,
  toPriority
} from "../job/checks.ts"
import type { Definition, Timeouts } from "../job/definition.ts"
import { nearest } from "../job/suggestion.ts"
import { tracingOf } from "../observe/span.ts"
import { CurrentTask, type Inside, nodeOf, taskAt } from "../record/currentTask.ts"
import type { Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { PoolRecord } from "../record/pool.ts"
import { rareOf, Run } from "../record/run.ts"
import { TaskRecord } from "../record/task.ts"
import { limitKeysOf } from "../transition/limits.ts"
import { type Circumstances, closed, type Dispatched, refusal } from "./accept.ts"
import { submit as admit } from "./admission.ts"
import { Cursor } from "./cursor.ts"
import { inline } from "./holding.ts"
import { store } from "./stored.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The record behind a pool. */
const toPool: Check<PoolRecord> = (pool, option, subject) => {
  const record = (pool as { readonly record?: PoolRecord } | null)?.record // only this library makes pools
  return record?.machine === undefined ? refuse(subject, option, pool, "give a TaskPool") : record
}

const dispatchOptions = {
  pool: toPool,
  priority: toPriority,
  delay: toDelay,
  timeout: toMillis,
  queueTimeout: toMillis
} satisfies Checks<DispatchOptions>

const bulkOptions = { ...dispatchOptions, ahead: toInteger(1) } satisfies Checks<DispatchAllOptions>

const usualAhead = 64

/** Options that a later dispatch will be given. */
export const toDispatchOptions: Check<DispatchOptions> = (value, option, subject) => {
  read(value, dispatchOptions, subject, option)
  return value as DispatchOptions // all of them are checked
}

/** Dispatches, for this fiber and now, an input that is checked, or decoded from its JSON form where no check is given. */
export const dispatch = (
  fiber: AnyFiber,
  machine: Machine,
  tag: string,
  input: unknown,
  check: Definition["check"] | undefined,
  options: DispatchOptions | undefined,
  accepted?: Circumstances["accepted"]
): Dispatched => {
  const from = fiber.getRef(CurrentTask)
  const registration = registrationOf(machine, tag, from)
  if (registration === undefined) return Effect.fail(notRegistered(machine, tag))
  const { definition } = registration
  const payload = (check ?? definition.decode)(input)
  if (payload._tag === "Failure") return badPayload(tag, payload)
  if (options !== undefined) toOptions(options, dispatchOptions, definition.subject)
  giveWay(fiber, machine.ready.size)
  const task = new TaskRecord(
    registration.job,
    payload.value,
    poolOf(options, machine, definition),
    definition.priority
  )
  if (options?.priority !== undefined) task.priority = toPriority(options.priority, "priority", definition.subject)
  if (definition.keyed) task.key = definition.keyOf(payload.value)
  const run = runFor(task, registration, fiber, timeoutsOf(options, definition))
  const limitKeys = limitKeysOf(registration, payload.value)
  const delay = delayOf(options, definition)
  const plain = from === undefined && limitKeys === undefined && delay === 0 && accepted === undefined
  return submitted(run, plain ? plainly : { from, limitKeys, delay, accepted })
}

const delayOf = (options: DispatchOptions | undefined, { delay, subject }: Definition): number =>
  options?.delay === undefined ? delay : toDelay(options.delay, "delay", subject)

/** How many tasks of a checked bulk may wait unstarted. */
export const toAhead = (options: DispatchAllOptions, { subject }: Definition): number =>
  read(options, bulkOptions, subject).ahead ?? usualAhead

/** Many dispatches of this fiber as one entry of the ready queue, with checked options; or why there can be none. */
export const openCursor = (
  fiber: AnyFiber,
  machine: Machine,
  definition: Definition,
  ahead: number,
  options: DispatchOptions
): Cursor | DispatchError => {
  const { check, tag } = definition
  const timeouts = timeoutsOf(options, definition)
  const delay = delayOf(options, definition)
  const from = fiber.getRef(CurrentTask)
  const registration = registrationOf(machine, tag, from)
  if (registration === undefined) return notRegistered(machine, tag)
  const pool = poolOf(options, machine, definition)
  const reason = closed(registration, pool, from, false)
  if (reason !== undefined) return refusal(tag, reason)
  const { priority = definition.priority } = options
  return new Cursor({
    job: tag,
    pool,
    priority,
    ahead,
    from: nodeOf(fiber),
    dispatch: (item, cursor) => {
      const registration = registrationOf(machine, tag, from)
      if (registration === undefined) return Effect.fail(notRegistered(machine, tag))
      const payload = check(item)
      if (payload._tag === "Failure") return badPayload(tag, payload)
      const task = new TaskRecord(registration.job, payload.value, pool, priority)
      if (definition.keyed) task.key = definition.keyOf(payload.value)
      const limitKeys = limitKeysOf(registration, payload.value)
      return submitted(runFor(task, registration, fiber, timeouts), { from, limitKeys, delay, cursor })
    },
    refused: () => {
      const newest = registrationOf(machine, tag, from)
      return newest === undefined ? notRegistered(machine, tag).reason : closed(newest, pool, from, true)
    }
  })
}

const plainOptions: DispatchOptions = {}
const plainly: Circumstances = {}

/** Queues the work of a task again, behind that task, which is cancelled. */
export const recompute = (task: TaskRecord): Dispatched =>
  Effect.withFiber((fiber) => {
    const { job, machine, payload } = task
    const from = fiber.getRef(CurrentTask)
    const registration = registrationOf(machine, job.tag, from)
    if (registration === undefined) return Effect.fail(notRegistered(machine, job.tag))
    const { definition } = registration
    const again = new TaskRecord(job, payload, task.pool, task.priority)
    if (definition.keyed) again.key = task.key ?? definition.keyOf(payload)
    const limitKeys = limitKeysOf(registration, payload)
    return submitted(runFor(again, registration, fiber, task.extras?.timeouts), { from, limitKeys, replaces: task })
  })

const runFor = (
  task: TaskRecord,
  registration: Registration,
  fiber: AnyFiber,
  timeouts: Timeouts | undefined
): Run => {
  const run = new Run(task, registration)
  const dispatchedIn = tracingOf(fiber)
  if (timeouts !== undefined) rareOf(run).timeouts = timeouts
  if (dispatchedIn !== undefined) rareOf(run).dispatchedIn = dispatchedIn
  return run
}

const submitted = (run: Run, how: Circumstances): Dispatched => {
  const submit = run.registration.backend === undefined ? admit : store
  const waits = run.task.machine.settings.inline && how.accepted === undefined // its owner waits for it
  return waits ? inline(run, how, submit) : submit(run, how)
}

const plenty = 512
/** So many continuations Effect calls inside one another, and counts them in the lower bits of the fiber's steps. */
const inlineSteps = 32

/**
 * While plenty of tasks are ready a dispatch counts as many steps of its fiber, which yields to them by Effect's own rule:
 * a short queue stays in the caches, and a flood of dispatches holds no memory.
 */
const giveWay = (fiber: AnyFiber, ready: number): void => {
  if (ready < plenty) return
  const steps = fiber as { currentOpCount: number } // read-only for those who do not speak for the fiber
  steps.currentOpCount += ready < 4 * plenty ? inlineSteps : 2 * inlineSteps
}

const poolOf = (options: DispatchOptions | undefined, machine: Machine, { subject }: Definition): PoolRecord => {
  if (options?.pool === undefined) return machine.global
  const pool = toPool(options.pool, "pool", subject)
  if (pool.machine !== machine) {
    throw new Error(`Pool ${pool.id} belongs to another WorkerPool: dispatch where the pool was made`)
  }
  return pool
}

/** None where they are the job's own. */
const timeoutsOf = (options: DispatchOptions | undefined, { subject, timeouts }: Definition): Timeouts | undefined => {
  const { queueTimeout, timeout } = options ?? plainOptions
  if (timeout === undefined && queueTimeout === undefined) return undefined
  return {
    timeout: timeout === undefined ? timeouts.timeout : toMillis(timeout, "timeout", subject),
    queueTimeout: queueTimeout === undefined ? timeouts.queueTimeout : toMillis(queueTimeout, "queueTimeout", subject)
  }
}

const badPayload = (job: string, { cause }: Exit.Failure<unknown, unknown>): Effect.Effect<never, DispatchError> => {
  const [reason] = cause.reasons
  return reason._tag === "Fail"
    ? Effect.fail(refusal(job, new InvalidPayload({ issue: textOf(reason.error) })))
    : Effect.failCause(cause as never) // a Schema that dies is a defect
}

const format = SchemaIssue.makeFormatterDefault()

const textOf = (error: unknown): string =>
  typeof error === "string"
    ? error
    : Schema.isSchemaError(error)
    ? error.message
    : format(error as SchemaIssue.Issue) // `makeEffect` fails with the bare issue

/** The newest registration that takes this dispatch. */
const registrationOf = (machine: Machine, tag: string, from: Inside | undefined): Registration | undefined => {
  const registrations = machine.jobs.get(tag)?.registrations
  if (registrations === undefined) return undefined
  const newest = registrations[registrations.length - 1]
  if (newest?.phase === "open") return newest
  return registrations.findLast(isOpen) ?? (taskAt(from) === undefined ? undefined : registrations.findLast(isClosing))
}

const isOpen = ({ phase }: Registration): boolean => phase === "open"
const isClosing = ({ phase }: Registration): boolean => phase === "closing"

const notRegistered = (machine: Machine, tag: string): DispatchError => {
  const closed = machine.closed || machine.jobs.get(tag)?.wasRegistered === true
  if (closed) return refusal(tag, new WorkerPoolClosed({}))
  const names = [...machine.jobs.values()].filter((job) => job.registrations.length > 0).map((job) => job.tag)
  return refusal(tag, new JobNotRegistered({ suggestion: nearest(tag, names) }))
}
