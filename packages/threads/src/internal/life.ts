/** The life of a thread: its handlers are built, the main side is told, and what they dispatch goes there. */
import { WorkerPool } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import type { WorkerError } from "effect/workers/WorkerError"
import { WorkerRunnerPlatform } from "effect/workers/WorkerRunner"
import { inspect } from "node:util"
import { causeCodec } from "./codec.ts"
import { Parent } from "./parent.ts"
import { Peer } from "./peer.ts"
import type { Message } from "./protocol.ts"
import { answering } from "./serving.ts"

/** Runs until the main side closes the port; then the layer's finalizers run. */
export const serving = (
  layer: Layer.Layer<never, unknown, WorkerPool>
): Effect.Effect<void, WorkerError, WorkerRunnerPlatform | Scope.Scope> =>
  Effect.gen(function*() {
    const platform = yield* WorkerRunnerPlatform
    const runner = yield* platform.start<Message, Message>()
    const peer = new Peer((message, transfer) => runner.sendUnsafe(0, message, transfer))
    const port = { peer, closed: false }
    const live = layer.pipe(
      Layer.provideMerge(WorkerPool.layer({ workers: Infinity })),
      Layer.provideMerge(Layer.succeed(Parent, peer)),
      Layer.provideMerge(Logger.layer([logTo(port)]))
    )
    const listening = runner.run((_, message) => peer.receive(message)) as Effect.Effect<void, WorkerError>
    const scope = yield* Effect.scope
    yield* Effect.raceFirst(listening, Effect.andThen(boot(live, peer, scope), Effect.never))
    port.closed = true
    peer.close()
  })

const boot = (live: Layer.Layer<any, unknown>, peer: Peer, scope: Scope.Scope): Effect.Effect<void> =>
  Effect.gen(function*() {
    const built = yield* Effect.exit(Layer.buildWithScope(live, scope))
    if (Exit.isFailure(built)) return peer.post(["Failed", Cause.pretty(built.cause)])
    yield* Effect.sleep(0) // the rest of the module may still throw
    // handlers bring the context in which they were built
    peer.host = { answer: answering(built.value, peer), fork: (effect) => Effect.runFork(effect), log: () => {} }
    peer.post(["Ready"])
  })

/** Log lines go to the loggers of the main side, as lines of the task whose handler runs; when it has closed, to the console. */
const logTo = (port: { readonly peer: Peer, readonly closed: boolean }) =>
  Logger.make((line) => {
    if (port.closed) return Logger.defaultLogger.log(line)
    const { peer } = port
    const { cause, fiber, logLevel, message } = line
    const parts = Array.isArray(message) ? message : [message]
    const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
    peer.post(["Log", peer.newest, {
      level: logLevel,
      message: parts.map(sendable),
      cause: cause.reasons.length === 0 ? undefined : causeCodec.encode(cause).value,
      annotations: Object.fromEntries(annotations.map(([key, value]) => [key, sendable(value)])),
      spans: [...fiber.getRef(References.CurrentLogSpans)]
    }])
  })

const sendable = (value: unknown): unknown => {
  try {
    return structuredClone(value)
  } catch {
    return inspect(value) // `String` throws for what has no prototype
  }
}
