import { Dashboard, DashboardClient, type DashboardOptions } from "@effect-tasks/dashboard"
import { NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Redacted, Scope, Stream } from "effect"
import { WorkerPool } from "effect-tasks"
import { connect as connectTcp } from "node:net"
import { networkInterfaces } from "node:os"
import { app, ask, bearer, breath, connect, eventually, refused, shake, token, view, Work } from "./support.ts"

const hostOf = Effect.map(Dashboard, ({ address }) => new URL(address).host)
/** "connected", or why not. */
const reach = (host: string, port: number): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const socket = connectTcp(port, host)
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed("connected"))
    }).on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code)))
  })

const portOf = Effect.map(Dashboard, ({ address }) => new URL(address).port)

describe("the token", () => {
  it.effect("is asked for, whatever the path", () =>
    Effect.gen(function*() {
      for (
        const path of [
          "/",
          "/index.html",
          "/rpc",
          "/assets/index.js",
          "/no-such-page",
          "//",
          "/?token=",
          "/?token=wrong"
        ]
      ) {
        const { body, status } = yield* ask(path)
        assert.strictEqual(status, 401, path)
        assert.notInclude(body, token)
      }
      assert.strictEqual(yield* shake({}), 401)
    }).pipe(Effect.provide(app())))

  it.effect("must be the whole token", () =>
    Effect.gen(function*() {
      const wrong = ["", "x", token.slice(0, -1), `${token}x`, token.toUpperCase(), "undefined", "\u0000"]
      for (const each of wrong) {
        assert.strictEqual((yield* ask(`/?token=${encodeURIComponent(each)}`)).status, 401, each)
        if (each !== "\u0000") {
          assert.strictEqual((yield* ask("/", { headers: { authorization: `Bearer ${each}` } })).status, 401, each)
        }
      }
      const name = "effect-tasks"
      for (const cookie of [`${name}=${token}`, `${name}=`, `other=${token}`]) {
        assert.strictEqual((yield* ask("/", { headers: { cookie } })).status, 401, cookie)
      }
      assert.strictEqual(yield* shake({ authorization: "Bearer wrong" }), 401)
    }).pipe(Effect.provide(app())))

  it.effect("in the address becomes a cookie that scripts and other sites do not get", () =>
    Effect.gen(function*() {
      const { body, headers, status } = yield* ask(`/?token=${token}&filter=job%3AScan`)
      assert.strictEqual(status, 200)
      assert.include(body, "url=./?filter=job%3AScan\"", "the page itself goes on, as no site but this one")
      assert.strictEqual(headers["cache-control"], "no-store")
      const [cookie] = headers["set-cookie"] as ReadonlyArray<string>
      assert.include(cookie, "HttpOnly")
      assert.include(cookie, "SameSite=Strict")
      assert.notInclude(cookie, token)
      const sent = { cookie: cookie.split(";")[0] }
      const page = yield* ask("/", { headers: sent })
      assert.strictEqual(page.status, 200)
      assert.include(page.headers["content-type"], "text/html")
      assert.strictEqual(yield* shake(sent), "open")
    }).pipe(Effect.provide(app())))

  it.effect("in the address leads nowhere else", () =>
    Effect.gen(function*() {
      for (
        const path of [
          "//evil.test/",
          "/\\evil.test/",
          "//evil.test//x",
          "/%22%3E%3Cscript%3E",
          "/https:%2f%2fevil.test"
        ]
      ) {
        const { body, status } = yield* ask(`${path}?token=${token}`)
        assert.strictEqual(status, 200)
        assert.match(body, /url=\.\/[^/\\]*"/)
      }
    }).pipe(Effect.provide(app())))

  it.effect("is random in each run, and never short", () =>
    Effect.gen(function*() {
      const make = (options: object) =>
        Effect.scoped(Effect.map(
          Layer.build(Dashboard.layer({ port: 0, announce: () => Effect.void, ...options })),
          (context) => Redacted.value(Context.get(context, Dashboard).token)
        ))
      const [a, b] = [yield* make({}), yield* make({})]
      assert.notStrictEqual(a, b)
      assert.isAtLeast(a.length, 43)
      assert.isTrue(Exit.hasDies(yield* Effect.exit(make({ token: "short" }))))
    }).pipe(Effect.provide(WorkerPool.layer())))

  it.effect("is announced once, with the address", () =>
    Effect.gen(function*() {
      const urls: Array<string> = []
      const dashboard = { announce: (url: string) => Effect.sync(() => void urls.push(url)) }
      yield* Effect.gen(function*() {
        const { address, url } = yield* Dashboard
        assert.deepStrictEqual(urls, [`${address}/?token=${token}`])
        assert.notInclude(String(url), token)
        assert.strictEqual((yield* ask(urls[0].slice(address.length))).status, 200)
      }).pipe(Effect.provide(app({ dashboard })))
    }))
})

describe("a request of another site", () => {
  it.effect("is refused by its Host, which a rebound name cannot fake", () =>
    Effect.gen(function*() {
      const port = yield* portOf
      for (
        const host of ["evil.test", `evil.test:${port}`, `127.0.0.1.evil.test:${port}`, "127.0.0.1", "127.0.0.1:1"]
      ) {
        assert.strictEqual((yield* ask("/", { headers: { ...bearer, host } })).status, 421, host)
        assert.strictEqual(yield* shake({ ...bearer, host }), 421, host)
      }
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
        assert.strictEqual((yield* ask("/", { headers: { ...bearer, host } })).status, 200, host)
      }
    }).pipe(Effect.provide(app())))

  it.effect("is refused by its Origin, with the cookie too", () =>
    Effect.gen(function*() {
      const host = yield* hostOf
      const { headers } = yield* ask(`/?token=${token}`)
      const cookie = String((headers["set-cookie"] as ReadonlyArray<string>)[0].split(";")[0])
      const origins = [
        "http://evil.test",
        "null",
        `https://${host}`,
        `http://${host}.evil.test`,
        "http://127.0.0.1",
        "file://",
        ""
      ]
      for (const origin of origins) {
        assert.strictEqual(yield* shake({ cookie, origin }), 403, origin)
        assert.strictEqual((yield* ask("/", { headers: { ...bearer, origin } })).status, 403, origin)
      }
      assert.strictEqual(yield* shake({ cookie, origin: `http://${host}` }), "open")
      for (const site of ["cross-site", "same-site"]) {
        assert.strictEqual((yield* ask("/", { headers: { cookie, "sec-fetch-site": site } })).status, 403, site)
      }
    }).pipe(Effect.provide(app())))

  it.effect("may come to further names that were allowed", () =>
    Effect.gen(function*() {
      const headers = { ...bearer, host: "tasks.example.test" }
      assert.strictEqual((yield* ask("/", { headers })).status, 200)
      assert.strictEqual(
        (yield* ask("/", { headers: { ...headers, origin: "https://tasks.example.test" } })).status,
        200
      )
    }).pipe(Effect.provide(app({ dashboard: { allowedHosts: ["tasks.example.test"] } }))))
})

