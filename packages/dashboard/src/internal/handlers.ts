/** The answers to each request. */
import { WorkerPool } from "effect-tasks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { ActionGuard, DashboardRpcs, ReadOnly } from "../Contract.ts"
import * as actions from "./actions.ts"
import { CurrentLogBook, CurrentSpanBook } from "./book.ts"
import type { Hub } from "./hub.ts"
import { inspect } from "./inspect.ts"
import { encodeWith } from "./payload.ts"

/** `scope` outlives each answer: what was cancelled goes on stopping in it. */
export const handlers = (hub: Hub, scope: Scope.Scope) =>
  DashboardRpcs.toLayer(Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    const logs = yield* CurrentLogBook
    const spans = yield* CurrentSpanBook
    const encode = encodeWith(hub.runtime)
    const actor: actions.Actor = { workerPool, runtime: hub.runtime, encode, scope }
    const inspector = { hub, encode, logs, spans }
    return DashboardRpcs.of({
      watch: ({ resume }) => hub.watch(resume),
      inspect: ({ taskId }) => Effect.flatMap(Clock.currentTimeMillis, (now) => inspect(inspector, taskId, now)),
      cancelTask: ({ reason, taskId }) => actions.cancelTask(actor, taskId, reason),
      cancelPool: ({ poolId, reason }) => actions.cancelPool(actor, poolId, reason),
      cancelMatching: ({ dryRun, filter, reason }) => actions.cancelMatching(actor, filter, reason, dryRun === true),
      setPriority: ({ priority, taskId }) =>
        Effect.tap(
          actions.setPriority(actor, taskId, priority),
          () => Effect.sync(() => hub.session()?.tasks.refresh([taskId]))
        ),
      runAgain: ({ payload, taskId }) => actions.runAgain(actor, taskId, payload),
      pause: () => workerPool.pause,
      resume: () => workerPool.resume,
      resize: ({ workers }) => workerPool.resize(workers),
      drain: () => workerPool.drain
    })
  }))

/** Refuses where the server only shows, and tells the log who does what. */
export const guard = (readonly: boolean): Layer.Layer<ActionGuard> =>
  Layer.succeed(
    ActionGuard,
    ActionGuard.of((effect, { payload, rpc: { _tag: action } }) =>
      Effect.gen(function*() {
        const request = yield* Effect.serviceOption(HttpServerRequest.HttpServerRequest)
        const who = Option.getOrElse(Option.flatMap(request, ({ remoteAddress }) => remoteAddress), () => "unknown")
        const annotated = Effect.annotateLogs({ who, action, what: describe(payload) })
        if (readonly) {
          yield* annotated(Effect.logWarning(`Dashboard: ${action} refused, the server is read-only`))
          return yield* new ReadOnly({ action })
        }
        yield* annotated(Effect.logInfo(`Dashboard: ${action}`))
        return yield* effect
      })
    )
  )

/** On one line, so that nobody can write lines of their own into the log; an edited payload may hold secrets. */
const describe = (payload: unknown): string =>
  JSON.stringify(
    payload ?? {},
    (name, value: unknown) => name === "payload" && typeof value === "string" ? `<${value.length} characters>` : value
  )
