/** From a call to a request: registration, payload, key. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { DispatchError, InvalidPayload, JobNotRegistered, WorkerPoolClosed } from "../TaskError.ts"
import type { Accepted, Request } from "./accept.ts"
import { toDelay, toMillis, toPriority } from "./checks.ts"
import type { Definition, Timeouts } from "./definition.ts"
import { recordOf } from "./handles.ts"
import type { Machine } from "./machine.ts"
import type { DispatchOptions } from "./model.ts"
import { CurrentPlace, taskAt } from "./place.ts"
import type { Place, Registration, TaskRecord } from "./records.ts"
import { tracingOf } from "./span.ts"
import { nearest } from "./suggestion.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Read = (definition: Definition) => Exit.Exit<unknown, unknown>

/** Dispatches, for this fiber and now, a payload that `read` checks. */
export const dispatch = (
  fiber: AnyFiber,
  machine: Machine,
  tag: string,
  read: Read,
  options: DispatchOptions = {},
  accepted?: Request["accepted"]
): Effect.Effect<Accepted, DispatchError> => {
  const from = fiber.getRef(CurrentPlace)
  const registration = registrationOf(machine, tag, from)
  if (registration === undefined) return Effect.fail(notRegistered(machine, tag))
  const { definition } = registration
  const payload = read(definition)
  if (Exit.isFailure(payload)) return badPayload(tag, payload)
  return machine.admission.submit({
    machine,
    registration,
    payload: payload.value,
    key: definition.keyed ? definition.keyOf(payload.value) : undefined,
    gateKey: definition.concurrency?.key?.(payload.value),
    pool: options.pool === undefined ? machine.global : recordOf(options.pool, machine),
    priority: options.priority === undefined ? definition.priority : toPriority(options.priority, tag),
    delay: toDelay(options.delay, tag),
    timeouts: timeoutsOf(options, definition),
    from,
    dispatchedIn: tracingOf(fiber),
    accepted
  })
}

const timeoutsOf = ({ queueTimeout, timeout }: DispatchOptions, { tag, timeouts }: Definition): Timeouts =>
  timeout === undefined && queueTimeout === undefined ? timeouts : {
    timeout: timeout === undefined ? timeouts.timeout : toMillis(timeout, "timeout", tag),
    queueTimeout: queueTimeout === undefined
      ? timeouts.queueTimeout
      : toMillis(queueTimeout, "queueTimeout", tag)
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

/** Queues the work of a task again, behind that task, which is cancelled. */
export const recompute = (task: TaskRecord): Effect.Effect<Accepted, DispatchError> =>
  Effect.withFiber((fiber) => {
    const { job, machine } = task
    const from = fiber.getRef(CurrentPlace)
    const registration = registrationOf(machine, job.tag, from)
    if (registration === undefined) return Effect.fail(notRegistered(machine, job.tag))
    const { definition } = registration
    return Effect.tap(
      machine.admission.submit({
        machine,
        registration,
        payload: task.payload,
        key: definition.keyed ? task.key ?? definition.keyOf(task.payload) : undefined,
        gateKey: definition.concurrency?.key?.(task.payload),
        pool: task.pool,
        priority: task.priority,
        delay: 0,
        timeouts: task.extras?.timeouts ?? definition.timeouts,
        from,
        dispatchedIn: tracingOf(fiber),
        replaces: task
      }),
      () => Effect.sync(() => task.key !== undefined && job.kept.remove(task.key))
    )
  })

/** The newest registration that takes this dispatch. */
const registrationOf = (machine: Machine, tag: string, from: Place | undefined): Registration | undefined => {
  const registrations = machine.jobs.get(tag)?.registrations
  if (registrations === undefined) return undefined
  return registrations.findLast(isOpen) ?? (taskAt(from) === undefined ? undefined : registrations.findLast(isClosing))
}

const isOpen = ({ phase }: Registration): boolean => phase === "open"
const isClosing = ({ phase }: Registration): boolean => phase === "closing"

const notRegistered = (machine: Machine, tag: string): DispatchError => {
  const closing = machine.closed || (machine.jobs.get(tag)?.registrations.length ?? 0) > 0
  if (closing) return new DispatchError({ job: tag, reason: new WorkerPoolClosed({}) })
  const names = [...machine.jobs.values()].filter((job) => job.registrations.length > 0).map((job) => job.tag)
  return new DispatchError({ job: tag, reason: new JobNotRegistered({ suggestion: nearest(tag, names) }) })
}
