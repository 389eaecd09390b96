/**
 * The server: a web page on which a person watches the tasks of this process run, and acts on them.
 *
 * It shows what the runtime does and never slows it down for show: nothing is subscribed to while nobody watches. It
 * listens on loopback only and asks for a token that is new in each run.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { WorkerPool } from "effect-tasks"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { guard, handlers } from "./internal/handlers.ts"
import { makeHub } from "./internal/hub.ts"
import { makeAccess, makeToken, shortestToken } from "./internal/security.ts"
import { listen, makeApp, pageApp, rpcApp } from "./internal/server.ts"
import { bounded, nameText } from "./internal/text.ts"

/**
 * Options of `Dashboard.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardOptions {
  /** Where to listen; loopback unless given, and anything else is for networks that you trust: there is no encryption. */
  readonly host?: string | undefined
  /** 4747 unless given; 0 for any free one. */
  readonly port?: number | undefined
  /** At least 16 characters; random in each run unless given. */
  readonly token?: string | Redacted.Redacted | undefined
  /** Whether every action is refused. */
  readonly readonly?: boolean | undefined
  /** Shown as the title of the page; "effect-tasks" unless given. */
  readonly title?: string | undefined
  /** How many exited tasks are kept while somebody watches: 100,000 unless given; below 0 counts as 0. */
  readonly history?: number | undefined
  /** How many may watch at once: 16 unless given. */
  readonly viewers?: number | undefined
  /**
   * How long the server goes on listening to the runtime after the last viewer left, so that a reconnect misses nothing: 5
   * seconds unless given.
   */
  readonly linger?: Duration.Input | undefined
  /** Further names by which the server is reached, such as that of a proxy: `"tasks.example.test"`. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /** What is done with the address, token included; it is printed to standard error unless given. */
  readonly announce?: ((url: string) => Effect.Effect<void>) | undefined
}

/**
 * The running server: its address, and the address with the token.
 *
 * **Example** (Adding a dashboard to an application)
 *
 * ```ts no-run
 * import { Dashboard } from "@effect-tasks/dashboard"
 * import { Effect, Layer } from "effect"
 * import { Job, WorkerPool } from "effect-tasks"
 *
 * class Greet extends Job.make("Greet") {}
 * const GreetLive = Greet.toLayer(() => Effect.log("Hello"))
 *
 * const AppLive = Layer.merge(GreetLive, Dashboard.layer()).pipe(Layer.provideMerge(WorkerPool.layer()))
 *
 * const program = Effect.andThen(Greet.run(), Effect.never) // stays up to be looked at
 * await Effect.runPromise(program.pipe(Effect.provide(AppLive)))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Dashboard extends Context.Service<Dashboard, {
  /** Without token: `http://127.0.0.1:4747`. */
  readonly address: string,
  /** What a person opens. */
  readonly url: Redacted.Redacted,
  readonly token: Redacted.Redacted
}>()("@effect-tasks/dashboard/Dashboard") {
  /**
   * Serves the dashboard of the worker pool while the layer lives.
   *
   * **Details**
   *
   * Fails with `ServeError` when it cannot listen, such as when the port is taken, and dies of options that could
   * never work: a token of fewer than 16 characters or with others than those of ASCII, an empty host, a history or number
   * of viewers that is none. When the layer closes, viewers are disconnected and nothing is left listening.
   *
   * @since 0.1.0
   */
  static readonly layer = (
    options: DashboardOptions = {}
  ): Layer.Layer<Dashboard, HttpServerError.ServeError, WorkerPool> =>
    Layer.effect(Dashboard, serve(options)).pipe(Layer.provide(NodeHttpServer.layerHttpServices))
}

/** What to do about options that could never work. */
const mendOf = (
  { history, host, token, viewers }: {
    readonly history: number,
    readonly host: string,
    readonly token: string,
    readonly viewers: number
  }
): string | undefined => {
  if (host === "") return "an empty host would listen on every network; leave it out for loopback"
  if (!Number.isFinite(history)) return `a history of ${history} is no number of tasks; give one, such as 100000`
  if (!Number.isInteger(viewers) || viewers < 1) return `${viewers} viewers cannot watch; give a whole number from 1 on`
  if (token.length < shortestToken) {
    return `a token of ${token.length} characters can be guessed; give ${shortestToken} or more`
  }
  return /^[!-~]+$/.test(token)
    ? undefined
    : "a token goes into an address; give letters, digits and signs of ASCII alone"
}

const serve = (options: DashboardOptions) =>
  Effect.gen(function*() {
    const { host = "127.0.0.1", port = 4747 } = options
    const token = options.token === undefined
      ? makeToken()
      : Redacted.isRedacted(options.token)
      ? Redacted.value(options.token)
      : options.token
    const { history = 100_000, viewers = 16 } = options
    const mend = mendOf({ history, host, token, viewers })
    if (mend !== undefined) return yield* Effect.die(new Error(`Dashboard: ${mend}`))
    const server = yield* listen(host, port)
    const actualPort = "port" in server.address ? server.address.port : port
    const access = makeAccess(token, host, actualPort, options.allowedHosts ?? [])
    const isReadonly = options.readonly === true
    const hub = yield* makeHub({
      run: makeToken(),
      title: bounded(options.title ?? "effect-tasks", nameText),
      readonly: isReadonly,
      history: Math.max(0, Math.floor(history)),
      viewers,
      linger: options.linger ?? "5 seconds"
    })
    const rpc = yield* rpcApp.pipe(
      Effect.provide([handlers(hub, yield* Effect.scope), guard(isReadonly)])
    )
    const page = yield* Effect.orDie(pageApp)
    // spans would hold the address with the token
    yield* server.serve(makeApp(access, rpc, page)).pipe(
      Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true)
    )
    const isAny = host === "0.0.0.0" || host === "::"
    const address = `http://${isAny ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${actualPort}`
    const url = `${address}/?token=${encodeURIComponent(token)}`
    yield* options.announce === undefined ? Console.error(`Dashboard: ${url}`) : options.announce(url)
    return Dashboard.of({ address, url: Redacted.make(url), token: Redacted.make(token) })
  })
