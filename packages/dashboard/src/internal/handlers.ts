/** The answers to each request. */
import { WorkerPool } from "effect-tasks"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Socket as Connection } from "node:net"
import { ActionGuard, DashboardRpcs, ReadOnly } from "../Contract.ts"
import * as actions from "./actions.ts"
import type { Answers } from "./connections.ts"
import type { Hub } from "./hub.ts"
import { inspect } from "./inspect.ts"
import { text } from "./limits.ts"
import { RecentLogs, RecentSpans } from "./recent.ts"
import { connectionOf } from "./server.ts"
import { bounded } from "./text.ts"
import type { Pauses } from "./why.ts"

type AnswersOf = (connection: Connection) => Answers

/** `scope` outlives each answer: what was cancelled goes on stopping in it. */
export const handlers = (hub: Hub, scope: Scope.Scope, answers: AnswersOf) =>
  DashboardRpcs.toLayer(Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    const clock = yield* Clock.Clock
    const logs = yield* RecentLogs
    const spans = yield* RecentSpans
    const actor: actions.Actor = { workerPool, runtime: hub.runtime, scope }
    const pauses: Pauses = { latest: undefined }
    const inspector = { hub, logs, spans, pauses }
    return DashboardRpcs.of({
      watch: ({ resume }) => hub.watch(resume),
      inspect: ({ taskId }) =>
        inTurn(answers, Effect.flatMap(Clock.currentTimeMillis, (now) => inspect(inspector, taskId, now))),
      cancelTask: ({ reason, taskId }) => actions.cancelTask(actor, taskId, reason),
      cancelPool: ({ poolId, reason }) => actions.cancelPool(actor, poolId, reason),
      cancelTasks: ({ reason, taskIds }) => actions.cancelTasks(actor, taskIds, reason),
      cancelMatching: ({ dryRun, filter, reason }) => actions.cancelMatching(actor, filter, reason, dryRun === true),
      setPriority: ({ priority, taskId }) =>
        Effect.tap(
          actions.setPriority(actor, taskId, priority),
          () => Effect.sync(() => hub.session()?.tasks.refresh([taskId], clock.currentTimeMillisUnsafe()))
        ),
      runAgain: ({ payload, taskId }) => actions.runAgain(actor, taskId, payload),
      runTasksAgain: ({ taskIds }) => actions.runTasksAgain(actor, taskIds),
      pause: () =>
        Effect.flatMap(whoAsks, (who) => {
          pauses.latest = { who, at: clock.currentTimeMillisUnsafe() }
          return workerPool.pause
        }),
      resume: () => workerPool.resume,
      resize: ({ workers }) => workerPool.resize(workers),
      drain: () => workerPool.drain
    })
  }))

/** Only when the one who asks has read what it asked for earlier. */
const inTurn = <A, E, R>(answers: AnswersOf, answer: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.serviceOption(HttpServerRequest.HttpServerRequest),
    (request) => Option.isNone(request) ? answer : answers(connectionOf(request.value)).inTurn(answer)
  )

const whoAsks: Effect.Effect<string> = Effect.map(
  Effect.serviceOption(HttpServerRequest.HttpServerRequest),
  (request) => Option.getOrElse(Option.flatMap(request, ({ remoteAddress }) => remoteAddress), () => "unknown")
)

/** Refuses where the server only shows, and tells the log who does what. */
export const guard = (readonly: boolean, answers: AnswersOf): Layer.Layer<ActionGuard> =>
  Layer.succeed(
    ActionGuard,
    ActionGuard.of((effect, { payload, rpc: { _tag: action } }) =>
      Effect.gen(function*() {
        const who = yield* whoAsks
        const annotated = Effect.annotateLogs({ who, action, what: describe(payload) })
        const isCount = (payload as { readonly dryRun?: boolean } | undefined)?.dryRun === true
        if (readonly) {
          yield* annotated(Effect.logWarning(`Dashboard: ${action} refused, the server is read-only`))
          return yield* new ReadOnly({ action })
        }
        if (!isCount) yield* annotated(Effect.logInfo(`Dashboard: ${action}`))
        // the wait for the end of all work may be long, and its answer is short
        return yield* action === "drain" ? effect : inTurn(answers, effect)
      })
    )
  )

/** On one line, so that nobody can write lines of their own into the log; an edited payload may hold secrets. */
const describe = (payload: unknown): string =>
  bounded(
    JSON.stringify(
      payload ?? {},
      (name, value: unknown) =>
        name === "payload" && typeof value === "string"
          ? `<${value.length} characters>`
          : Array.isArray(value) && value.length > 20
          ? [...value.slice(0, 20), `and ${value.length - 20} more`]
          : value
    ),
    text.log
  )
