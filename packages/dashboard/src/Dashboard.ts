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
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Socket } from "node:net"
import { loadAssets } from "./internal/assets.ts"
import { Answers, Connections } from "./internal/connections.ts"
import { guard, handlers } from "./internal/handlers.ts"
import { makeHub } from "./internal/hub.ts"
import { access as least, connections as most, kept, text } from "./internal/limits.ts"
import { type Access, makeAccess, makeToken, mountedAccess } from "./internal/security.ts"
import { listen, makeApp, rpcApp } from "./internal/server.ts"
import { bounded } from "./internal/text.ts"

/**
 * What a dashboard is like, wherever it is served.
 *
 * @category models
 * @since 0.1.0
 */
export interface ViewOptions {
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
}

/**
 * Options of `Dashboard.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardOptions extends ViewOptions {
  /** Where to listen; loopback unless given, and anything else is for networks that you trust: there is no encryption. */
  readonly host?: string | undefined
  /** Unless given 4747, or any free one when that is taken; 0 for any free one. */
  readonly port?: number | undefined
  /** What is done with the address, token included; it is printed to standard error unless given. */
  readonly announce?: ((url: string) => Effect.Effect<void>) | undefined
}

/**
 * Options of `Dashboard.router`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RouterOptions extends ViewOptions {
  /**
   * "token" unless given: whoever opens the dashboard needs its token. "application": the application's own middleware decides,
   * and every request that reaches the dashboard is answered.
   */
  readonly auth?: "token" | "application" | undefined
}

/**
 * The dashboard could not listen, such as where its port is taken by another program.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServeError extends Data.TaggedError("ServeError")<{
  readonly host: string,
  readonly port: number,
  readonly cause: unknown
}> {
  override get message(): string {
    const { cause } = this
    const at = `${this.host}:${this.port}`
    if (isTaken(cause)) return `Dashboard: ${at} is taken; give another port, or port: 0 for any free one`
    return `Dashboard: cannot listen on ${at}: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}

const isTaken = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "code" in cause && cause.code === "EADDRINUSE"

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
  /** Without token: `http://127.0.0.1:4747`; the path where it is mounted in the application's own server. */
  readonly address: string,
  /** What a person opens. */
  readonly url: Redacted.Redacted,
  /** Empty where the application's own middleware decides. */
  readonly token: Redacted.Redacted
}>()("@effect-tasks/dashboard/Dashboard") {
  /**
   * Serves the dashboard of the worker pool while the layer lives, on a port of its own.
   *
   * **Details**
   *
   * Fails with `ServeError` when it cannot listen, such as when the port that was asked for is taken, and dies of options
   * that could never work: a token of fewer than 16 characters or with others than those of ASCII, an empty host, a history
   * or number of viewers that is none. When the layer closes, viewers are disconnected and nothing is left listening.
   *
   * @since 0.1.0
   */
  static readonly layer = (options: DashboardOptions = {}): Layer.Layer<Dashboard, ServeError, WorkerPool> =>
    Layer.effect(Dashboard, serve(options)).pipe(Layer.provide(NodeHttpServer.layerHttpServices))

  /**
   * Serves the dashboard below a path of the application's own `HttpRouter`, with its server, its encryption, and, where `auth`
   * is "application", its way to tell who may.
   *
   * **Details**
   *
   * The server must be one of Node. Dies of options that could never work, as `layer` does. What a proxy puts in front of the
   * path does not matter: the page asks for everything relative to where it is.
   *
   * **Example** (Mounting it in the application's server)
   *
   * ```ts no-run
   * import { Dashboard } from "@effect-tasks/dashboard"
   * import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
   * import { Layer } from "effect"
   * import { HttpRouter, HttpServerResponse } from "effect/http"
   * import { WorkerPool } from "effect-tasks"
   * import { createServer } from "node:http"
   *
   * const Routes = Layer.merge(
   *   HttpRouter.add("GET", "/health", HttpServerResponse.text("fine")),
   *   Dashboard.router("/tasks", { token: "a-token-of-your-own" })
   * )
   *
   * const ServerLive = HttpRouter.serve(Routes).pipe(
   *   Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 })),
   *   Layer.provide(WorkerPool.layer())
   * )
   * NodeRuntime.runMain(Layer.launch(ServerLive))
   * ```
   *
   * @since 0.1.0
   */
  static readonly router = (
    path: `/${string}`,
    options: RouterOptions = {}
  ): Layer.Layer<Dashboard, never, WorkerPool | HttpRouter.HttpRouter> => Layer.effect(Dashboard, mount(path, options))
}

