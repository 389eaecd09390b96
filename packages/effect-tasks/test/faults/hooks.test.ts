import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger } from "effect"
import { TaskPool } from "effect-tasks"
import { recordLogs, type ScriptedTask, TestError, trace, work } from "../support.ts"
import { throwables } from "./hostile.ts"
import { unharmed } from "./unharmed.ts"

type Bad = () => Effect.Effect<unknown, unknown>

const toss = (value: unknown): never => {
  throw value
}

const self = (f: (fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<unknown>) => () => Effect.withFiber(f)

const bad: ReadonlyArray<readonly [name: string, f: Bad]> = [
  ...throwables.flatMap(([name, value]): Array<readonly [string, Bad]> => [
    [`throws ${name}`, () => toss(value)],
    [`dies with ${name}`, () => Effect.andThen(Effect.yieldNow, Effect.die(value))],
    [`fails with ${name}`, () => Effect.fail(value)]
  ]),
  ["returns no Effect", () => undefined as never],
  [
    "goes on with something that is no Effect",
    () => Effect.flatMap(Effect.yieldNow, () => 5 as unknown as Effect.Effect<void>)
  ],
  ["ends interrupted", () => Effect.interrupt],
  ["interrupts its own fiber", self((fiber) => Fiber.interrupt(fiber))],
  ["interrupts its own fiber and goes on", self((fiber) => Effect.sync(() => fiber.interruptUnsafe()))],
  [
    "interrupts its own fiber later",
    self((fiber) => Effect.andThen(Effect.forkDetach(Fiber.interrupt(fiber)), Effect.never))
  ],
  ["throws in its own finalizer", () => Effect.onExit(Effect.void, () => toss("boom"))]
]

type Hooked = Pick<ScriptedTask, "onExit" | "onFailure" | "onSuccess">

const registering: ReadonlyArray<
  readonly [string, (on: Hooked, f: () => Effect.Effect<unknown, unknown>) => Effect.Effect<void>]
> = [
  ["onSuccess", (on, f) => on.onSuccess(f)],
  ["onFailure", (on, f) => on.onFailure(f)],
  ["onExit", (on, f) => on.onExit(f)]
]

describe("A hook", () => {
  for (const [name, f] of bad) {
    it.effect(`that ${name} skips no other, is logged and leaves the outcome alone`, () => {
      const { layer, logs } = recordLogs()
      return unharmed((pool) =>
        Effect.gen(function*() {
          for (const [kind, register] of registering) {
            for (const place of ["handle", "handler"]) {
              const { log, push } = trace()
              const hooks = (on: Hooked) => Effect.andThen(register(on, f), register(on, () => push("next")))
              const result = kind === "onSuccess" ? Effect.succeed("done") : Effect.fail(new TestError({ id: "a" }))
              const task = yield* work(
                `${kind} ${place}`,
                (context) => Effect.andThen(place === "handler" ? hooks(context) : Effect.yieldNow, result),
                { pool }
              )
              if (place === "handle") yield* hooks(task)
              const exit = yield* task.exit
              assert.strictEqual(Exit.isSuccess(exit), kind === "onSuccess")
              assert.deepStrictEqual(log, ["next"], `${kind} on the ${place}`)
              assert.strictEqual(logs.filter((text) => text.includes(task.id)).length, 1, `${kind} on the ${place}`)
            }
          }
        })
      ).pipe(Effect.provide(layer))
    })

    // this one runs in the registering fiber, uninterruptibly: what it does to that fiber is its own doing
    if (name.startsWith("interrupts") || name.startsWith("goes on")) continue
    it.effect(`that ${name} after the end hurts nobody`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const task = yield* work("faulty", undefined, { pool })
          yield* task.await
          yield* task.onExit(f)
        })
      ))
  }

  it.effect("that dies among a thousand skips none", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        let runs = 0
        const task = yield* work("faulty", () => Effect.yieldNow, { pool })
        for (let i = 0; i < 1000; i++) {
          yield* task.onExit(() => Effect.suspend(() => ++runs % 2 === 0 ? Effect.die(i) : Effect.yieldNow))
        }
        yield* task.exit
        assert.strictEqual(runs, 1000)
      })
    ))

  it.effect("that fails while the logger throws skips no other", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const { log, push } = trace()
        const task = yield* work("faulty", () => Effect.yieldNow, { pool })
        yield* task.onExit(() => Effect.die("boom"))
        yield* task.onExit(() => push("next"))
        yield* task.await
        assert.deepStrictEqual(log, ["next"])
      })
    ).pipe(Effect.provide(Logger.layer([Logger.make(() => toss("logger"))]))))
})

describe("A pool's finalizer", () => {
  for (const [name, f] of bad) {
    it.effect(`that ${name} skips no other, is logged and fails no join`, () => {
      const { layer, logs } = recordLogs()
      return unharmed(() =>
        Effect.gen(function*() {
          const { log, push } = trace()
          const pool = yield* TaskPool.make()
          yield* pool.addFinalizer(f)
          yield* pool.addFinalizer(() => push("next"))
          yield* work("a", undefined, { pool })
          yield* pool.join
          assert.deepStrictEqual(log, ["next"])
          assert.strictEqual(logs.filter((text) => text.includes(`finalizer of pool ${pool.id}`)).length, 1)
        })
      ).pipe(Effect.provide(layer))
    })
  }

  it.effect("of a child pool that dies leaves the parent's outcome alone", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const parent = yield* work("parent", () =>
          TaskPool.use((children) =>
            Effect.andThen(
              children.addFinalizer(() => toss("boom")),
              work("child", undefined, { pool: children })
            )
          ), { pool })
        assert.isTrue(Exit.isSuccess(yield* parent.exit))
      })
    ))
})
