/** The connection: it is made again whenever it breaks, and goes on by position where it was. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { DashboardRpcs } from "../../../src/Contract.ts"
import { connection } from "./signals.ts"
import { store } from "./store.ts"

export type Client = RpcClient.RpcClient<RpcGroup.Rpcs<typeof DashboardRpcs>, RpcClientError>

let client: Client | undefined

const address = () => {
  const url = new URL("rpc", location.href)
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
  url.hash = ""
  return url.href
}

const protocol = Layer.suspend(() =>
  RpcClient.layerProtocolSocket({ retryPolicy: Schedule.recurs(0) }).pipe(
    Layer.provide(Socket.layerWebSocket(address())),
    Layer.provide(Socket.layerWebSocketConstructorGlobal),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: "unbounded" }))
  )
)

/** One connection, from the first message to the last. */
const session = Effect.gen(function*() {
  const made = yield* RpcClient.make(DashboardRpcs, { disableTracing: true })
  client = made
  const { position } = store
  yield* made.watch(position === undefined || !store.isReady ? {} : { resume: position }).pipe(
    Stream.runForEach((message) => Effect.sync(() => store.apply(message)))
  )
}).pipe(
  Effect.ensuring(Effect.sync(() => client = undefined)),
  Effect.provide(protocol),
  Effect.scoped
)

/** Watches for ever. */
export const watch = Effect.gen(function*() {
  let attempts = 0
  while (true) {
    const exit = yield* Effect.exit(session)
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    attempts = connection.peek()._tag === "lost" ? attempts + 1 : 1
    connection.value = error?._tag === "TooManyViewers"
      ? { _tag: "full", limit: error.limit }
      : { _tag: "lost", attempts }
    yield* Effect.sleep(Math.min(3_000, 250 * 1.6 ** (attempts - 1)))
  }
})

export type Answer<A> =
  | { readonly ok: true, readonly value: A }
  | { readonly ok: false, readonly tag: string, readonly text: string }

/** Asks the server, and says in words what went wrong. */
export const ask = async <A, E extends { readonly _tag: string }>(
  request: (client: Client) => Effect.Effect<A, E>
): Promise<Answer<A>> => {
  if (client === undefined) return { ok: false, tag: "Disconnected", text: "There is no connection to the server." }
  const exit = await Effect.runPromiseExit(request(client))
  if (Exit.isSuccess(exit)) return { ok: true, value: exit.value }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return { ok: false, tag: error?._tag ?? "Defect", text: sentence(error) }
}

const sentence = (error: { readonly _tag: string } | undefined): string => {
  const { id, issue, reason, what } = { id: "", issue: "", reason: "", what: "", ...error }
  switch (error?._tag) {
    case "ReadOnly":
      return "This dashboard only shows: actions are off."
    case "NotFound":
      return `The runtime no longer knows the ${what} ${id}.`
    case "InvalidPayload":
    case "InvalidFilter":
      return issue
    case "Refused":
      return reason
    case "RpcClientError":
      return "The connection broke before the answer came."
    default:
      return "The server could not do it; its log says more."
  }
}
