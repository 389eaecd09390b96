import { Dashboard, DashboardLogs } from "@effect-tasks/dashboard"
import { NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { app, bearer, breath, connect, eventually, Login, seen, tick, view } from "./support.ts"

const secret = "hunter2-\"quoted\"\\secret"

/** All that the server sends to a viewer who asks for everything. */
const everything = (requests: ReadonlyArray<object>) =>
  Effect.flatMap(Dashboard, ({ address }) =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const socket = new NodeWS.WebSocket(`${address.replace("http", "ws")}/rpc`, { headers: bearer })
      socket.on("message", (data: Buffer) => texts.push(String(data))).on("error", () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.terminate()))
      yield* eventually(() => socket.readyState === socket.OPEN, "open")
      let id = 0
      for (const request of [{ tag: "watch", payload: {} }, ...requests]) {
        socket.send(`${JSON.stringify({ _tag: "Request", id: `${++id}`, headers: [], ...request })}\n`)
      }
      for (let i = 0; i < 10; i++) {
        yield* breath
        socket.send(`${JSON.stringify({ _tag: "Ack", requestId: "1" })}\n`)
        yield* tick
      }
      return texts.join("")
    }))

describe("what is Redacted", () => {
  it.effect("never leaves the process", () =>
    Effect.gen(function*() {
      const task = yield* Login.dispatch({ user: "ada", password: Redacted.make(secret) })
      yield* task.exit
      const sent = yield* everything([
        { tag: "inspect", payload: { taskId: task.id } },
        { tag: "runAgain", payload: { taskId: task.id } },
        { tag: "inspect", payload: { taskId: "Login-2" } },
        { tag: "runAgain", payload: { taskId: task.id, payload: "{\"user\":7,\"password\":\"<redacted>\"}" } }
      ])
      assert.include(sent, "Login-2")
      assert.include(sent, "<redacted>")
      assert.include(sent, "is not <redacted>", "the message of the error stays, but for the secret")
      assert.notInclude(sent, "hunter2")
      assert.notInclude(sent, "hunter")
    }).pipe(Effect.provide(app())))

  it.effect("is there again when the task runs again", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const task = yield* Login.dispatch({ user: "ada", password: Redacted.make(secret) })
      yield* task.exit
      const { dispatchCall, editable, payload, redacted, row } = yield* client.inspect({ taskId: task.id })
      assert.isTrue(redacted)
      assert.isTrue(editable)
      assert.deepStrictEqual(JSON.parse(payload!.text), { user: "ada", password: "<redacted>" })
      assert.strictEqual(row.key, "{\"user\":\"ada\",\"password\":\"<redacted>\"}")
      assert.include(dispatchCall, "<redacted>")
      seen.length = 0
      const edited = JSON.stringify({ user: "bob", password: "<redacted>" })
      yield* client.runAgain({ taskId: task.id, payload: edited })
      yield* client.runAgain({ taskId: task.id, payload: JSON.stringify({ user: "bob", password: "new" }) })
      yield* eventually(() => seen.length === 2, "both have run")
      assert.deepStrictEqual(seen, [secret, "new"])
    }).pipe(Effect.provide(app())))

  class Chatty extends Job.make("Chatty", {
    payload: { password: Schema.Redacted(Schema.String) },
    error: Schema.String,
    retry: { times: 1 }
  }) {}
  const ChattyLive = Chatty.toLayer(({ password }) =>
    Effect.andThen(
      Effect.logWarning(`trying ${Redacted.value(password)}`, { value: Redacted.value(password) }),
      Effect.fail(`${Redacted.value(password)} is wrong`)
    )
  )

  it.effect("stays out of log lines and of the errors of attempts", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { until } = yield* view()
      // the events of the second run come all at once: after the first, reading pauses for a moment
      yield* Effect.exit(Chatty.run({ password: Redacted.make("another") }))
      const task = yield* Chatty.dispatch({ password: Redacted.make(secret) })
      yield* task.exit
      yield* until(({ tasks }) => tasks.get(task.id)?.state === "Exited")
      const detail = yield* client.inspect({ taskId: task.id })
      assert.lengthOf(detail.logs, 2)
      assert.include(detail.logs[0].message, "trying <redacted>")
      assert.deepStrictEqual(detail.attempts.map(({ error }) => error), ["<redacted> is wrong"])
      assert.notInclude(JSON.stringify(detail), "hunter")
      const forgotten = yield* client.inspect({ taskId: "Chatty-1" })
      assert.isFalse(forgotten.held)
      assert.notInclude(JSON.stringify(forgotten), "another")
    }).pipe(Effect.provide(
      ChattyLive.pipe(Layer.provideMerge(app({ pool: { history: 1 } })), Layer.provide(DashboardLogs.layer))
    )))

  class Loose extends Job.make("Loose", { payload: Schema.Unknown }) {}

  class Denied extends Job.make("Denied", { payload: Schema.Unknown }) {}
  const key = "first-line-of-key\nsecond-line-of-key"
  const deny = () => Effect.die(new Error(`wrong: ${key} or 271828`, { cause: new Error(key) }))

  it.effect("stays inside line by line, and as a number", () =>
    Effect.gen(function*() {
      const task = yield* Denied.dispatch({ key: Redacted.make(key), pin: Redacted.make(271_828) })
      yield* task.exit
      const sent = yield* everything([{ tag: "inspect", payload: { taskId: task.id } }])
      assert.include(sent, "wrong: <redacted>")
      for (const part of ["first-line", "second-line", "271828"]) assert.notInclude(sent, part)
    }).pipe(Effect.provide(Denied.toLayer(deny).pipe(Layer.provideMerge(app())))))

  it.effect("stays inside where no Schema says that it is there", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const password = Redacted.make(secret)
      const map = new Map([["password", password]])
      const task = yield* Loose.dispatch({ password, nested: [{ password }], map })
      yield* task.cancel()
      const sent = yield* everything([{ tag: "inspect", payload: { taskId: task.id } }])
      assert.include(sent, "<redacted>")
      assert.notInclude(sent, "hunter")
      assert.include(yield* client.inspect({ taskId: task.id }), { redacted: true, editable: false })
    }).pipe(Effect.provide(Loose.toLayer(() => Effect.never).pipe(Layer.provideMerge(app())))))
})