describe("every answer", () => {
  it.effect("forbids what a page could be tricked into", () =>
    Effect.gen(function*() {
      for (const [path, headers] of [["/", bearer], ["/", {}], ["/x", bearer], ["/rpc", bearer]] as const) {
        const answer = yield* ask(path, { headers })
        const csp = String(answer.headers["content-security-policy"])
        for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
          assert.include(csp, part)
        }
        assert.notInclude(csp, "unsafe")
        assert.include(answer.headers, {
          "x-content-type-options": "nosniff",
          "x-frame-options": "DENY",
          "referrer-policy": "no-referrer",
          "cross-origin-resource-policy": "same-origin"
        })
        assert.isUndefined(answer.headers["access-control-allow-origin"])
      }
    }).pipe(Effect.provide(app())))

  it.effect("is to GET and HEAD alone", () =>
    Effect.gen(function*() {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        assert.strictEqual(
          (yield* ask("/rpc", { method, headers: bearer, body: "x".repeat(10_000) })).status,
          405,
          method
        )
      }
      assert.strictEqual((yield* ask("/", { method: "HEAD", headers: bearer })).status, 200)
      assert.strictEqual((yield* ask("/rpc", { headers: bearer })).status, 426)
    }).pipe(Effect.provide(app())))

  it.effect("never leaves the folder of the page", () =>
    Effect.gen(function*() {
      for (
        const path of [
          "/../package.json",
          "/..%2fpackage.json",
          "/%2e%2e/package.json",
          "/..%5cpackage.json",
          "/%00",
          "/etc/passwd"
        ]
      ) {
        const { body } = yield* ask(path, { headers: bearer })
        assert.notInclude(body, "\"name\"", path)
        assert.notInclude(body, "root:", path)
      }
    }).pipe(Effect.provide(app())))
})

