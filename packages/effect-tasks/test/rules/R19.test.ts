import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Job, Limit, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  eventually,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  trace,
  waitingFor,
  withPool,
  type Work,
  work
} from "../support.ts"

class One extends Job.make("One", { ...scripted, concurrency: 1 }) {}
class Two extends Job.make("Two", { ...scripted, concurrency: 2 }) {}
/** Behind the same limit, in lists that differ. */
const shared = Limit.permits(1)
class Behind extends Job.make("Behind", { ...scripted, limits: [shared] }) {}
class BehindTwo extends Job.make("BehindTwo", { ...scripted, limits: [shared, Limit.permits(9)] }) {}
class PerKey extends Job.make("PerKey", { ...scripted, concurrency: { limit: 1, key: ({ id }) => id[0]! } }) {}

type AnyScripted<Tag extends string> = Job.Job<
  Tag,
  typeof Work.payloadSchema,
  typeof Work.successSchema,
  typeof Work.errorSchema,
  typeof Work.progressSchema,
  typeof Work.messageSchema
>

const states = (tasks: ReadonlyArray<ScriptedTask>) => Effect.forEach(tasks, stateOf)

/** Dispatches a task that is held until its gate opens. */
const hold = <Tag extends string>(job: AnyScripted<Tag>, id: string, options?: Job.DispatchOptions) =>
  Effect.gen(function*() {
    const held = gate()
    yield* script(id, () => held.wait)
    return { open: held.open, task: yield* job.dispatch({ id }, options) }
  })

