import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { awaitState, gate, type ScriptedTask, settleTurns, stateOf, trace, withPool, work } from "../support.ts"

const { Background, Default, High, Medium, Urgent } = Job.Priority

/** Tasks that stand behind busy workers; `run` frees these and gives the order of the starts. */
const queueing = (workers: number) =>
  Effect.gen(function*() {
    const held = gate()
    const seen = trace()
    const busy: Array<ScriptedTask> = []
    for (let i = 0; i < workers; i++) busy.push(yield* work(`busy${i}`, () => held.wait, { priority: Urgent }))
    yield* Effect.forEach(busy, (task) => awaitState(task, "Running"))
    return {
      seen,
      add: (id: string, priority: number) => work(id, () => seen.push(id), { priority }),
      run: Effect.gen(function*() {
        yield* held.open
        yield* (yield* WorkerPool).drain
        return seen.log
      })
    }
  })

describe("6.12 Priority", { timeout: 30_000 }, () => {
  it.effect("126. high tasks run before low ones that were queued earlier", () =>
    Effect.gen(function*() {
      const { add, run } = yield* queueing(1)
      for (let i = 0; i < 20; i++) yield* add(`low${i}`, Default)
      for (let i = 0; i < 20; i++) yield* add(`high${i}`, High)
      const order = yield* run
      assert.lengthOf(order, 40)
      assert.isTrue(order.slice(0, 20).every((id) => id.startsWith("high")))
    }).pipe(withPool({ workers: 1 })))

  it.effect("127. equal priorities run first in, first out", () =>
    Effect.gen(function*() {
      const { add, run } = yield* queueing(1)
      const ids = Array.from({ length: 200 }, (_, i) => `${i}`)
      for (const id of ids) yield* add(id, Medium)
      assert.deepStrictEqual(yield* run, ids)
    }).pipe(withPool({ workers: 1 })))

  it.effect("128. default runs before background though that was first, and urgent before all", () =>
    Effect.gen(function*() {
      const { add, run } = yield* queueing(1)
      yield* add("background", Background)
      yield* add("default", Default)
      yield* add("medium", Medium)
      yield* add("high", High)
      yield* add("urgent", Urgent)
      assert.deepStrictEqual(yield* run, ["urgent", "high", "medium", "default", "background"])
    }).pipe(withPool({ workers: 1 })))

  for (const workers of [1, 2, 8]) {
    it.effect(`129. with ${workers} busy workers a new task overtakes every lower one`, () =>
      Effect.gen(function*() {
        const { add, run } = yield* queueing(workers)
        for (let i = 0; i < 50; i++) yield* add(`low${i}`, Default)
        yield* settleTurns
        yield* add("high", High)
        assert.strictEqual((yield* run)[0], "high")
      }).pipe(withPool({ workers })))
  }

  it.effect("130. children overtake further parents that wait in the queue", () =>
    Effect.gen(function*() {
      const seen = trace()
      const parent = (id: string) =>
        work(id, () =>
          Effect.gen(function*() {
            yield* seen.push(id)
            const pool = yield* TaskPool.make()
            for (let i = 0; i < 3; i++) yield* work(`${id}/${i}`, () => seen.push(`${id}/${i}`), { pool })
            yield* pool.join
          }))
      for (const id of ["a", "b", "c"]) yield* parent(id)
      yield* (yield* WorkerPool).drain
      for (const id of ["a", "b"]) {
        const next = seen.log.indexOf(String.fromCharCode(id.charCodeAt(0) + 1))
        const children = [0, 1, 2].map((i) => seen.log.indexOf(`${id}/${i}`))
        assert.isAtMost(children.filter((at) => at > next).length, 0, seen.log.join(" "))
      }
    }).pipe(withPool({ workers: 1 })))

  it.effect("130. … and so do children of a higher job priority", () =>
    Effect.gen(function*() {
      const { add, run, seen } = yield* queueing(1)
      yield* work("parent", () =>
        Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          yield* work("child", () => seen.push("child"), { pool, priority: High })
          yield* pool.join
        }), { priority: Urgent })
      yield* add("other", Medium)
      assert.deepStrictEqual(yield* run, ["child", "other"])
    }).pipe(withPool({ workers: 1 })))

  it.effect("131. 50,000 tasks of any mix of priorities queue, and one cancel ends them (the guard in bench counts what a dispatch costs)", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      let next = 1
      for (let i = 0; i < 50_000; i++) {
        next = next * 48271 % 2147483647
        yield* work("a", undefined, { priority: next % 1000 })
      }
      assert.strictEqual((yield* workerPool.status).queued, 50_000)
      yield* workerPool.global.cancel()
      assert.strictEqual((yield* workerPool.status).queued, 0)
    }).pipe(withPool()))

  it.effect("132. background work is strictly starved, until its priority is raised", () =>
    Effect.gen(function*() {
      let rounds = 0
      const forever = (): Effect.Effect<unknown, any, any> =>
        rounds++ < 500 ? Effect.andThen(work("next", forever), Effect.yieldNow) : Effect.void
      const background = yield* work("background", () => Effect.succeed(rounds), { priority: Background })
      yield* work("next", forever)
      for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
      assert.strictEqual(yield* stateOf(background), "Queued")
      assert.isAbove(rounds, 5)
      yield* background.setPriority(High)
      assert.isBelow(yield* background.await as Effect.Effect<number>, 500)
    }).pipe(withPool({ workers: 1 })))
})
