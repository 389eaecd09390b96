/** From a call to a request: registration, payload, key. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { DispatchError, InvalidPayload, JobNotRegistered, WorkerPoolClosed } from "../TaskError.ts"
import type { Accepted, Request } from "./accept.ts"
import { toDelay, toMillis, toPriority } from "./checks.ts"
import type { Definition } from "./definition.ts"
import { recordOf } from "./handles.ts"
import type { Machine } from "./machine.ts"
import type { DispatchOptions } from "./model.ts"
import { taskOf } from "./place.ts"
import type { Registration, TaskRecord } from "./records.ts"
import { nearest } from "./suggestion.ts"

type AnyFiber = Request["fiber"]
type Read = (definition: Definition) => Exit.Exit<unknown, unknown>

/** Dispatches a payload that `read` checks. */
export const dispatch = (
  machine: Machine,
  tag: string,
  read: Read,
  options: DispatchOptions = {}
): Effect.Effect<Accepted, DispatchError> =>
  Effect.withFiber((fiber) => {
    const registration = registrationOf(machine, tag, fiber)
    if (registration === undefined) return Effect.fail(notRegistered(machine, tag))
    const { definition } = registration
    const payload = read(definition)
    if (Exit.isFailure(payload)) {
      const [reason] = payload.cause.reasons
      if (reason._tag !== "Fail") return Effect.failCause(payload.cause as never) // a Schema that dies is a defect
      return Effect.fail(new DispatchError({ job: tag, reason: new InvalidPayload({ issue: textOf(reason.error) }) }))
    }
    return submit(machine, tag, {
      machine,
      registration,
      payload: payload.value,
      key: definition.keyed ? definition.keyOf(payload.value) : undefined,
      gateKey: definition.concurrency?.key?.(payload.value),
      pool: options.pool === undefined ? machine.global : recordOf(options.pool, machine),
      priority: options.priority === undefined ? definition.priority : toPriority(options.priority, tag),
      delay: toDelay(options.delay, tag),
      timeout: options.timeout === undefined ? definition.timeout : toMillis(options.timeout, "timeout", tag),
      queueTimeout: options.queueTimeout === undefined
        ? definition.queueTimeout
        : toMillis(options.queueTimeout, "queueTimeout", tag),
      fiber
    })
  })

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
    const registration = registrationOf(machine, job.tag, fiber)
    if (registration === undefined) return Effect.fail(notRegistered(machine, job.tag))
    const { definition } = registration
    return Effect.tap(
      submit(machine, job.tag, {
        machine,
        registration,
        payload: task.payload,
        key: task.key,
        gateKey: definition.concurrency?.key?.(task.payload),
        pool: task.pool,
        priority: task.priority,
        delay: 0,
        timeout: task.options.timeout,
        queueTimeout: task.options.queueTimeout,
        fiber,
        replaces: task
      }),
      () => Effect.sync(() => task.key !== undefined && job.kept.remove(task.key))
    )
  })

const submit = (machine: Machine, job: string, request: Request): Effect.Effect<Accepted, DispatchError> =>
  Effect.mapError(machine.admission.submit(request), (reason) => new DispatchError({ job, reason }))

/** The newest registration that takes this dispatch. */
const registrationOf = (machine: Machine, tag: string, fiber: AnyFiber): Registration | undefined => {
  const registrations = machine.jobs.get(tag)?.registrations ?? []
  return registrations.findLast(({ phase }) => phase === "open") ??
    (taskOf(fiber) === undefined ? undefined : registrations.findLast(({ phase }) => phase === "closing"))
}

const notRegistered = (machine: Machine, tag: string): DispatchError => {
  const closing = machine.closed || (machine.jobs.get(tag)?.registrations.length ?? 0) > 0
  if (closing) return new DispatchError({ job: tag, reason: new WorkerPoolClosed({}) })
  const names = [...machine.jobs.values()].filter((job) => job.registrations.length > 0).map((job) => job.tag)
  return new DispatchError({ job: tag, reason: new JobNotRegistered({ suggestion: nearest(tag, names) }) })
}
