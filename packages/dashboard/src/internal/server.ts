/** The HTTP server: the page, and the WebSocket. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpStaticServer from "effect/http/HttpStaticServer"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { DashboardRpcs, limits } from "../Contract.ts"
import { type Access, headersFor, judge } from "./security.ts"

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** The built page, beside `src` and `dist`. */
const assets = fileURLToPath(new URL("../../dist-web/", import.meta.url))

const placeholder = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>effect-tasks</title>
<h1>effect-tasks</h1>
<p>The server runs; its page has not been built.</p>
</html>
`

/** How long connections may take to close by themselves. */
const parting = 500

/** Listens. Node's own server is made here, so that no connection can keep the application from ending. */
export const listen = (host: string, port: number) =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    let closing = false
    const server = yield* NodeHttpServer.make(
      () => {
        const server = createServer({ maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 30_000 })
        server.maxConnections = 256
        return server.on("connection", (socket) => {
          if (closing) return socket.destroy() // it would be waited for and never noticed
          sockets.add(socket)
          socket.once("close", () => sockets.delete(socket))
        })
      },
      {
        host,
        port,
        exclusive: true,
        // WebSockets are closed by interrupting their fibers, which comes after that wait
        disablePreemptiveShutdown: true,
        // untracked, so that closing does not wait for clients before their fibers are told to end
        websocket: { maxPayload: limits.message, perMessageDeflate: false, clientTracking: false }
      }
    )
    // runs when the fibers have said goodbye, before the server waits for every connection to end
    yield* Effect.addFinalizer(() => {
      closing = true
      return disconnect(sockets)
    })
    return server
  })

const disconnect = (sockets: ReadonlySet<Socket>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, parting)
    const done = () => {
      if (sockets.size > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    for (const socket of sockets) {
      socket.once("close", done)
      socket.destroySoon()
    }
    done()
  })

/** Requests over the WebSocket. */
export const rpcApp = RpcServer.toHttpEffectWebsocket(DashboardRpcs, {
  disableTracing: true,
  // a bug in one answer must not end what else the viewer watches
  disableFatalDefects: true
}).pipe(Effect.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: limits.message })))

export const pageApp = Effect.gen(function*() {
  const fileSystem = yield* FileSystem.FileSystem
  const isBuilt = yield* Effect.orElseSucceed(fileSystem.exists(`${assets}index.html`), () => false)
  if (!isBuilt) return Effect.succeed(HttpServerResponse.html(placeholder))
  return yield* HttpStaticServer.make({ root: assets })
})

export const makeApp = (
  access: Access,
  rpc: App,
  page: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    HttpServerError.HttpServerError,
    HttpServerRequest.HttpServerRequest
  >
): App =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { cookies, headers, method, originalUrl: url } = request
    const verdict = judge(access, { method, url, headers, cookies })
    switch (verdict._tag) {
      case "Refuse":
        return plain(verdict.why, verdict.status)
      case "Admit":
        return HttpServerResponse.setCookieUnsafe(
          HttpServerResponse.redirect(verdict.location, { status: 303 }),
          access.cookieName,
          access.cookie,
          { httpOnly: true, sameSite: "strict", path: "/" }
        )
      case "Allow":
        if (verdict.path !== "/rpc") {
          return yield* Effect.catch(page, () => Effect.succeed(plain("There is no such page.", 404)))
        }
        return headers.upgrade?.toLowerCase() === "websocket" ? yield* rpc : plain("This is for WebSockets.", 426)
    }
  }).pipe(
    // without a router requests cannot be interrupted, and a WebSocket would outlive its viewer and the layer
    Effect.interruptible,
    Effect.catchCause((cause) =>
      Cause.hasInterrupts(cause)
        ? Effect.failCause(cause)
        : Effect.as(Effect.logError("Dashboard: a request failed", cause), plain("Something went wrong.", 500))
    ),
    Effect.flatMap((response) =>
      HttpServerRequest.HttpServerRequest.use(({ headers }) =>
        Effect.succeed(HttpServerResponse.setHeaders(response, {
          ...headersFor(access.hosts.has(headers.host ?? "") ? headers.host! : "127.0.0.1"),
          "cache-control": cacheOf(response)
        }))
      )
    )
  )

const plain = (text: string, status: number) => HttpServerResponse.text(`${text}\n`, { status })

/** Built scripts and styles carry a digest in their names. */
const cacheOf = ({ headers, status }: HttpServerResponse.HttpServerResponse): string =>
  status === 200 && /javascript|css|font/.test(headers["content-type"] ?? "") ? "private, max-age=3600" : "no-store"
