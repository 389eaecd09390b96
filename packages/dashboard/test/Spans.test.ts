import { Dashboard, DashboardSpans } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted, References, Schema, Tracer } from "effect"
import { Job, WorkerPool, type WorkerPoolOptions } from "effect-tasks"
import { TestClock } from "effect/testing"
import { connect, token } from "./support.ts"

/** What handlers do, by the id of the payload. */
const doing = new Map<string, Effect.Effect<unknown, string>>()

class Does extends Job.make("Does", { payload: { id: Schema.String }, success: Schema.Unknown, error: Schema.String }) {
}

const secret = "hunter2-\"quoted\""

class Login extends Job.make("Login", { payload: { password: Schema.Redacted(Schema.String) } }) {}

const handlers = Layer.merge(
  Does.toLayer(({ id }) => doing.get(id) ?? Effect.void),
  Login.toLayer(({ password }) =>
    Effect.forEach(
      [`as ${Redacted.value(password)}`, "x".repeat(245) + Redacted.value(password), "x".repeat(10_000)],
      (name) => Effect.withSpan(Effect.void, name, { attributes: { password: Redacted.value(password) } }),
      { discard: true }
    )
  )
)

const app = (pool: WorkerPoolOptions = {}) =>
  Layer.merge(handlers, Dashboard.layer({ port: 0, token, announce: () => Effect.void })).pipe(
    Layer.provideMerge(WorkerPool.layer(pool))
  )

const live = app().pipe(Layer.provide(DashboardSpans.layer))

const run = (id: string, does: Effect.Effect<unknown, string>) => {
  doing.set(id, does)
  return Does.dispatch({ id })
}

const spansOf = (taskId: string) =>
  Effect.gen(function*() {
    const client = yield* connect
    return (yield* client.inspect({ taskId })).spans
  }).pipe(Effect.scoped)

const sleep = Effect.sleep(10)
const nested = Effect.withSpan(
  sleep.pipe(
    Effect.andThen(Effect.withSpan(sleep, "read")),
    Effect.andThen(Effect.ignore(Effect.withSpan(Effect.andThen(sleep, Effect.fail("broken")), "decode")))
  ),
  "load"
)

/** An exporter's tracer, whose spans have private parts. */
const exporter = () => {
  const made: Array<ExporterSpan> = []
  class ExporterSpan extends Tracer.NativeSpan {
    #ends: Array<[bigint, string]> = []
    get ends() {
      return this.#ends
    }
    override end(...[at, exit]: Parameters<Tracer.Span["end"]>): void {
      this.#ends.push([at, exit._tag])
      super.end(at, exit)
    }
  }
  const tracer = Tracer.make({
    span: (options) => {
      const span = new ExporterSpan(options)
      made.push(span)
      return span
    }
  })
  const seen = () =>
    made.map(({ attributes, ends, name, parent }) => ({
      name,
      ends,
      parent: Option.getOrUndefined(Option.filter(parent, (span) => span._tag === "Span"))?.name,
      attributes: Object.fromEntries(attributes)
    }))
  return { made, seen, layer: Layer.succeed(Tracer.Tracer, tracer) }
}

/** A span that does nothing. */
const idle: Tracer.Span = {
  _tag: "Span",
  name: "idle",
  spanId: "0",
  traceId: "0",
  parent: Option.none(),
  annotations: Context.empty(),
  status: { _tag: "Started", startTime: 0n },
  attributes: new Map(),
  links: [],
  sampled: false,
  kind: "internal",
  end: () => {},
  attribute: () => {},
  event: () => {},
  addLinks: () => {}
}

