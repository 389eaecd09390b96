/**
 * The dashboard for scripts: the same contract as the page's, typed.
 *
 * @since 0.1.0
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type * as Scope from "effect/Scope"
import { DashboardRpcs } from "./Contract.ts"

/**
 * Where the dashboard is: its `url`, which may hold the token, as it was printed; a `token` beside it is preferred.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardClientOptions {
  readonly url: string | URL | Redacted.Redacted
  readonly token?: string | Redacted.Redacted | undefined
}

/**
 * A client of one dashboard: a function for each request of the contract. A connection that breaks fails what is under
 * way with `RpcClientError` and is made again.
 *
 * **Example** (Cancelling from a script what waits too long)
 *
 * ```ts no-run
 * import { DashboardClient } from "@effect-tasks/dashboard"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const dashboard = yield* DashboardClient
 *   const { tasks } = yield* dashboard.cancelMatching({ filter: "state:queued wait:>1h", reason: "too late" })
 *   yield* Effect.log(`canceled ${tasks} tasks`)
 * })
 *
 * const url = "http://127.0.0.1:4747/?token=0123456789abcdef"
 * await Effect.runPromise(program.pipe(Effect.provide(DashboardClient.layer({ url }))))
 * ```
 *
 * **Example** (Following the tasks)
 *
 * ```ts no-run
 * import { DashboardClient } from "@effect-tasks/dashboard"
 * import { Effect, Stream } from "effect"
 *
 * export const failures = Effect.gen(function*() {
 *   const dashboard = yield* DashboardClient
 *   yield* dashboard.watch({}).pipe(
 *     Stream.flatMap((message) => Stream.fromIterable(message._tag === "Delta" ? message.tasks : [])),
 *     Stream.filter((task) => task.exitStatus === "error"),
 *     Stream.runForEach((task) => Effect.log(`${task.id}: ${task.error}`))
 *   )
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class DashboardClient extends Context.Service<
  DashboardClient,
  RpcClient.RpcClient<RpcGroup.Rpcs<typeof DashboardRpcs>, RpcClientError>
>()("@effect-tasks/dashboard/DashboardClient") {
  /**
   * Connects while the Scope lives. It never fails by itself: a server that cannot be reached, or refuses the token, fails the
   * requests with `RpcClientError`.
   *
   * @since 0.1.0
   */
  static readonly make = (
    options: DashboardClientOptions
  ): Effect.Effect<DashboardClient["Service"], never, Scope.Scope> =>
    Effect.flatMap(
      Layer.build(protocol(options)),
      (context) => Effect.provideContext(RpcClient.make(DashboardRpcs, { disableTracing: true }), context)
    )

  /**
   * Connects while the layer lives, see `make`.
   *
   * @since 0.1.0
   */
  static readonly layer = (options: DashboardClientOptions): Layer.Layer<DashboardClient> =>
    Layer.effect(DashboardClient, DashboardClient.make(options))
}

const protocol = ({ token, url }: DashboardClientOptions) => {
  const target = new URL(textOf(url))
  const given = token ?? target.searchParams.get("token") ?? ""
  target.pathname = `${target.pathname.replace(/\/$/, "")}/rpc`
  target.search = target.hash = ""
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:"
  return RpcClient.layerProtocolSocket().pipe(
    Layer.provide(NodeSocket.layerWebSocket(target.href, { headers: { authorization: `Bearer ${textOf(given)}` } })),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: "unbounded" }))
  )
}

const textOf = (value: string | URL | Redacted.Redacted): string =>
  Redacted.isRedacted(value) ? Redacted.value(value) : String(value)
