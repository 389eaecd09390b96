import { Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, References, Tracer } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { Act, Burn } from "../fixtures/jobs.ts"
import { clean, live, logging, long, spawn, until } from "../support.ts"

describe("T14 logs and spans", { timeout: long }, () => {
  it.live("a thread's lines go to the loggers of the main side, as lines of the task", () => {
    const { layer, lines } = logging()
    return clean(
      Effect.gen(function*() {
        const task = yield* Act.dispatch({ act: "log" })
        yield* task.await
        const [{ annotations, level, message, spans }] = lines as [typeof lines[number]]
        assert.deepStrictEqual(message.slice(0, 2), ["from the thread", { at: new Date(0) }])
        assert.strictEqual(message[2], "[Function (anonymous)]", "what cannot be cloned is told as text")
        assert.strictEqual(level, "Info")
        assert.deepStrictEqual(annotations, { task: task.id, job: "Act", pool: "GLOBAL", extra: 1 })
        assert.deepStrictEqual(spans, ["span"])
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("what no thread can send is told as text, and is no defect of the handler", () => {
    const { layer, lines } = logging()
    return clean(
      Effect.gen(function*() {
        assert.strictEqual(yield* Act.run({ act: "log unfit" }), "logged")
        const [{ annotations, message }] = lines as [typeof lines[number]]
        assert.deepStrictEqual(message, [
          "{ run: [Function: run] }",
          "[Object: null prototype] { run: [Function: run] }"
        ])
        assert.strictEqual(annotations["extra"], "[Object: null prototype] { run: [Function: run] }")
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("with their causes", () => {
    const { layer, lines } = logging()
    return clean(
      Effect.gen(function*() {
        yield* Act.run({ act: "log cause" })
        assert.deepStrictEqual(lines[0]!.message, ["went wrong"])
        assert.include(lines[0]!.cause, "RangeError: deep")
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("from the level on that the main side has", () => {
    const { layer, texts } = logging()
    const Debug = Layer.succeed(References.MinimumLogLevel, "Debug" as const)
    return clean(
      Effect.gen(function*() {
        yield* Effect.provide(Act.run({ act: "debug" }), live().pipe(Layer.provide(layer)))
        assert.deepStrictEqual(texts(), [])
        yield* Effect.provide(Act.run({ act: "debug" }), live().pipe(Layer.provide([layer, Debug])))
        assert.deepStrictEqual(texts(), ["quietly"])
      })
    )
  })

  it.live("lines of a fiber that outlives its task are nobody's", () => {
    const { layer, lines } = logging()
    return clean(
      Effect.gen(function*() {
        yield* Act.run({ act: "log later" })
        yield* until(() => lines.length > 0)
        assert.deepStrictEqual(lines[0]!.message, ["from nobody"])
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("lines of a thread's layers are those of no task", () => {
    const { layer, lines } = logging()
    const make = spawn(new URL("../fixtures/other.thread.ts", import.meta.url))
    const ThreadsLive = Threads.layer<typeof import("../fixtures/other.thread.ts")>(make)
    const Live = Threads.toLayer(Burn).pipe(
      Layer.provide(ThreadsLive),
      Layer.provideMerge(WorkerPool.layer()),
      Layer.provide(layer)
    )
    return clean(
      Effect.gen(function*() {
        yield* Burn.run({ millis: 1 })
        assert.deepStrictEqual(lines.map(({ annotations, message }) => [message, annotations]), [
          [["a layer is built"], {}]
        ])
      }).pipe(Effect.provide(Live))
    )
  })

  it.live("loggers of a thread's own layers take the place of that, or stand beside it", () => {
    const { layer, texts } = logging()
    let printed = ""
    const make = () => {
      const worker = spawn(new URL("../fixtures/loggers.thread.ts", import.meta.url))()
      worker.stdout.on("data", (text) => printed += text)
      return worker
    }
    const ThreadsLive = Threads.layer<typeof import("../fixtures/loggers.thread.ts")>(make)
    const Live = Layer.mergeAll(Threads.toLayer(Burn), Threads.toLayer(Act)).pipe(
      Layer.provide(ThreadsLive),
      Layer.provideMerge(WorkerPool.layer()),
      Layer.provide(layer)
    )
    return clean(
      Effect.gen(function*() {
        yield* Burn.run({ millis: 1 })
        yield* Act.run({ act: "" })
        yield* until(() => printed.includes("own: beside"))
        assert.include(printed, "own: instead Burn-1")
        assert.deepStrictEqual(texts(), ["beside"])
      }).pipe(Effect.provide(Live))
    )
  })

  it.live("the task's span is the parent of a thread's spans, which its own tracer exports", () => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const ThreadsLive = Threads.layer<typeof import("../fixtures/traced.thread.ts")>(
      spawn(new URL("../fixtures/traced.thread.ts", import.meta.url))
    )
    const Live = Threads.toLayer(Act).pipe(Layer.provide(ThreadsLive), Layer.provideMerge(WorkerPool.layer()))
    return clean(
      Effect.gen(function*() {
        const outer = yield* Effect.currentSpan
        const pool = yield* TaskPool.make()
        const own = yield* Effect.flatMap(Act.dispatch({ act: "" }, { pool }), (task) => task.await)
        const ofTask = spans.find(({ name }) => name === "Act")!
        assert.deepStrictEqual(own, [{ name: "on the thread", traceId: outer.traceId, parent: ofTask.spanId }])
      }).pipe(
        Effect.withSpan("outer"),
        Effect.scoped,
        Effect.provide(Live.pipe(Layer.provideMerge(Layer.succeed(Tracer.Tracer, tracer))))
      )
    )
  })

  it.live("without a tracer there is no span", () =>
    clean(
      Effect.gen(function*() {
        const cause = yield* Effect.flip(Effect.sandbox(Act.run({ act: "span" })))
        assert.isTrue(Cause.hasFails(cause) || Cause.hasDies(cause))
      }).pipe(Effect.provide(live()))
    ))
})