describe("what is sent over the WebSocket", () => {
  const open = Effect.flatMap(Dashboard, ({ address }) =>
    Effect.acquireRelease(
      Effect.callback<InstanceType<typeof NodeWS.WebSocket>, Error>((resume) => {
        const socket = new NodeWS.WebSocket(`${address.replace("http", "ws")}/rpc`, { headers: bearer })
        socket.on("open", () => resume(Effect.succeed(socket))).on("error", (error) => resume(Effect.fail(error)))
      }),
      (socket) => Effect.sync(() => socket.terminate())
    ))

  it.effect("is bounded: an oversized message ends its connection, and no other", () =>
    Effect.gen(function*() {
      const { next } = yield* view()
      for (
        const message of [
          "x".repeat(1_048_577),
          `{"_tag":"Request","id":"1","tag":"pause","payload":"${"x".repeat(2e6)}"}\n`
        ]
      ) {
        const socket = yield* open
        let code = 0
        socket.on("close", (closed: number) => code = closed).on("error", () => {})
        socket.send(message)
        yield* eventually(() => code !== 0, "the connection closes")
        assert.strictEqual(code, 1009)
      }
      // lines without an end add up over several messages
      const socket = yield* open
      let isClosed = false
      socket.on("close", () => isClosed = true).on("error", () => {})
      for (let i = 0; i < 3; i++) socket.send("y".repeat(600_000))
      yield* eventually(() => isClosed, "the connection closes")
      yield* Work.run({ id: "a", does: "succeed" })
      const { picture, until } = yield* view()
      yield* until(({ tasks }) => tasks.size === 1)
      assert.isTrue(picture.isReady)
      yield* Effect.raceFirst(Effect.asVoid(next), breath)
    }).pipe(Effect.provide(app())))

  it.effect("may be rubbish", () =>
    Effect.gen(function*() {
      const rubbish = [
        "\n\n\n",
        "not json\n",
        "null\n",
        "[]\n",
        "{\"_tag\":\"Request\"}\n",
        "{\"_tag\":\"Request\",\"id\":\"1\",\"tag\":\"__proto__\",\"payload\":{},\"headers\":[]}\n",
        "{\"_tag\":\"Request\",\"id\":\"2\",\"tag\":\"cancelTask\",\"payload\":{\"taskId\":7},\"headers\":[]}\n",
        "{\"_tag\":\"Request\",\"id\":\"3\",\"tag\":\"resize\",\"payload\":{\"workers\":0},\"headers\":[]}\n",
        "{\"_tag\":\"Ack\",\"requestId\":\"9\"}\n",
        "{\"__proto__\":{\"polluted\":true},\"_tag\":\"Ping\"}\n"
      ]
      for (const text of rubbish) {
        const socket = yield* open
        socket.on("error", () => {})
        socket.send(text)
        socket.send(Buffer.from([0xff, 0xfe, 0x00]))
        yield* breath
      }
      assert.isUndefined(({} as { polluted?: boolean }).polluted)
      const workerPool = yield* WorkerPool
      assert.strictEqual((yield* workerPool.status).workers, 2)
      yield* view()
    }).pipe(Effect.provide(app())))

  it.effect("is checked by the server too: what is too long is not obeyed", () =>
    Effect.gen(function*() {
      const { id: taskId } = yield* Work.dispatch({ id: "a", does: "wait" })
      const socket = yield* open
      let answers = ""
      socket.on("message", (data: Buffer) => answers += String(data))
      const requests = [
        { tag: "cancelTask", payload: { taskId, reason: "x".repeat(501) } },
        { tag: "cancelMatching", payload: { filter: `job:Work ${"x".repeat(1_000)}` } },
        { tag: "runAgain", payload: { taskId, payload: `"${"x".repeat(262_144)}"` } },
        { tag: "resize", payload: { workers: 10_001 } }
      ]
      for (const [id, request] of requests.entries()) {
        socket.send(`${JSON.stringify({ _tag: "Request", id: `${id}`, headers: [], ...request })}\n`)
      }
      yield* eventually(() => answers.split("\n").length > requests.length, "each is answered")
      assert.notInclude(answers, "\"Success\"")
      const workerPool = yield* WorkerPool
      assert.include(yield* workerPool.status, { canceled: 0, dispatched: 1, busy: 1, workers: 2 })
    }).pipe(Effect.provide(app())))

  it.effect("fails a client with a wrong token, and does not hang", () =>
    Effect.gen(function*() {
      const { address } = yield* Dashboard
      const client = yield* DashboardClient.make({ url: address, token: "wrong" })
      yield* refused(client.inspect({ taskId: "x" }), "RpcClientError")
    }).pipe(Effect.provide(app())))
})

