/** What is served over HTTP: the page, and the WebSocket. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import { createServer, type Server } from "node:http"
import type { Socket as Connection } from "node:net"
import { DashboardRpcs } from "../Contract.ts"
import { type Asset, type Assets, encodingOf } from "./assets.ts"
import { type Answers, type Connections } from "./connections.ts"
import { connections as most, taken } from "./limits.ts"
import { type Access, cookieName, headersFor, judge } from "./security.ts"

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** How long connections may take to close by themselves. */
const parting = 500

/** Listens. Node's own server is made here, so that no connection can keep the application from ending. */
export const listen = (host: string, port: number, connections: Connections) =>
  Effect.gen(function*() {
    const server = yield* NodeHttpServer.make(
      () =>
        createServer({
          maxHeaderSize: 16_384,
          headersTimeout: most.headers,
          requestTimeout: most.request,
          connectionsCheckingInterval: most.check
        }).on("connection", (connection) => connections.add(connection)),
      {
        host,
        port,
        exclusive: true,
        // WebSockets are closed by interrupting their fibers, which comes after that wait
        disablePreemptiveShutdown: true,
        // untracked, so that closing does not wait for clients before their fibers are told to end
        websocket: { maxPayload: taken.message, perMessageDeflate: false, clientTracking: false }
      }
    )
    // runs when the fibers have said goodbye, before the server waits for every connection to end
    yield* Effect.addFinalizer(() => connections.close(parting))
    return server
  })

/** Requests over the WebSocket. */
export const rpcApp = RpcServer.toHttpEffectWebsocket(DashboardRpcs, {
  disableTracing: true,
  // a bug in one answer must not end what else the viewer watches
  disableFatalDefects: true
}).pipe(Effect.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: taken.message })))

/** The connection that a request came on, where Node's server took it. */
export const connectionOf = (request: HttpServerRequest.HttpServerRequest): Connection =>
  NodeHttpServerRequest.toIncomingMessage(request).socket as Connection

export interface AppOptions {
  readonly access: Access
  readonly rpc: App
  readonly assets: Assets
  readonly answers: (connection: Connection) => Answers
  readonly connections?: Connections | undefined
  /** The path below where the dashboard is mounted: empty, or with a slash in front. */
  readonly pathOf: (pathname: string) => string
}

export const makeApp = ({ access, answers, assets, connections, pathOf, rpc }: AppOptions): App => {
  const answer = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { cookies, headers, method } = request
    const target = parse(request.originalUrl)
    if (target === undefined) return plain("This address cannot be read.", 400)
    const path = pathOf(target.pathname)
    const verdict = judge(access, { method, path, search: target.search, headers, cookies })
    switch (verdict._tag) {
      case "Refuse":
        return plain(verdict.why, verdict.status)
      case "Admit":
        return HttpServerResponse.setCookieUnsafe(goOn(verdict.location), cookieName, verdict.cookie, {
          httpOnly: true,
          sameSite: "strict",
          path: "/",
          secure: isEncrypted(request)
        })
    }
    const connection = connectionOf(request)
    connections?.admit(connection)
    // without the slash the page would look for its files one level too high
    if (path === "") return HttpServerResponse.redirect(`${lastOf(target.pathname)}/${target.search}`, { status: 302 })
    if (path !== "/rpc" && assets.files !== undefined) return file(assets.files.get(path), headers)
    if (path !== "/rpc") {
      yield* Effect.logWarning(`Dashboard: ${missingText(assets.places)}`)
      return missing(assets.places)
    }
    if (headers.upgrade?.toLowerCase() !== "websocket") return plain("This is for WebSockets.", 426)
    const guarded = Object.create(request, {
      upgrade: { value: Effect.map(request.upgrade, answers(connection).guarding) }
    }) as HttpServerRequest.HttpServerRequest // the same but for its socket
    return yield* Effect.provideService(rpc, HttpServerRequest.HttpServerRequest, guarded).pipe(
      connections === undefined
        ? Effect.raceFirst(Effect.as(closing(connection), HttpServerResponse.empty()))
        : identity,
      // what is no message ends its own connection, and is no fault of the server
      Effect.catchDefect((defect) =>
        Effect.as(Effect.logDebug("Dashboard: a connection ended", defect), HttpServerResponse.empty())
      )
    )
  })
  return answer.pipe(
    // without a router requests cannot be interrupted, and a WebSocket would outlive its viewer and the layer
    Effect.interruptible,
    Effect.catchCause((cause) =>
      Cause.hasInterrupts(cause)
        ? Effect.failCause(cause)
        : Effect.as(Effect.logError("Dashboard: a request failed", cause), plain("Something went wrong.", 500))
    ),
    Effect.flatMap((response) =>
      HttpServerRequest.HttpServerRequest.use(({ headers: { host = "" } }) =>
        Effect.succeed(HttpServerResponse.setHeaders(response, {
          ...headersFor(access.hosts === undefined || access.hosts.has(host) ? hostOf(host) : "127.0.0.1"),
          "cache-control": cacheOf(response)
        }))
      )
    )
  )
}

