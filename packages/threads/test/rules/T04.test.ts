import { Threads } from "@effect-tasks/threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { WorkerPool } from "effect-tasks"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Act, Burn } from "../fixtures/jobs.ts"
import { alive, bothUp, clean, live, logging, long, made, onThreads, spawn, until } from "../support.ts"

describe("T4 threads start when a task needs one, and stay for a while", { timeout: long }, () => {
  it.live("none starts before the first task", () =>
    onThreads(Effect.gen(function*() {
      yield* Effect.sleep(20)
      assert.strictEqual(made(), 0)
      yield* Burn.run({ millis: 1 })
      assert.strictEqual(made(), 1)
    })))

  it.live("`warm` starts some at once", () =>
    onThreads(
      Effect.gen(function*() {
        yield* until(() => made() === 2)
        yield* bothUp
        assert.strictEqual(made(), 2)
      }),
      { warm: 2 }
    ))

  it.live("no more boot than tasks wait", () =>
    onThreads(
      Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => Burn.run({ millis: 1 }), { concurrency: 6 })
        assert.isAtMost(made(), 3)
      }),
      { size: 3, pool: { workers: 6 } }
    ))

  it.live("a waiting task takes whichever thread is ready first", () =>
    onThreads(
      Effect.gen(function*() {
        const first = yield* Burn.run({ millis: 1 })
        const busy = yield* Burn.dispatch({ millis: 50 })
        // its thread would boot for longer than that
        assert.strictEqual(yield* Burn.run({ millis: 1 }), first)
        assert.strictEqual(yield* busy.await, first)
      }),
      { pool: { workers: 2 } }
    ))

  it.live("the idle thread that was used last goes first", () =>
    onThreads(Effect.gen(function*() {
      yield* bothUp
      const [one, two] = yield* Effect.all([Burn.run({ millis: 20 }), Burn.run({ millis: 80 })], { concurrency: 2 })
      assert.notStrictEqual(one, two)
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* Burn.run({ millis: 0 }), two)
    })))

  it.live("one that is idle for too long closes with its finalizers, and the next task starts another", () => {
    let printed = ""
    const make = () => {
      const worker = spawn()()
      worker.stdout.on("data", (text) => printed += text)
      return worker
    }
    return onThreads(
      Effect.gen(function*() {
        const first = yield* Burn.run({ millis: 1 })
        yield* until(() => alive() === 0)
        assert.include(printed, "released", "the main side has closed the port: its last lines go to the console")
        assert.notStrictEqual(yield* Burn.run({ millis: 1 }), first)
      }),
      { timeToLive: 50, spawn: make }
    )
  })

  it.live("one whose finalizers hang is killed after 5 seconds", () => {
    const ThreadsLive = Threads.layer<Acts>(spawn(new URL("../fixtures/hanging.thread.ts", import.meta.url)))
    const Live = Threads.toLayer(Burn).pipe(Layer.provide(ThreadsLive as any), Layer.provideMerge(WorkerPool.layer()))
    return clean(
      Effect.andThen(Burn.run({ millis: 1 }), Effect.sync(() => assert.strictEqual(alive(), 1))).pipe(
        Effect.provide(Live)
      ) as Effect.Effect<void>
    )
  })

  it.live("an idle thread keeps no process alive, a warm one that starts neither", () =>
    Effect.sync(() => {
      const program = fileURLToPath(new URL("../fixtures/left-open.ts", import.meta.url))
      const { signal, status, stdout } = spawnSync(process.execPath, [program], { encoding: "utf8", timeout: 20_000 })
      assert.deepStrictEqual({ signal, status, stdout }, { signal: null, status: 0, stdout: "done\n" })
    }))

  it.live("a thread that crashes while it is idle is told of, and replaced", () => {
    const { layer, texts } = logging()
    return clean(
      Effect.gen(function*() {
        yield* Act.run({ act: "throw later" })
        yield* until(() => alive() === 0)
        yield* until(() => texts().length > 0)
        assert.deepStrictEqual(texts(), ["Thread 0 ended while it was idle: TypeError: when idle"])
        assert.isAbove(yield* Burn.run({ millis: 1 }), 0)
      }).pipe(Effect.provide(live().pipe(Layer.provide(layer))))
    )
  })

  it.live("options that could never work are refused where they are given", () =>
    Effect.gen(function*() {
      const refusal = (options: {}) =>
        Effect.sandbox(Effect.provide(Effect.void, Threads.layer(spawn(), options))).pipe(
          Effect.flip,
          Effect.map((cause) => String((cause.reasons[0] as { readonly defect?: unknown }).defect))
        )
      assert.strictEqual(yield* refusal({ size: 0 }), "Error: Threads: size cannot be 0; give an integer of at least 1")
      assert.include(yield* refusal({ warm: 1.5 }), "warm cannot be 1.5")
      assert.include(yield* refusal({ gracePeriod: "soon" }), `gracePeriod cannot be soon; give milliseconds`)
      assert.include(yield* refusal({ timeToLive: "x" }), "timeToLive cannot be x")
      assert.include(yield* refusal({ sise: 1 }), "sise cannot be an option; there are only size, gracePeriod")
    }))
})

type Acts = typeof import("../fixtures/acts.thread.ts")