describe("DashboardSpans", () => {
  it.effect("shows the spans of a task, each with its times, in the one around it", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(1_000)
      const task = yield* run("a", nested)
      yield* TestClock.adjust(15)
      const running = yield* spansOf(task.id)
      assert.deepStrictEqual(running.map(({ end, name }) => [name, end]), [["Does", null], ["load", null], [
        "read",
        null
      ]])
      yield* TestClock.adjust(15)
      yield* task.await
      const spans = yield* spansOf(task.id)
      const [own, load] = spans
      assert.deepStrictEqual(spans.map(({ id: _, ...span }) => span), [
        { name: "Does", parentId: null, start: 1_000, end: 1_030, failed: false },
        { name: "load", parentId: own.id, start: 1_000, end: 1_030, failed: false },
        { name: "read", parentId: load.id, start: 1_010, end: 1_020, failed: false },
        { name: "decode", parentId: load.id, start: 1_020, end: 1_030, failed: true }
      ])
    }).pipe(Effect.provide(live)))

  it.effect("shows no failure where spans were only interrupted, and no parent that is another task's", () =>
    Effect.gen(function*() {
      const task = yield* Effect.withSpan(run("a", Effect.withSpan(Effect.never, "waits")), "outside")
      yield* TestClock.adjust(10)
      yield* task.cancel()
      yield* Effect.exit(task.await)
      const spans = yield* spansOf(task.id)
      assert.deepStrictEqual(spans.map(({ end, failed, name, parentId }) => [name, parentId, end, failed]), [
        ["Does", null, 10, false],
        ["waits", spans[0].id, 10, false]
      ])
    }).pipe(Effect.provide(live)))

  const untimed = Layer.succeed(References.TracerTimingEnabled, false)
  for (
    const [where, there] of [
      ["it is not provided", app()],
      ["spans have no times", live.pipe(Layer.provide(untimed))]
    ] as const
  ) {
    it.effect(`has nothing where ${where}`, () =>
      Effect.gen(function*() {
        const task = yield* run("a", Effect.withSpan(Effect.void, "load"))
        yield* task.await
        assert.deepStrictEqual(yield* spansOf(task.id), [])
      }).pipe(Effect.provide(there)))
  }

  it.effect("spans are native ones where the application has no tracer", () =>
    Effect.gen(function*() {
      const task = yield* run("a", Effect.withSpan(Effect.orDie(Effect.currentSpan), "load"))
      const span = yield* task.await
      assert.instanceOf(span, Tracer.NativeSpan)
      assert.strictEqual(span.spanId, (yield* spansOf(task.id))[1].id)
    }).pipe(Effect.provide(live)))

  it.effect("the application's own tracer sees what it saw before", () =>
    Effect.gen(function*() {
      const work = (id: string) =>
        Effect.gen(function*() {
          const span = Effect.withSpan(Effect.orDie(Effect.currentSpan), "own", { attributes: { size: 1 } })
          const task = yield* run(id, Effect.tap(span, nested))
          yield* TestClock.adjust(30)
          return { own: yield* task.await, spans: yield* spansOf(task.id) }
        })
      const before = exporter()
      const alone = yield* work("a").pipe(Effect.provide(app().pipe(Layer.provide(before.layer))))
      assert.deepStrictEqual(alone.spans, [])
      yield* TestClock.setTime(0)
      const after = exporter()
      const watched = yield* work("a").pipe(
        Effect.provide(app().pipe(Layer.provide(DashboardSpans.layer), Layer.provide(after.layer)))
      )
      assert.deepStrictEqual(after.seen(), before.seen())
      assert.deepStrictEqual(after.seen().map(({ ends, name }) => [name, ends.length]), [
        ["Does", 1],
        ["own", 1],
        ["load", 1],
        ["read", 1],
        ["decode", 1]
      ])
      assert.strictEqual(watched.own, after.made[1], "handlers have the tracer's own objects")
      assert.deepStrictEqual(
        watched.spans.map(({ id, name }) => [id, name]),
        after.made.map(({ name, spanId }) => [spanId, name])
      )
    }))

  for (
    const [what, tracer, shown] of [
      ["is frozen", Tracer.make({ span: () => Object.freeze({ ...idle }) }), 0],
      ["is always the same", Tracer.make({ span: () => idle }), 1]
    ] as const
  ) {
    it.effect(`leaves a tracer alone whose span ${what}`, () =>
      Effect.gen(function*() {
        const step = Effect.withSpan(Effect.void, "step")
        // so many that their ends would not fit on the stack, if each called the one before
        const task = yield* run("a", Effect.forEach(Array.from({ length: 20_000 }), () => step, { discard: true }))
        yield* task.await
        assert.lengthOf(yield* spansOf(task.id), shown)
      }).pipe(Effect.provide(live.pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer))))))
  }

  it.effect("keeps the latest 100 of a task, of the latest 2,000 tasks", () =>
    Effect.gen(function*() {
      const steps = Array.from({ length: 150 }, (_, i) => Effect.withSpan(Effect.void, `step ${i}`))
      const first = yield* run("0", Effect.all(steps, { discard: true }))
      yield* first.await
      const spans = yield* spansOf(first.id)
      assert.deepStrictEqual(spans.map(({ name }) => name), Array.from({ length: 100 }, (_, i) => `step ${i + 50}`))
      assert.isTrue(spans.every(({ parentId }) => parentId === null), "the one around them is gone")
      const last = yield* Effect.forEach(Array.from({ length: 2_000 }, (_, i) => `${i + 1}`), (id) =>
        Does.dispatch({ id }))
      yield* Effect.forEach(last, (task) =>
        task.await)
      assert.lengthOf(yield* spansOf(first.id), 0)
      assert.lengthOf(yield* spansOf(last[0].id), 1)
    }).pipe(Effect.provide(app({ history: 5_000 }).pipe(Layer.provide(DashboardSpans.layer)))))

  it.effect("bounds names, and keeps the secrets of the payload out of them", () =>
    Effect.gen(function*() {
      const task = yield* Login.dispatch({ password: Redacted.make(secret) })
      yield* task.await
      const spans = yield* spansOf(task.id)
      assert.deepStrictEqual(spans.slice(0, 3).map(({ name }) => name), [
        "Login",
        "as <redacted>",
        `${"x".repeat(245)}<redacted>…`
      ])
      assert.isTrue(spans.every(({ name }) => name.length <= 256))
      assert.notInclude(JSON.stringify(spans), "hunt")
    }).pipe(Effect.provide(live)))
})