describe("R19 Concurrency limits", () => {
  it.effect("limit the running tasks of a job, and the others say what they wait for", () =>
    Effect.gen(function*() {
      const held = [yield* hold(Two, "a"), yield* hold(Two, "b"), yield* hold(Two, "c")]
      yield* settleTurns
      const tasks = held.map(({ task }) => task)
      assert.deepStrictEqual(yield* states(tasks), ["Running", "Running", "Queued"])
      assert.strictEqual(yield* waitingFor(tasks[2]!), "job-concurrency")
      yield* held[0]!.open
      yield* awaitState(tasks[2]!, "Running")
    }).pipe(withPool({}, Two)))

  it.effect("with a key, limit the running tasks of each key", () =>
    Effect.gen(function*() {
      const held = [yield* hold(PerKey, "a1"), yield* hold(PerKey, "a2"), yield* hold(PerKey, "b1")]
      yield* settleTurns
      const tasks = held.map(({ task }) => task)
      assert.deepStrictEqual(yield* states(tasks), ["Running", "Queued", "Running"])
      yield* held[2]!.open
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(tasks[1]!), "job-concurrency")
      yield* held[0]!.open
      yield* awaitState(tasks[1]!, "Running")
    }).pipe(withPool({}, PerKey)))

  it.effect("leave other jobs alone", () =>
    Effect.gen(function*() {
      yield* hold(One, "a")
      yield* hold(One, "b")
      yield* settleTurns
      assert.strictEqual(yield* (yield* work("free")).await, "free")
    }).pipe(withPool({ workers: 2 }, One)))

  it.effect("a task that lacks its permit is passed over and keeps its place", () =>
    Effect.gen(function*() {
      const seen = trace()
      const first = yield* hold(One, "first")
      const busy = gate()
      const hog = yield* work("hog", () => busy.wait)
      yield* awaitState(hog, "Running")
      const second = yield* hold(One, "second")
      yield* script("second", () => seen.push("second"))
      const end = gate()
      yield* work("passes", () => Effect.andThen(seen.push("passes"), end.wait))
      yield* work("waits", () => seen.push("waits"))
      yield* busy.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["passes"])
      assert.strictEqual(yield* stateOf(second.task), "Queued")
      yield* first.open
      yield* settleTurns
      assert.deepStrictEqual(seen.log, ["passes", "second", "waits"])
      yield* end.open
    }).pipe(withPool({ workers: 2 }, One)))

  it.effect("the higher priority gets a freed permit", () =>
    Effect.gen(function*() {
      const first = yield* hold(One, "first")
      yield* settleTurns
      const low = yield* hold(One, "low")
      const high = yield* hold(One, "high", { priority: 1 })
      yield* first.open
      yield* awaitState(high.task, "Running")
      assert.strictEqual(yield* stateOf(low.task), "Queued")
    }).pipe(withPool({}, One)))

  it.effect("a sleeping task gives its permit back", () =>
    Effect.gen(function*() {
      yield* script("a", (self) => self.whileSleeping(Effect.never))
      const sleeper = yield* One.dispatch({ id: "a" })
      const next = yield* hold(One, "b")
      yield* awaitState(next.task, "Running")
      assert.strictEqual(yield* stateOf(sleeper), "Sleeping")
    }).pipe(withPool({}, One)))

  it.effect("a resume takes slot and permit in one step: without the permit it takes no slot", () =>
    Effect.gen(function*() {
      const { status } = yield* WorkerPool
      const [held, seen] = [gate(), trace()]
      yield* script("a", (self) => Effect.andThen(self.whileSleeping(held.wait), seen.push("resumed")))
      const sleeper = yield* One.dispatch({ id: "a" })
      yield* awaitState(sleeper, "Sleeping")
      const holder = yield* hold(One, "b")
      yield* awaitState(holder.task, "Running")
      yield* held.open
      yield* settleTurns
      assert.strictEqual(yield* stateOf(sleeper), "Sleeping")
      assert.strictEqual(yield* waitingFor(sleeper), "job-concurrency")
      assert.strictEqual((yield* status).busy, 1)
      assert.strictEqual(yield* (yield* work("other")).await, "other")
      const queued = yield* hold(One, "c", { priority: 10 })
      yield* holder.open
      yield* sleeper.await
      assert.deepStrictEqual(seen.log, ["resumed"])
      yield* awaitState(queued.task, "Running")
    }).pipe(withPool({ workers: 2 }, One)))

  it.effect("a start takes slot and permit in one step: without the slot it takes no permit", () =>
    Effect.gen(function*() {
      const busy = gate()
      const hog = yield* work("hog", () => busy.wait)
      yield* awaitState(hog, "Running")
      const held = gate()
      yield* script("a", (self) => Effect.andThen(self.whileSleeping(held.wait), Effect.void))
      const low = yield* hold(One, "low")
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(low.task), "slot")
      const high = yield* hold(One, "high", { priority: 1 })
      yield* busy.open
      yield* awaitState(high.task, "Running")
      assert.strictEqual(yield* waitingFor(low.task), "job-concurrency")
    }).pipe(withPool({ workers: 1 }, One)))

  it.effect("a task in Stopping keeps its permit with its slot", () =>
    Effect.gen(function*() {
      const held = gate()
      yield* script("a", () => Effect.addFinalizer(() => held.wait))
      const first = yield* One.dispatch({ id: "a" })
      const second = yield* One.dispatch({ id: "b" })
      yield* awaitState(first, "Stopping")
      yield* settleTurns
      assert.strictEqual(yield* stateOf(second), "Queued")
      yield* held.open
      assert.strictEqual(yield* second.await, "b")
    }).pipe(withPool({}, One)))

  it.effect("a permit comes back from a task that fails, dies or is cancelled, running or queued", () =>
    Effect.gen(function*() {
      yield* script("dies", () => Effect.die("boom"))
      yield* script("runs", () => Effect.never)
      assert.isTrue(Exit.isFailure(yield* (yield* One.dispatch({ id: "dies" })).exit))
      const running = yield* One.dispatch({ id: "runs" })
      yield* awaitState(running, "Running")
      const queued = yield* One.dispatch({ id: "queued" })
      yield* queued.cancel()
      yield* running.cancel()
      assert.strictEqual(yield* One.run({ id: "last" }), "last")
    }).pipe(withPool({}, One)))

  it.effect("a tree of one job with a limit of 1 completes", () =>
    Effect.gen(function*() {
      const level = (n: number): Effect.Effect<void, never, any> =>
        script(`${n}`, () =>
          n === 0 ? Effect.succeed(0) : Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            const tasks = yield* Effect.forEach([1, 2], () => One.dispatch({ id: `${n - 1}` }, { pool }))
            yield* pool.join
            return (yield* Effect.forEach(tasks, (task) => task.await)).reduce((a: number, b) => a + Number(b), 1)
          }))
      for (let n = 0; n <= 4; n++) yield* level(n) as Effect.Effect<void>
      assert.strictEqual(yield* One.run({ id: "4" }), 15)
    }).pipe(withPool({ workers: 2 }, One)))

  it.effect("a limit holds whatever the tasks do", () =>
    Effect.gen(function*() {
      let [now, most, runs] = [0, 0, 0]
      const spin = Effect.gen(function*() {
        most = Math.max(most, ++now)
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        now--
      })
      const tasks = yield* Effect.forEach(Array.from({ length: 60 }, (_, n) => `${n}`), (id) =>
        Effect.andThen(
          script(id, (self) =>
            Effect.gen(function*() {
              runs++
              yield* spin
              yield* self.whileSleeping(Effect.yieldNow)
              yield* spin
            })),
          Two.dispatch({ id })
        ))
      for (const task of tasks) yield* task.await
      assert.deepStrictEqual([now, most, runs], [0, 2, 60])
    }).pipe(withPool({ workers: 4 }, Two)))

  it.effect("a key's limit outlives the tasks that leave it", () =>
    Effect.gen(function*() {
      const { open, task } = yield* hold(PerKey, "a1")
      yield* awaitState(task, "Running")
      const left = yield* PerKey.dispatch({ id: "a2" })
      yield* left.cancel()
      const next = yield* PerKey.dispatch({ id: "a3" })
      yield* settleTurns
      assert.strictEqual(yield* waitingFor(next), "job-concurrency")
      yield* open
      yield* next.await
    }).pipe(withPool({}, PerKey)))

  it.effect("a task that waits for a permit and gets the priority of others keeps its arrival among them", () =>
    Effect.gen(function*() {
      const seen = trace()
      const first = yield* hold(Behind, "first")
      yield* awaitState(first.task, "Running")
      for (const id of ["a", "b", "c"]) yield* script(id, () => seen.push(id))
      const early = yield* BehindTwo.dispatch({ id: "a" }, { priority: -1 })
      const tasks = [yield* Behind.dispatch({ id: "b" }), yield* BehindTwo.dispatch({ id: "c" }), early]
      yield* settleTurns
      yield* early.setPriority(0)
      yield* first.open
      for (const task of tasks) yield* task.await
      assert.deepStrictEqual(seen.log, ["a", "b", "c"])
    }).pipe(withPool({}, Behind, BehindTwo)))

  it.effect("keys that come and go leave nothing behind", () =>
    Effect.gen(function*() {
      const { families, limits, ready } = Reflect.get(yield* WorkerPool, "~effect-tasks/Machine") // memory has no public view
      for (const id of "abcdefgh") {
        const [one, two] = [yield* hold(PerKey, id, { priority: 1 }), yield* PerKey.dispatch({ id }, { priority: 2 })]
        yield* one.open
        yield* two.await
        yield* one.task.await
      }
      assert.strictEqual(limits.size, 0)
      const { definition } = PerKey as unknown as { readonly definition: { readonly limits: ReadonlyArray<object> } }
      assert.deepStrictEqual(definition.limits.map((limit) => families.get(limit).size), [0])
      assert.strictEqual(ready.lanes.size, 0)
    }).pipe(withPool({}, PerKey)))

  describe("do not deadlock a tree that shares them", () => {
    const nested = (depth: number, all: boolean) =>
      script(`${depth}`, () =>
        Effect.gen(function*() {
          if (depth === 0) return yield* Effect.yieldNow
          const below = `${depth - 1}`
          yield* (yield* One.dispatch({ id: below })).await
          const rest = yield* Effect.forEach([1, 2, 3], () => One.dispatch({ id: below }))
          const waits = rest.map((task) => task.await)
          yield* all
            ? Effect.all(waits, { concurrency: "unbounded" })
            : Effect.flatMap(Effect.forEach(waits, (wait) => Effect.forkChild(wait)), Fiber.joinAll)
        }))

    for (const all of [true, false]) {
      it.effect(`when each level waits first for one child, then for the others ${all ? "at once" : "in fibers"}`, () =>
        Effect.gen(function*() {
          for (const depth of [0, 1, 2, 3]) yield* nested(depth, all)
          const root = yield* One.dispatch({ id: "3" })
          yield* eventually("it has ended", Effect.map(stateOf(root), (state) => state === "Exited"))
          assert.isTrue(Exit.isSuccess(yield* root.exit))
        }).pipe(withPool({ workers: 4 }, One)))
    }
  })
})