/** What to do about options that could never work. */
const problemOf = (
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
  if (token.length < least.token) {
    return `a token of ${token.length} characters can be guessed; give ${least.token} or more`
  }
  return /^[!-~]+$/.test(token)
    ? undefined
    : "a token goes into an address; give letters, digits and signs of ASCII alone"
}

const tokenOf = ({ token }: ViewOptions): string =>
  token === undefined ? makeToken() : Redacted.isRedacted(token) ? Redacted.value(token) : token

/** Whatever the options lack, or why they could never work. */
const completed = (options: ViewOptions, host: string) =>
  Effect.suspend(() => {
    const token = tokenOf(options)
    const { history = kept.history, viewers = most.viewers } = options
    const problem = problemOf({ history, host, token, viewers })
    return problem === undefined
      ? Effect.succeed({ token, viewers, history: Math.max(0, Math.floor(history)) })
      : Effect.die(new Error(`Dashboard: ${problem}`))
  })

interface Place {
  readonly access: Access
  readonly connections?: Connections | undefined
  readonly pathOf: (pathname: string) => string
}

/** The dashboard itself, which answers requests at some place. */
const makeDashboard = (
  options: ViewOptions,
  complete: { readonly viewers: number, readonly history: number },
  place: Place
) =>
  Effect.gen(function*() {
    const isReadonly = options.readonly === true
    const hub = yield* makeHub({
      run: makeToken(),
      title: bounded(options.title ?? "effect-tasks", text.name),
      readonly: isReadonly,
      ...complete,
      linger: options.linger ?? "5 seconds"
    })
    const known = new WeakMap<Socket, Answers>()
    const answers = (connection: Socket): Answers => {
      const answers = known.get(connection) ?? new Answers(connection)
      known.set(connection, answers)
      return answers
    }
    const rpc = yield* rpcApp.pipe(
      Effect.provide([handlers(hub, yield* Effect.scope, answers), guard(isReadonly, answers)])
    )
    return makeApp({ ...place, rpc, assets: loadAssets(), answers })
  })

/** Where no port was asked for, a taken one is no reason to do without a dashboard. */
const usualPort = 4747

const serve = (options: DashboardOptions) =>
  Effect.gen(function*() {
    const { host = "127.0.0.1" } = options
    const complete = yield* completed(options, host)
    const connections = new Connections()
    const on = (port: number) =>
      Effect.mapError(listen(host, port, connections), ({ cause }) => new ServeError({ host, port, cause }))
    const server = yield* options.port === undefined
      ? Effect.catchIf(on(usualPort), ({ cause }) => isTaken(cause), () => on(0))
      : on(options.port)
    const port = "port" in server.address ? server.address.port : options.port ?? usualPort
    const app = yield* makeDashboard(options, complete, {
      access: makeAccess(complete.token, host, port, options.allowedHosts ?? []),
      connections,
      pathOf: (pathname) => pathname
    })
    // spans would hold the address with the token
    yield* server.serve(app).pipe(Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true))
    const isAny = host === "0.0.0.0" || host === "::"
    const address = `http://${isAny ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`
    const url = `${address}/?token=${encodeURIComponent(complete.token)}`
    const note = options.port === undefined && port !== usualPort ? ` (port ${usualPort} is taken)` : ""
    yield* options.announce === undefined ? Console.error(`Dashboard: ${url}${note}`) : options.announce(url)
    return Dashboard.of({ address, url: Redacted.make(url), token: Redacted.make(complete.token) })
  })

const mount = (path: `/${string}`, options: RouterOptions) =>
  Effect.gen(function*() {
    const complete = yield* completed(options, "application")
    const token = options.auth === "application" ? undefined : complete.token
    const base = path.replace(/\/+$/, "")
    const router = yield* HttpRouter.HttpRouter
    const app = yield* makeDashboard(options, complete, {
      access: mountedAccess(token, options.allowedHosts ?? []),
      // a router of a router has more in front
      pathOf: (pathname) =>
        pathname.slice(
          pathname.indexOf(`${base}/`) === -1 ? pathname.length : pathname.indexOf(`${base}/`) + base.length
        )
    })
    yield* router.add("*", `${base}/*` as `/${string}`, app)
    const url = token === undefined ? `${base}/` : `${base}/?token=${encodeURIComponent(token)}`
    return Dashboard.of({ address: base, url: Redacted.make(url), token: Redacted.make(token ?? "") })
  })
