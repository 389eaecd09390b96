/** From a call to a request: registration, payload, key. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { DispatchOptions } from "../../Job.ts"
import { DispatchError, InvalidPayload, JobNotRegistered, WorkerPoolClosed } from "../../TaskError.ts"
import { type Check, type Checks, read, refuse, subjectOf, toDelay, toMillis, toPriority } from "../job/checks.ts"
import type { Definition, Timeouts } from "../job/definition.ts"
import { nearest } from "../job/suggestion.ts"
import { tracingOf } from "../observe/span.ts"
import { CurrentTask, type Inside, taskAt } from "../record/currentTask.ts"
import type { Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { PoolRecord } from "../record/pool.ts"
import type { TaskRecord } from "../record/task.ts"
import type { Accepted, Request } from "./accept.ts"
import { submit } from "./admission.ts"
import { inline } from "./holding.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Read = (definition: Definition) => Exit.Exit<unknown, unknown>
type Dispatched = Effect.Effect<Accepted, DispatchError>

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

type Given = ReturnType<typeof read<typeof dispatchOptions>>

/** Dispatches, for this fiber and now, a payload that `payloadOf` checks. */
export const dispatch = (
  fiber: AnyFiber,
  machine: Machine,
  tag: string,
  payloadOf: Read,
  options: DispatchOptions | undefined,
  accepted?: Request["accepted"]
): Dispatched => {
  const from = fiber.getRef(CurrentTask)
  const registration = registrationOf(machine, tag, from)
  if (registration === undefined) return Effect.fail(notRegistered(machine, tag))
  const { definition } = registration
  const payload = payloadOf(definition)
  if (Exit.isFailure(payload)) return badPayload(tag, payload)
  const given: Given = options === undefined ? {} : read(options, dispatchOptions, subjectOf(tag))
  return request({
    machine,
    registration,
    payload: payload.value,
    key: definition.keyed ? definition.keyOf(payload.value) : undefined,
    limitKey: definition.concurrency?.key?.(payload.value),
    pool: given.pool === undefined ? machine.global : ofMachine(machine, given.pool),
    priority: given.priority ?? definition.priority,
    delay: given.delay ?? 0,
    timeouts: timeoutsOf(given, definition),
    from,
    dispatchedIn: tracingOf(fiber),
    accepted
  })
}

/** Queues the work of a task again, behind that task, which is cancelled. */
export const recompute = (task: TaskRecord): Dispatched =>
  Effect.withFiber((fiber) => {
    const { job, machine } = task
    const from = fiber.getRef(CurrentTask)
    const registration = registrationOf(machine, job.tag, from)
    if (registration === undefined) return Effect.fail(notRegistered(machine, job.tag))
    const { definition } = registration
    return request({
      machine,
      registration,
      payload: task.payload,
      key: definition.keyed ? task.key ?? definition.keyOf(task.payload) : undefined,
      limitKey: definition.concurrency?.key?.(task.payload),
      pool: task.pool,
      priority: task.priority,
      delay: 0,
      timeouts: task.extras?.timeouts ?? definition.timeouts,
      from,
      dispatchedIn: tracingOf(fiber),
      replaces: task
    })
  })

const request = (request: Request): Dispatched =>
  request.machine.settings.inline ? inline(request, submit) : submit(request)

const ofMachine = (machine: Machine, pool: PoolRecord): PoolRecord => {
  if (pool.machine !== machine) {
    throw new Error(`Pool ${pool.id} belongs to another WorkerPool: dispatch where the pool was made`)
  }
  return pool
}

const timeoutsOf = ({ queueTimeout, timeout }: Given, { timeouts }: Definition): Timeouts =>
  timeout === undefined && queueTimeout === undefined ? timeouts : {
    timeout: timeout ?? timeouts.timeout,
    queueTimeout: queueTimeout ?? timeouts.queueTimeout
  }

const badPayload = (job: string, { cause }: Exit.Failure<unknown, unknown>): Effect.Effect<never, DispatchError> => {
  const [reason] = cause.reasons
  return reason._tag === "Fail"
    ? Effect.fail(new DispatchError({ job, reason: new InvalidPayload({ issue: textOf(reason.error) }) }))
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
  return registrations.findLast(isOpen) ?? (taskAt(from) === undefined ? undefined : registrations.findLast(isClosing))
}

const isOpen = ({ phase }: Registration): boolean => phase === "open"
const isClosing = ({ phase }: Registration): boolean => phase === "closing"

const notRegistered = (machine: Machine, tag: string): DispatchError => {
  const closed = machine.closed || machine.jobs.get(tag)?.wasRegistered === true
  if (closed) return new DispatchError({ job: tag, reason: new WorkerPoolClosed({}) })
  const names = [...machine.jobs.values()].filter((job) => job.registrations.length > 0).map((job) => job.tag)
  return new DispatchError({ job: tag, reason: new JobNotRegistered({ suggestion: nearest(tag, names) }) })
}