describe("the layer", () => {
  it.effect("leaves nothing listening when it closes, and tells its viewers", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(app(), scope)
      const run = Effect.provideContext(context)
      const address = new URL((yield* run(Dashboard)).address)
      const client = yield* run(connect)
      const ended = yield* Effect.forkChild(Effect.exit(Stream.runDrain(client.watch({}))), { startImmediately: true })
      yield* run(Work.dispatch({ id: "a", does: "wait" }))
      yield* run(view())
      // a connection that says nothing must not keep it open
      const idle = connectTcp(Number(address.port), address.hostname)
      yield* eventually(() => !idle.connecting, "connected")
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(ended)))
      assert.strictEqual(yield* reach(address.hostname, Number(address.port)), "ECONNREFUSED")
    }))

  it.effect("takes nobody in while it closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(app(), scope)
      const address = new URL((yield* Effect.provideContext(Dashboard, context)).address)
      const connectNow = () => connectTcp(Number(address.port), address.hostname).on("error", () => {})
      const idle = connectNow()
      yield* eventually(() => !idle.connecting, "connected")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const late = Array.from({ length: 20 }, connectNow)
      yield* eventually(() => late.every(({ destroyed }) => destroyed), "refused")
      yield* Fiber.join(closing)
    }))

  it.effect("dies of options that could never work, and says why", () =>
    Effect.gen(function*() {
      const mend = (dashboard: DashboardOptions) =>
        Effect.map(Effect.exit(Effect.scoped(Layer.build(app({ dashboard })))), (exit) => String(exit))
      assert.include(yield* mend({ host: "" }), "leave it out for loopback")
      assert.include(yield* mend({ history: Infinity }), "history of Infinity")
      assert.include(yield* mend({ history: Number.NaN }), "history of NaN")
      assert.include(yield* mend({ viewers: 0.5 }), "a whole number from 1 on")
      assert.include(yield* mend({ token: "пароль-пароль-пароль" }), "ASCII")
      assert.include(yield* mend({ token: "short" }), "16 or more")
    }))

  it.effect("fails when the port is taken", () =>
    Effect.gen(function*() {
      const port = Number(yield* portOf)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Dashboard.layer({ port }))))
      assert.strictEqual(error._tag, "ServeError")
    }).pipe(Effect.provide(app())))

  it.effect("listens on loopback alone", () =>
    Effect.gen(function*() {
      const { address } = yield* Dashboard
      assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/)
      const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter((each) => !each.internal)
      for (const { address: host, scopeid } of others) {
        const zoned = scopeid === undefined || scopeid === 0 ? host : `${host}%${scopeid}`
        assert.notStrictEqual(yield* reach(zoned, Number(yield* portOf)), "connected", zoned)
      }
    }).pipe(Effect.provide(app())))

  it.effect("takes no more connections, and no longer headers, than are of use", () =>
    Effect.gen(function*() {
      const { hostname, port } = new URL((yield* Dashboard).address)
      assert.strictEqual((yield* ask("/", { headers: { ...bearer, "x-long": "x".repeat(20_000) } })).status, 431)
      const sockets = Array.from({ length: 300 }, () => connectTcp(Number(port), hostname).on("error", () => {}))
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      yield* eventually(() => sockets.filter(({ closed }) => closed).length >= 44, "the 257th is dropped")
      assert.isAtLeast(sockets.filter(({ closed }) => !closed).length, 200)
    }).pipe(Effect.provide(app())))
})