/**
 * Waits until the application's server stops listening. It then waits for all connections, and would for a viewer's until its
 * patience ends; it tells nobody, so it is asked now and then.
 */
const closing = (connection: Connection): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // sockets of a server know it, and their type does not say so
    const { server } = connection as Connection & { readonly server?: Server }
    const timer = setInterval(() => {
      if (server?.listening !== false) return
      connection.destroySoon()
      resume(Effect.void)
    }, 100)
    return Effect.sync(() => clearInterval(timer))
  })

const parse = (url: string): URL | undefined => {
  try {
    return new URL(url.replace(/^[/\\]+/, "/"), "http://dashboard.invalid")
  } catch {
    return undefined
  }
}

const lastOf = (pathname: string): string => pathname.slice(pathname.lastIndexOf("/") + 1)

/** It goes into a policy, where only what can be a host may stand. */
const hostOf = (host: string): string => /^[\w.:[\]-]+$/.test(host) ? host : "127.0.0.1"

/** Such a cookie is sent over an encrypted connection only, which may end at a proxy. */
const isEncrypted = (request: HttpServerRequest.HttpServerRequest): boolean =>
  request.headers["x-forwarded-proto"]?.split(",")[0].trim() === "https" || "encrypted" in connectionOf(request)

const plain = (text: string, status: number) => HttpServerResponse.text(`${text}\n`, { status })

const page = (body: string, status = 200, head = "") =>
  HttpServerResponse.html(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>effect-tasks</title>
<link rel="icon" href="data:,">
${head}${body}
</html>
`).pipe(HttpServerResponse.setStatus(status))

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

/** A redirection would still come from the site on which the link was clicked, and bring no cookie: this page goes on itself. */
const goOn = (location: string) =>
  page(
    `<p><a href="${escaped(location)}">Go on to the dashboard</a></p>`,
    200,
    `<meta http-equiv="refresh" content="0; url=${escaped(location)}">\n`
  )

/** For whoever bundled the application. */
const missingText = (places: ReadonlyArray<string>): string =>
  `its page was not found (looked in ${
    places.join(" and ")
  }). Keep @effect-tasks/dashboard external in your bundler, or put ` +
  "its folder dist-web there"

const missing = (places: ReadonlyArray<string>) =>
  page(`<h1>The dashboard runs, but ${escaped(missingText(places))}.</h1>`)

const file = (
  asset: Asset | undefined,
  headers: Readonly<Record<string, string | undefined>>
): HttpServerResponse.HttpServerResponse => {
  if (asset === undefined) return plain("There is no such page.", 404)
  const encoding = encodingOf(headers["accept-encoding"])
  return HttpServerResponse.uint8Array(encoding === undefined ? asset.body : asset[encoding], {
    contentType: asset.type,
    headers: { vary: "accept-encoding", ...(encoding === undefined ? {} : { "content-encoding": encoding }) }
  })
}

/** Built scripts and styles carry a digest in their names. */
const cacheOf = ({ headers, status }: HttpServerResponse.HttpServerResponse): string =>
  status === 200 && /javascript|css/.test(headers["content-type"] ?? "") ? "private, max-age=3600" : "no-store"
