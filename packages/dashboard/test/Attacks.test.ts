/** What somebody could try who has the token, or who has not. */
import { Dashboard, Sensitive } from "@effect-tasks/dashboard"
import { NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { connect as connectTcp, type Socket } from "node:net"
import { app, ask, bearer, breath, connect, eventually, token, view, Work } from "./support.ts"

const placeOf = Effect.map(Dashboard, ({ address }) => {
  const { hostname, port } = new URL(address)
  return { hostname, port: Number(port) }
})

/** A plain connection, ended with the test. */
const dial = Effect.flatMap(placeOf, ({ hostname, port }) =>
  Effect.acquireRelease(
    Effect.callback<Socket, Error>((resume) => {
      const socket = connectTcp(port, hostname)
      socket.on("connect", () => resume(Effect.succeed(socket))).on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ))

/** A frame of a client, for who speaks to the socket itself. */
const frame = (text: string): Buffer => {
  const body = Buffer.from(text)
  const length = body.length < 126
    ? Buffer.from([0x81, 0x80 | body.length])
    : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 0xff])
  return Buffer.concat([length, Buffer.alloc(4), body]) // a mask of zeros leaves it as it is
}

const handshake = (host: string): string =>
  `GET /rpc HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${token}\r\n\r\n`

describe("a client that never reads", () => {
  it.effect("makes the server keep no more than a little for it", () =>
    Effect.gen(function*() {
      const { port } = yield* placeOf
      const big = yield* Work.dispatch({ id: "x".repeat(50_000), does: "wait" })
      const socket = yield* dial
      socket.pause()
      socket.write(handshake(`127.0.0.1:${port}`))
      yield* breath
      globalThis.gc?.()
      const before = process.memoryUsage().rss
      for (let i = 0; i < 30_000 && !socket.destroyed; i++) {
        const request = { _tag: "Request", id: `${i}`, headers: [], tag: "inspect", payload: { taskId: big.id } }
        if (!socket.write(frame(`${JSON.stringify(request)}\n`))) yield* breath
        if (i % 500 === 0) yield* breath
        // what it has asked for would be a gigabyte and a half
        if (i % 5_000 === 0) assert.isBelow((process.memoryUsage().rss - before) / 1e6, 150, `after ${i}`)
      }
      for (let i = 0; i < 50; i++) yield* breath
      assert.isBelow((process.memoryUsage().rss - before) / 1e6, 150)
      // others are served meanwhile
      assert.strictEqual((yield* (yield* connect).inspect({ taskId: big.id })).row.id, big.id)
    }).pipe(Effect.provide(app())), 60_000)

  it.effect("is answered once it reads", () =>
    Effect.gen(function*() {
      const task = yield* Work.dispatch({ id: "a", does: "wait" })
      const client = yield* connect
      const answers = yield* Effect.forEach(
        Array.from({ length: 2_000 }),
        () => client.inspect({ taskId: task.id }),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(answers, 2_000)
    }).pipe(Effect.provide(app())), 30_000)
})

describe("a slow client", () => {
  it.live("is closed within 15 seconds, whether it says something or nothing", () =>
    Effect.gen(function*() {
      const silent = yield* dial
      const slow = yield* dial
      const closed = new Set<Socket>()
      for (const socket of [silent, slow]) socket.resume().on("close", () => closed.add(socket))
      slow.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
      const began = Date.now()
      while (closed.size < 2 && Date.now() - began < 16_000) {
        yield* Effect.sleep(500)
        if (!slow.destroyed) slow.write("X: y\r\n")
      }
      assert.strictEqual(closed.size, 2)
    }).pipe(Effect.scoped, Effect.provide(app())), 30_000)

  it.effect("cannot lock others out, however many there are", () =>
    Effect.gen(function*() {
      const { picture } = yield* view()
      const slow = yield* Effect.forEach(Array.from({ length: 300 }), () => dial)
      for (const socket of slow) socket.write("GET / HTTP/1.1\r\n")
      assert.strictEqual((yield* ask("/", { headers: bearer })).status, 200)
      yield* view()
      assert.isTrue(picture.isReady, "nor does who watches already make room")
    }).pipe(Effect.provide(app())), 30_000)
})

describe("a viewer that takes nothing", () => {
  it.effect("makes room for another in a quarter of a minute", () =>
    Effect.gen(function*() {
      const { address } = yield* Dashboard
      const socket = new NodeWS.WebSocket(`${address.replace("http", "ws")}/rpc`, { headers: bearer })
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.terminate()))
      let answers = 0
      socket.on("message", () => answers++).on("error", () => {})
      yield* eventually(() => socket.readyState === socket.OPEN, "open")
      socket.send(`${JSON.stringify({ _tag: "Request", id: "1", headers: [], tag: "watch", payload: {} })}\n`)
      yield* eventually(() => answers > 0, "it watches")
      const error = yield* Effect.flip(Effect.scoped(view()).pipe(Effect.catchDefect(Effect.fail)))
      assert.include(error as object, { _tag: "TooManyViewers" })
      yield* TestClock.adjust("16 seconds")
      const { picture } = yield* view()
      assert.isTrue(picture.isReady)
    }).pipe(Effect.provide(app({ dashboard: { viewers: 1 } }))))
})

