/** The asking end: the handler of a task whose work runs at the other end of a peer. */
import type { Task } from "effect-tasks"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type { JobCodec } from "./codec.ts"
import type { Caller, Peer } from "./peer.ts"
import type { Request } from "./protocol.ts"

export type AnyTaskContext = Task.TaskContext<any, any, any, any>

/** Runs the job at the other end, as the work of this task. Nothing: the port has closed before the end. */
export const call = (
  peer: Peer,
  codec: JobCodec,
  payload: unknown,
  task: AnyTaskContext,
  extra: Partial<Request>,
  caller: Caller
): Effect.Effect<Exit.Exit<unknown, unknown> | undefined> =>
  Effect.withFiber((fiber) => {
    const request = requestOf(fiber, codec, payload, task, extra)
    const answer = peer.call(request, {
      onProgress: (progress) => void Effect.runSync(task.report(codec.progress.decode(progress))),
      messages: codec.hasMessages ? { inbox: task.inbox, codec: codec.message } : undefined,
      ...caller
    })
    return Effect.map(
      answer,
      (answer) => answer === undefined || Exit.isExit(answer) ? answer : codec.decodeExit(answer)
    )
  })

const requestOf = (
  fiber: Fiber.Fiber<unknown, unknown>,
  codec: JobCodec,
  payload: unknown,
  task: AnyTaskContext,
  extra: Partial<Request>
): Request => {
  const { span } = fiber.cache
  const logLevel = fiber.getRef(References.MinimumLogLevel)
  const progress = task.attempt > 1 && codec.hasProgress ? latestOf(codec, task) : undefined
  return {
    job: codec.tag,
    // what is transferred is lost here, and a payload is needed again: by a retry, `recompute`, whoever looks at the task
    payload: codec.payload.encode(payload).value,
    id: task.id,
    attempt: task.attempt,
    // what is not there costs nothing to send
    ...progress === undefined ? undefined : { progress },
    ...span === undefined ? undefined : { span: { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled } },
    ...logLevel === "Info" ? undefined : { logLevel },
    ...extra
  }
}

/** A task tells its progress to `update` alone; what that throws changes nothing. */
const latestOf = (codec: JobCodec, task: AnyTaskContext): Request["progress"] => {
  let latest = Option.none<unknown>()
  Effect.runSyncExit(task.update((current) => {
    latest = current
    throw latest
  }))
  return Option.isNone(latest) ? undefined : [codec.progress.encode(latest.value).value]
}