describe("hostile names and payloads", () => {
  const script = "<script>alert(\"x\")</script>"
  class Hostile extends Job.make(script, { payload: Schema.Unknown, key: () => `${script}\u0000\u2028__proto__` }) {}
  class Proto extends Job.make("__proto__", { payload: Schema.Unknown, error: Schema.Unknown }) {}
  const handlers = Layer.mergeAll(
    Hostile.toLayer(() => Effect.never),
    Proto.toLayer(() =>
      Effect.fail({
        get message(): string {
          throw new Error("a trap")
        }
      })
    )
  )
  const live = handlers.pipe(Layer.provideMerge(app()))

  it.effect("are sent as they are, as data", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const cycle: Record<string, unknown> = { big: 10n, when: new Date(0), nan: NaN, fn: () => 1 }
      cycle.self = cycle
      const payload = JSON.parse("{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":1}}") as unknown
      const a = yield* Hostile.dispatch(payload)
      const b = yield* Hostile.dispatch(cycle)
      const c = yield* Proto.dispatch("x".repeat(1_000_000))
      const trap = yield* Hostile.dispatch(
        new Proxy({}, {
          ownKeys: () => {
            throw new Error("a trap")
          }
        })
      )
      yield* Effect.forEach([a, b, trap], (task) => task.cancel())
      yield* c.exit
      const { picture, until } = yield* view()
      yield* until(({ tasks }) => tasks.size === 4)
      assert.strictEqual(picture.tasks.get(a.id)?.job, script)
      assert.strictEqual(picture.tasks.get(a.id)?.key, `${script}\\u0000\\u2028__proto__`)
      assert.strictEqual(picture.jobs.get("__proto__")?.error, 1)
      assert.isAtMost(picture.tasks.get(c.id)!.key.length, 256)
      assert.strictEqual(picture.tasks.get(c.id)?.error, "Error: it cannot be read")

      const shown = yield* client.inspect({ taskId: a.id })
      assert.strictEqual(
        shown.payload?.text,
        "{\n  \"__proto__\": {\n    \"polluted\": true\n  },\n  \"constructor\": {\n    \"prototype\": 1\n  }\n}"
      )
      assert.include(shown.dispatchCall, "workerPool.dispatch(\"<script>")
      assert.deepStrictEqual(JSON.parse((yield* client.inspect({ taskId: b.id })).payload!.text), {
        big: "10",
        when: "1970-01-01T00:00:00.000Z",
        nan: "NaN",
        fn: "<function>",
        self: "<circular>"
      })
      const long = yield* client.inspect({ taskId: c.id })
      assert.isTrue(long.payload!.truncated)
      assert.isFalse(long.editable)
      assert.isAtMost(long.payload!.text.length, 262_144)
      assert.isFalse((yield* client.inspect({ taskId: trap.id })).editable)
      assert.isUndefined(({} as { polluted?: boolean }).polluted)
      yield* client.runAgain({ taskId: a.id, payload: "{\"__proto__\":{\"polluted\":true}}" })
      assert.isUndefined(({} as { polluted?: boolean }).polluted)
      const workerPool = yield* WorkerPool
      assert.strictEqual((yield* workerPool.status).dispatched, 5)
    }).pipe(Effect.provide(live)))
})