describe("rubbish over the WebSocket", () => {
  it.effect("leaves no errors in the log", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function*() {
      const { address } = yield* Dashboard
      const rubbish = ["not json\n", "null\n", "[]\n", "{\"_tag\":\"Request\"}\n", "{\"_tag\":\"Huh\"}\n", "7\n"]
      for (const text of rubbish) {
        const socket = new NodeWS.WebSocket(`${address.replace("http", "ws")}/rpc`, { headers: bearer })
        socket.on("error", () => {})
        yield* eventually(() => socket.readyState === socket.OPEN, "open")
        for (let i = 0; i < 20; i++) socket.send(text)
        yield* Effect.andThen(breath, breath)
        socket.terminate()
      }
      yield* view()
      assert.deepStrictEqual(lines.filter((line) => /^(Error|Fatal|Warn)/.test(line)), [])
    }).pipe(Effect.provide(app().pipe(Layer.provide(Logger.layer([logger])))))
  })
})

const order = "\u202Egnp.exe\u202C \u0007 \u001b[31m"

class Spoof
  extends Job.make("Spoof", { payload: { name: Schema.String }, error: Schema.Unknown, key: ({ name }) => name })
{}
const SpoofLive = Spoof.toLayer(({ name }) => Effect.fail({ _tag: "Bad", message: name }))

class Card extends Job.make("Card", {
  payload: {
    shop: Schema.String,
    number: Sensitive.mark(Schema.String),
    tags: Schema.Array(Sensitive.mark(Schema.String))
  },
  success: Schema.Struct({ receipt: Sensitive.mark(Schema.String), total: Schema.Int }),
  error: Schema.Struct({ holder: Sensitive.mark(Schema.String) })
}) {}
const cards: Array<string> = []
const CardLive = Card.toLayer(({ number, shop }) =>
  Effect.suspend(() => {
    cards.push(number)
    return shop === "closed"
      ? Effect.fail({ holder: "Ada Lovelace" })
      : Effect.succeed({ receipt: "receipt-4711", total: 3 })
  })
)

describe("text", () => {
  it.effect("that turns or rings is written out, and right-to-left and emoji are left as they are", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { picture, until } = yield* view()
      const spoof = yield* Spoof.dispatch({ name: order })
      const honest = yield* Spoof.dispatch({ name: "שלום 👩‍👩‍👧 é" })
      yield* until(({ jobs }) => jobs.get("Spoof")?.error === 2)
      const row = picture.tasks.get(spoof.id)!
      const detail = yield* client.inspect({ taskId: spoof.id })
      for (
        const text of [row.key, row.error!, detail.failure!.message, detail.failure!.pretty.text, detail.payload!.text]
      ) {
        for (const command of ["\u202e", "\u0007", "\u001b"]) assert.notInclude(text, command)
        assert.include(text, "\\u202egnp.exe")
      }
      assert.strictEqual(JSON.parse(detail.payload!.text).name, order, "the payload is still the payload")
      assert.strictEqual(picture.tasks.get(honest.id)!.key, "שלום 👩‍👩‍👧 é")
    }).pipe(Effect.provide(app({ jobs: SpoofLive }))))
})

describe("a field that is marked", () => {
  it.effect("is withheld wherever the Schema says that it is, and there again when the task runs again", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const { picture, until } = yield* view()
      const task = yield* Card.dispatch({ shop: "open", number: "4111-1111", tags: ["private-tag"] })
      const failed = yield* Card.dispatch({ shop: "closed", number: "4222-2222", tags: [] })
      yield* until(({ jobs }) => jobs.get("Card")?.success === 1 && jobs.get("Card")?.error === 1)
      const details = [yield* client.inspect({ taskId: task.id }), yield* client.inspect({ taskId: failed.id })]
      const all = JSON.stringify([details, [...picture.tasks.values()]])
      for (const secret of ["4111-1111", "4222-2222", "private-tag", "receipt-4711", "Ada Lovelace"]) {
        assert.notInclude(all, secret)
      }
      assert.deepStrictEqual(JSON.parse(details[0].payload!.text), {
        shop: "open",
        number: "<redacted>",
        tags: ["<redacted>"]
      })
      assert.deepStrictEqual(JSON.parse(details[0].result!.text), { receipt: "<redacted>", total: 3 })
      assert.isTrue(details[0].redacted)
      cards.length = 0
      yield* client.runAgain({ taskId: task.id, payload: details[0].payload!.text.replace("open", "new") })
      yield* eventually(() => cards.length === 1, "it has run")
      assert.deepStrictEqual(cards, ["4111-1111"])
    }).pipe(Effect.provide(app({ jobs: CardLive }))))
})

describe("the name of a pool", () => {
  class Vault extends Job.make("Vault", { payload: { key: Schema.RedactedFromValue(Schema.String) } }) {}
  const VaultLive = Vault.toLayer(({ key }) =>
    TaskPool.use(() => Effect.never, { name: `opening ${Redacted.value(key)}` })
  )

  it.effect("tells no secret of the task that made it", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      yield* Vault.dispatch({ key: Redacted.make("open-sesame") })
      yield* until(({ pools }) => [...pools.values()].some(({ name }) => name === "opening <redacted>"))
      assert.notInclude(JSON.stringify([...picture.pools.values()]), "sesame")
    }).pipe(Effect.provide(app({ jobs: VaultLive }))))
})
