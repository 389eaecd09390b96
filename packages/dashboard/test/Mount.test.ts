/** Where the dashboard is served. */
import { Dashboard, DashboardClient, type RouterOptions } from "@effect-tasks/dashboard"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer, request } from "node:http"
import { refused, token } from "./support.ts"

class Idle extends Job.make("Idle") {}

const site = (path: `/${string}`, options: RouterOptions, guard: Layer.Layer<never, never, HttpRouter.HttpRouter>) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpRouter.add("GET", "/health", HttpServerResponse.text("fine")),
      Dashboard.router(path, options),
      guard
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(Idle.toLayer(() => Effect.never)),
    Layer.provideMerge(WorkerPool.layer())
  )

const portOf = Effect.map(HttpServer.HttpServer, ({ address }) => "port" in address ? address.port : 0)

const get = (path: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(
    portOf,
    (port) =>
      Effect.callback<{ readonly status: number, readonly headers: Record<string, unknown>, readonly body: string }>(
        (resume) => {
          request({ hostname: "127.0.0.1", port, path, headers, agent: false }, (answer) => {
            let body = ""
            answer.setEncoding("utf8").on("data", (chunk: string) => body += chunk)
            answer.on("end", () =>
              resume(Effect.succeed({ status: answer.statusCode ?? 0, headers: answer.headers, body })))
          }).end()
        }
      )
  )

const bearer = { authorization: `Bearer ${token}` }

describe("in a server of the application", () => {
  it.effect("is below its path, beside the application's own routes", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* get("/health")).body, "fine")
      assert.strictEqual((yield* get("/admin/tasks/")).status, 401)
      assert.strictEqual((yield* get("/admin/tasks/", bearer)).status, 200)
      const noSlash = yield* get("/admin/tasks", bearer)
      assert.include(noSlash, { status: 302 })
      assert.strictEqual(noSlash.headers["location"], "tasks/", "relative, whatever a proxy puts in front")
      assert.strictEqual((yield* get("/admin/other", bearer)).status, 404)

      const port = yield* portOf
      const client = yield* DashboardClient.make({ url: `http://127.0.0.1:${port}/admin/tasks/?token=${token}` })
      const task = yield* Idle.dispatch()
      assert.strictEqual((yield* client.inspect({ taskId: task.id })).row.id, task.id)
      const stranger = yield* DashboardClient.make({ url: `http://127.0.0.1:${port}/admin/tasks`, token: "wrong" })
      yield* refused(stranger.inspect({ taskId: task.id }), "RpcClientError")
    }).pipe(Effect.provide(site("/admin/tasks", { token }, Layer.empty))))

  it.effect("may leave it to the application who may ask, and still answers no other site's WebSocket", () => {
    const guard = HttpRouter.middleware(
      (handler) =>
        Effect.gen(function*() {
          const { headers } = yield* HttpServerRequest.HttpServerRequest
          return headers["x-user"] === "ada" ? yield* handler : HttpServerResponse.text("who?", { status: 403 })
        }),
      { global: true }
    )
    return Effect.gen(function*() {
      assert.strictEqual((yield* get("/tasks/")).status, 403)
      const user = { "x-user": "ada" }
      assert.strictEqual((yield* get("/tasks/", user)).status, 200)
      assert.strictEqual((yield* get("/tasks/rpc", user)).status, 426)
      assert.strictEqual((yield* get("/tasks/rpc", { ...user, origin: "http://evil.test" })).status, 403)
      const fromElsewhere = { ...user, "sec-fetch-site": "cross-site" }
      assert.strictEqual((yield* get("/tasks/", { ...fromElsewhere, "sec-fetch-mode": "navigate" })).status, 200)
      assert.strictEqual((yield* get("/tasks/rpc", fromElsewhere)).status, 403)
      yield* Dashboard
    }).pipe(Effect.provide(site("/tasks", { auth: "application" }, guard)))
  })
})

describe("the cookie", () => {
  const cookieOf = (answer: { readonly headers: Record<string, unknown> }): string =>
    (answer.headers["set-cookie"] as ReadonlyArray<string>)[0]

  it.effect("is Secure behind encryption, and one for all programs of a host", () =>
    Effect.gen(function*() {
      const plain = cookieOf(yield* get(`/tasks/?token=${token}`))
      assert.notInclude(plain, "Secure")
      const behind = cookieOf(yield* get(`/tasks/?token=${token}`, { "x-forwarded-proto": "https" }))
      assert.include(behind, "Secure")
      const others = Array.from({ length: 12 }, (_, i) => `${i}`.padEnd(43, "x")).join(".")
      const joined = cookieOf(yield* get(`/tasks/?token=${token}`, { cookie: `effect-tasks=${others}` }))
      const value = joined.split(";")[0]
      assert.match(value, /^effect-tasks=/)
      assert.lengthOf(value.split("."), 8, "the oldest make room")
      assert.strictEqual((yield* get("/tasks/", { cookie: value })).status, 200)
      assert.strictEqual((yield* get("/tasks/", { cookie: `effect-tasks=${others}` })).status, 401)
    }).pipe(Effect.provide(site("/tasks", { token }, Layer.empty))))

  it.effect("is got by going on from this site's own page, below a path of a proxy too", () =>
    Effect.gen(function*() {
      const there = yield* get(`/tasks/?token=${token}&x=1`, {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate"
      })
      assert.strictEqual(there.status, 200)
      const [, target] = /url=([^"]+)"/.exec(there.body)!
      assert.strictEqual(
        new URL(target, `https://proxy.test/sub/tasks/?token=${token}`).href,
        "https://proxy.test/sub/tasks/?x=1"
      )
      const noSlash = yield* get(`/tasks?token=${token}`)
      const [, own] = /url=([^"]+)"/.exec(noSlash.body)!
      assert.strictEqual(new URL(own, "https://proxy.test/sub/tasks?token=x").href, "https://proxy.test/sub/")
    }).pipe(Effect.provide(site("/tasks", { token }, Layer.empty))))
})

describe("the port", () => {
  it.effect("is any free one where none was asked for and the usual one is taken", () =>
    Effect.gen(function*() {
      // whoever has it, it is taken
      const server = createServer()
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => {
          server.once("error", () => resume(Effect.void)).listen(4747, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => server.close())
      )
      const said: Array<string> = []
      const context = yield* Layer.build(
        Dashboard.layer({ announce: (url) => Effect.sync(() => void said.push(url)) })
      )
      const { address, url } = Context.get(context, Dashboard)
      assert.notStrictEqual(new URL(address).port, "4747")
      assert.deepStrictEqual(said, [Redacted.value(url)])
    }).pipe(Effect.provide(WorkerPool.layer())))

  it.effect("that was asked for and is taken fails, with an error that names the dashboard and the mend", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Dashboard.layer({ port: 0, announce: () => Effect.void }))
      const port = Number(new URL(Context.get(context, Dashboard).address).port)
      const exit = yield* Effect.exit(Layer.build(Dashboard.layer({ port })))
      assert.isTrue(Exit.isFailure(exit))
      const error = yield* Effect.flip(Layer.build(Dashboard.layer({ port })))
      assert.strictEqual(
        error.message,
        `Dashboard: 127.0.0.1:${port} is taken; give another port, or port: 0 for any free one`
      )
    }).pipe(Effect.provide(WorkerPool.layer())))
})
