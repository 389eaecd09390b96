import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import {
  awaitState,
  canceled,
  elapse,
  failure,
  gate,
  recordEvents,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  trace,
  withPool,
  Work,
  work
} from "../support.ts"

class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}
class KeptTwo extends Job.make("KeptTwo", { ...scripted, persistent: { capacity: 2 } }) {}
class KeptHour extends Job.make("KeptHour", { ...scripted, persistent: { timeToLive: "1 hour" } }) {}
class Keyed extends Job.make("Keyed", { ...scripted, key: ({ id }) => id[0]! }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede", key: () => "k" }) {}
class KeptOnce extends Job.make("KeptOnce", { ...scripted, persistent: true, unique: "reject" }) {}

const idOf = (found: Option.Option<Task.Any>) => Option.getOrUndefined(found)?.id

type AnyScripted<Tag extends string> = Job.Job<
  Tag,
  typeof Work.payloadSchema,
  typeof Work.successSchema,
  typeof Work.errorSchema,
  typeof Work.progressSchema,
  typeof Work.messageSchema
>

/** Makes every run of `id` succeed with the number of the run. */
const counted = (id: string) => {
  let runs = 0
  return script(id, () => Effect.sync(() => ++runs))
}
const origin = <Tag extends string>(job: AnyScripted<Tag>, id: string) =>
  Effect.gen(function*() {
    const task = yield* job.dispatch({ id })
    yield* task.await
    return task.origin
  })
const ids = (tasks: ReadonlyArray<{ readonly id: string }>) => tasks.map(({ id }) => id)
const run = (n: number) =>
  Effect.forEach(Array.from({ length: n }, (_, i) => `t${i}`), (id) => Effect.tap(work(id), (t) => t.await))

const collect = Effect.gen(function*() {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let n = 0; n < 5; n++) {
    yield* Effect.promise(() => new Promise(setImmediate))
    gc()
  }
})

describe("R16 Kept results and history", () => {
  describe("with persistent", () => {
    it.effect("the next dispatch of the key returns the finished task and runs nothing", () =>
      Effect.gen(function*() {
        yield* counted("a")
        const first = yield* Kept.dispatch({ id: "a" })
        assert.strictEqual(yield* first.await, 1)
        const second = yield* Kept.dispatch({ id: "a" })
        assert.deepInclude(second, { id: first.id, origin: "reused" })
        assert.strictEqual(yield* stateOf(second), "Exited")
        assert.strictEqual(yield* second.await, 1)
        assert.strictEqual(yield* Kept.run({ id: "a" }), 1)
      }).pipe(withPool({}, Kept)))

    it.effect("a failed or canceled result is not kept", () =>
      Effect.gen(function*() {
        yield* script("a", () => Effect.fail(new TestError({ id: "a" })))
        const failed = yield* Kept.dispatch({ id: "a" })
        failure(yield* failed.exit)
        yield* script("a", () => Effect.never)
        const second = yield* Kept.dispatch({ id: "a" })
        assert.strictEqual(second.origin, "created")
        yield* second.cancel()
        canceled(yield* second.exit)
        yield* counted("a")
        assert.strictEqual(yield* origin(Kept, "a"), "created")
        assert.strictEqual(yield* origin(Kept, "a"), "reused")
      }).pipe(withPool({}, Kept)))

    it.effect("a kept result is reused even where a live task would be refused", () =>
      Effect.gen(function*() {
        yield* KeptOnce.run({ id: "a" })
        assert.strictEqual((yield* KeptOnce.dispatch({ id: "a" })).origin, "reused")
      }).pipe(withPool({}, KeptOnce)))

    it.effect("true keeps 1,000 results", () =>
      Effect.gen(function*() {
        for (let n = 0; n < 1001; n++) yield* Kept.run({ id: `${n}` })
        assert.strictEqual(yield* origin(Kept, "1"), "reused")
        assert.strictEqual(yield* origin(Kept, "0"), "created")
      }).pipe(withPool({}, Kept)))

    it.effect("true keeps them at any age", () =>
      Effect.gen(function*() {
        yield* Kept.run({ id: "a" })
        yield* TestClock.adjust("5000 days")
        assert.strictEqual(yield* origin(Kept, "a"), "reused")
      }).pipe(withPool({}, Kept)))

    it.effect("the least recently used goes first when there are too many", () =>
      Effect.gen(function*() {
        yield* origin(KeptTwo, "a")
        yield* origin(KeptTwo, "b")
        assert.strictEqual(yield* origin(KeptTwo, "a"), "reused")
        yield* origin(KeptTwo, "c")
        assert.strictEqual(yield* origin(KeptTwo, "a"), "reused")
        assert.strictEqual(yield* origin(KeptTwo, "c"), "reused")
        assert.strictEqual(yield* origin(KeptTwo, "b"), "created")
      }).pipe(withPool({}, KeptTwo)))

    it.effect("capacity is per job", () =>
      Effect.gen(function*() {
        yield* origin(KeptTwo, "a")
        for (const id of ["b", "c", "d"]) yield* origin(Kept, id)
        assert.strictEqual(yield* origin(KeptTwo, "a"), "reused")
      }).pipe(withPool({}, Kept, KeptTwo)))

    it.effect("timeToLive forgets a result at that age, however often it was reused", () =>
      Effect.gen(function*() {
        yield* counted("a")
        yield* origin(KeptHour, "a")
        yield* TestClock.adjust("30 minutes")
        assert.strictEqual(yield* origin(KeptHour, "a"), "reused")
        yield* TestClock.adjust(30 * 60_000 - 1)
        assert.strictEqual(yield* origin(KeptHour, "a"), "reused")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* origin(KeptHour, "a"), "created")
      }).pipe(withPool({}, KeptHour)))

    it.effect("timeToLive counts from the end of the task", () =>
      Effect.gen(function*() {
        yield* script("a", () => Effect.sleep("50 minutes"))
        const task = yield* KeptHour.dispatch({ id: "a" })
        yield* elapse(50 * 60_000, 1)
        yield* task.await
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual((yield* KeptHour.dispatch({ id: "a" })).origin, "reused")
      }).pipe(withPool({}, KeptHour)))

    it.effect("recompute forgets a kept result first: a failure leaves nothing to reuse", () =>
      Effect.gen(function*() {
        yield* counted("a")
        const first = yield* Kept.dispatch({ id: "a" })
        yield* first.await
        yield* script("a", () => Effect.fail(new TestError({ id: "a" })))
        const second = yield* first.recompute
        assert.strictEqual(second.origin, "created")
        failure(yield* second.exit)
        assert.strictEqual((yield* Kept.dispatch({ id: "a" })).origin, "created")
        assert.strictEqual(yield* first.await, 1)
      }).pipe(withPool({}, Kept)))

    it.effect("a recomputed result replaces the kept one, and each handle keeps its own outcome", () =>
      Effect.gen(function*() {
        yield* counted("a")
        const first = yield* Kept.dispatch({ id: "a" })
        yield* first.await
        const second = yield* first.recompute
        assert.strictEqual(yield* second.await, 2)
        const third = yield* Kept.dispatch({ id: "a" })
        assert.deepInclude(third, { id: second.id, origin: "reused" })
        assert.deepStrictEqual([yield* first.await, yield* third.await], [1, 2])
      }).pipe(withPool({}, Kept)))
  })

  describe("a reused result", () => {
    it.effect("adds one to total and complete of the pool and its ancestors, in one step", () =>
      Effect.gen(function*() {
        yield* Kept.run({ id: "a" })
        const events = yield* recordEvents
        const seen: Array<{ total: number, complete: number }> = []
        const root = yield* TaskPool.make()
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* Effect.forkChild(
              Stream.runForEach(
                pool.changes,
                ({ complete, total }) => Effect.sync(() => seen.push({ complete, total }))
              ),
              { startImmediately: true }
            )
            yield* settleTurns
            yield* Kept.dispatch({ id: "a" }, { pool })
            assert.deepInclude(yield* pool.status, { total: 1, complete: 1, failed: 0, canceled: 0, progress: 1 })
            assert.deepInclude(yield* root.status, { total: 2, complete: 1 })
            return yield* pool.join
          }), { pool: root })
        assert.deepInclude(yield* parent.await, { state: "done", total: 1, complete: 1 })
        for (const { complete, total } of seen) assert.strictEqual(complete, total)
        yield* settleTurns
        assert.strictEqual(events.filter(({ _tag }) => _tag === "TaskReused").length, 1)
        assert.deepInclude(yield* root.join, { total: 2, complete: 2 })
      }).pipe(withPool({}, Kept)))

    it.effect("is not counted as dispatched again by the worker pool's live numbers", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        yield* Kept.run({ id: "a" })
        yield* Kept.dispatch({ id: "a" })
        const { complete, delayed, dispatched, queued, sleeping, busy } = yield* status
        assert.deepStrictEqual({ busy, delayed, queued, sleeping }, { busy: 0, delayed: 0, queued: 0, sleeping: 0 })
        assert.strictEqual(dispatched, complete)
      }).pipe(withPool({}, Kept)))
  })

  describe("history", () => {
    it.effect("keeps the newest exited tasks and no more", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const tasks = yield* run(5)
        assert.deepStrictEqual(ids(yield* workerPool.tasks), ids(tasks.slice(2)))
        assert.isTrue(Option.isNone(yield* workerPool.task(tasks[1]!.id)))
        assert.isTrue(Option.isSome(yield* workerPool.task(tasks[2]!.id)))
        assert.deepStrictEqual(ids(yield* Work.tasks), ids(tasks.slice(2)))
        assert.deepStrictEqual(ids(yield* workerPool.global.tasks), ids(tasks.slice(2)))
      }).pipe(withPool({ workers: 1, history: 3 })))

    it.effect("goes by the order of exits", () =>
      Effect.gen(function*() {
        const held = gate()
        const slow = yield* work("slow", () => held.wait)
        yield* run(2)
        yield* held.open
        yield* slow.await
        const { tasks } = yield* WorkerPool
        assert.deepStrictEqual(ids(yield* tasks), [slow.id])
      }).pipe(withPool({ history: 1 })))

    it.effect("is 1,000 by default", () =>
      Effect.gen(function*() {
        yield* run(1003)
        assert.strictEqual((yield* (yield* WorkerPool).tasks).length, 1000)
      }).pipe(withPool()))

    it.effect("of none forgets a task when it has exited", () =>
      Effect.gen(function*() {
        const task = yield* work("a")
        yield* task.await
        yield* settleTurns
        assert.deepStrictEqual(yield* (yield* WorkerPool).tasks, [])
        assert.strictEqual(yield* task.await, "a")
      }).pipe(withPool({ history: 0 })))

    it.effect("forgets a task with a key like any other, unless its result is kept", () =>
      Effect.gen(function*() {
        yield* script("bad", () => Effect.fail(new TestError({ id: "bad" })))
        const failed = yield* Kept.dispatch({ id: "bad" })
        yield* failed.exit
        const replaced = yield* Kept.dispatch({ id: "a" })
        yield* replaced.await
        const kept = yield* replaced.recompute
        yield* kept.await
        const unkept = yield* KeptOnce.dispatch({ id: "a" })
        yield* unkept.await
        yield* Effect.flatMap(unkept.recompute, (task) => task.cancel())
        yield* run(1)
        assert.deepStrictEqual(ids(yield* Kept.tasks), [kept.id])
        assert.deepStrictEqual(ids(yield* KeptOnce.tasks), [])
      }).pipe(withPool({ history: 1 }, Kept, KeptOnce)))

    it.effect("forgets a kept result that is displaced after its time", () =>
      Effect.gen(function*() {
        const kept = yield* Effect.forEach(
          ["a", "b", "c"],
          (id) => Effect.tap(KeptTwo.dispatch({ id }), (t) => t.await)
        )
        assert.deepStrictEqual(ids(yield* KeptTwo.tasks), ids(kept.slice(1)))
      }).pipe(withPool({ history: 0 }, KeptTwo)))

    it.effect("never hides a live task", () =>
      Effect.gen(function*() {
        const live = yield* work("live", () => Effect.never)
        yield* run(5)
        const { task } = yield* WorkerPool
        assert.isTrue(Option.isSome(yield* task(live.id)))
      }).pipe(withPool({ workers: 2, history: 1 })))

    it.effect("finds nothing by what is no payload", () =>
      Effect.gen(function*() {
        yield* (yield* Keyed.dispatch({ id: "k" })).await
        assert.deepStrictEqual(yield* Keyed.find({ id: 1 as never }), Option.none())
        assert.deepStrictEqual(yield* Keyed.find(undefined as never), Option.none())
      }).pipe(withPool({}, Keyed)))

    it.effect("does not hide a kept result", () =>
      Effect.gen(function*() {
        const kept = yield* Kept.dispatch({ id: "a" })
        yield* kept.await
        yield* run(5)
        assert.deepStrictEqual(Option.map(yield* Kept.find({ id: "a" }), ({ id }) => id), Option.some(kept.id))
        assert.strictEqual((yield* Kept.dispatch({ id: "a" })).id, kept.id)
      }).pipe(withPool({ history: 1 }, Kept)))

    it.effect("is what find looks in: it gives the newest visible task of a key, whichever have been forgotten", () =>
      Effect.gen(function*() {
        const found = Effect.map(Keyed.find({ id: "k" }), Option.map(({ id }) => id))
        assert.isTrue(Option.isNone(yield* found))
        const end = gate()
        yield* script("k1", () => end.wait)
        const [first, second, third] = [
          yield* Keyed.dispatch({ id: "k1" }),
          yield* Keyed.dispatch({ id: "k2" }),
          yield* Keyed.dispatch({ id: "k3" })
        ]
        assert.deepStrictEqual(yield* found, Option.some(third.id))
        yield* Effect.andThen(second.await, third.await)
        yield* run(2)
        assert.deepStrictEqual(yield* found, Option.some(first.id))
        yield* end.open
        yield* first.await
        yield* run(2)
        assert.isTrue(Option.isNone(yield* found))
      }).pipe(withPool({ history: 1 }, Keyed)))

    it.effect("keeps the newest done pools and no more, and GLOBAL", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const pools = yield* Effect.forEach(["a", "b", "c"], (name) =>
          TaskPool.use((pool) => Effect.as(work("t", undefined, { pool }), pool), { name }))
        const open = yield* TaskPool.make()
        assert.deepStrictEqual(
          ids(yield* workerPool.pools).toSorted(),
          ids([workerPool.global, ...pools.slice(1), open]).toSorted()
        )
        assert.isTrue(Option.isNone(yield* workerPool.pool(pools[0]!.id)))
        assert.isTrue(Option.isSome(yield* workerPool.pool(pools[2]!.id)))
      }).pipe(withPool({ history: 2 })))

    it.effect("a handle that somebody holds keeps its outcome, and so does a pool's", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const won = yield* work("won", (task) => Effect.as(task.report(7), "value"), { pool })
        const lost = yield* work("lost", () => Effect.fail(new TestError({ id: "lost" })), { pool })
        yield* pool.settled
        yield* run(5)
        assert.strictEqual(yield* won.await, "value")
        assert.deepInclude(yield* won.status, { state: "Exited", progress: Option.some(7) })
        assert.deepStrictEqual(yield* Stream.runCollect(won.progress), [7])
        assert.instanceOf(failure(yield* lost.exit), TestError)
        assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, failed: 1 })
        assert.strictEqual((yield* pool.failures)[0]?.taskId, lost.id)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(pool.join)))
      }).pipe(withPool({ history: 0 })))

    it.effect("stays bounded however many tasks and pools come and go", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        let most = 0
        let last: Task.Any | undefined
        for (let n = 0; n < 300; n++) {
          yield* TaskPool.use((pool) =>
            Effect.forEach([0, 1, 2], (i) => Effect.map(work(`${n}/${i}`, undefined, { pool }), (t) => void (last = t)))
          )
          most = Math.max(most, (yield* workerPool.tasks).length + (yield* workerPool.pools).length)
        }
        assert.isAtMost(most, 10 + 3 + 10 + 2)
        assert.isTrue(Option.isSome(yield* workerPool.task((last as ScriptedTask).id)))
      }).pipe(withPool({ history: 10 })))
  })

  describe("a result past its timeToLive leaves without being asked for", () => {
    const results = (n: number) =>
      Effect.forEach(
        Array.from({ length: n }, (_, i) => `${i}`),
        (id) => Effect.tap(KeptHour.dispatch({ id }), (task) => task.await)
      )
    const hour = 60 * 60_000

    it.effect("when history keeps nothing", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const tasks = yield* results(20)
        yield* elapse(hour / 2, 1)
        assert.deepStrictEqual(ids(yield* KeptHour.tasks), ids(tasks))
        const late = yield* KeptHour.dispatch({ id: "late" })
        yield* late.await
        yield* elapse(hour / 2 + 1000)
        assert.deepStrictEqual(ids(yield* KeptHour.tasks), [late.id])
        assert.deepStrictEqual(ids(yield* workerPool.tasks), [late.id])
        assert.isTrue(Option.isNone(yield* workerPool.task(tasks[3]!.id)))
        assert.isTrue(Option.isNone(yield* KeptHour.find({ id: "3" })))
        assert.deepStrictEqual(ids(yield* workerPool.global.tasks), [late.id])
        assert.strictEqual(yield* tasks[3]!.await, "3")
        yield* elapse(hour)
        assert.deepStrictEqual(yield* KeptHour.tasks, [])
      }).pipe(withPool({ history: 0 }, KeptHour)))

    it.effect("and stays visible only as long as history has it", () =>
      Effect.gen(function*() {
        const { tasks } = yield* WorkerPool
        const [old, young] = yield* results(2)
        yield* elapse(2 * hour)
        assert.deepStrictEqual(ids(yield* tasks), [young!.id])
        assert.strictEqual((yield* KeptHour.dispatch({ id: "0" })).origin, "created")
        assert.notInclude(ids(yield* tasks), old!.id)
      }).pipe(withPool({ history: 1 }, KeptHour)))

    it.effect("and its memory with it", () =>
      Effect.gen(function*() {
        const payloads = (yield* results(50)).map((task) => new WeakRef(task.payload as object))
        yield* elapse(2 * hour)
        yield* collect
        assert.isAtMost(payloads.filter((payload) => payload.deref() !== undefined).length, 5)
      }).pipe(withPool({ history: 0 }, KeptHour)))
  })

  it.effect("a task that ended while its fibers went on is kept by nobody", () =>
    Effect.gen(function*() {
      const payloads: Array<WeakRef<object>> = []
      const fibers: Array<Fiber.Fiber<unknown>> = []
      const never = yield* work("never", () => Effect.never)
      for (let n = 0; n < 20; n++) {
        const held = gate()
        const task = yield* work(`${n}`, () =>
          Effect.gen(function*() {
            const other = yield* work("other", () => held.wait)
            for (const wait of [never.exit, Effect.andThen(other.exit, Effect.never)]) {
              fibers.push(yield* Effect.forkDetach(wait, { startImmediately: true }))
            }
            yield* other.exit
          }))
        payloads.push(new WeakRef(task.payload as object))
        yield* Effect.andThen(settleTurns, held.open)
        yield* task.exit
        yield* Fiber.interruptAll(fibers.splice(0))
      }
      yield* collect
      assert.isAtMost(payloads.filter((payload) => payload.deref() !== undefined).length, 2)
    }).pipe(withPool({ history: 0 })))

  it.effect("who keeps the context of an ended task keeps no later task of its key", () =>
    Effect.gen(function*() {
      const kept: Array<unknown> = []
      const later: Array<WeakRef<object>> = []
      for (let n = 0; n < 20; n++) {
        yield* script(`${n}`, (task) => {
          if (n === 0) kept.push(task)
          return Effect.never
        })
        const task = yield* Newest.dispatch({ id: `${n}` })
        if (n > 0) later.push(new WeakRef(task.payload as object))
        yield* awaitState(task, "Running")
      }
      yield* collect
      // the last one lives, and those before it may still be on some stack
      assert.isTrue(later.slice(0, 15).every((payload) => payload.deref() === undefined))
      assert.lengthOf(kept, 1)
    }).pipe(withPool({ history: 0 }, Newest)))

  it.effect("the finalizers of GLOBAL run once, in order, when the worker pool closes", () =>
    Effect.gen(function*() {
      const seen = trace()
      const test = Effect.gen(function*() {
        const { global } = yield* WorkerPool
        yield* global.addFinalizer(() => seen.push("first"))
        const task = yield* work("a", (self) => self.pool.addFinalizer(() => seen.push("second")))
        yield* task.await
        yield* global.join
        yield* global.cancel()
        yield* settleTurns
        assert.deepStrictEqual(seen.log, [])
      })
      yield* withPool()(test)
      assert.deepStrictEqual(seen.log, ["first", "second"])
    }))
})

describe("R16 Job.get", () => {
  it.effect("finds a visible task of the job by its id, and no other", () =>
    Effect.gen(function*() {
      const [task, other] = [yield* work("a"), yield* Keyed.dispatch({ id: "b" })]
      assert.strictEqual(idOf(yield* Work.get(task.id)), task.id)
      for (const id of [other.id, "Work-99", "Work", "", "GLOBAL"]) {
        assert.isTrue(Option.isNone(yield* Work.get(id)), id)
      }
      const found = Option.getOrThrow(yield* Work.get(task.id))
      assert.strictEqual(found.payload.id, "a") // typed
    }).pipe(withPool({}, Keyed)))

  it.effect("forgets with the history", () =>
    Effect.gen(function*() {
      const first = yield* work("a")
      yield* first.await
      assert.isTrue(Option.isSome(yield* Work.get(first.id)))
      yield* Work.run({ id: "b" })
      assert.isTrue(Option.isNone(yield* Work.get(first.id)))
    }).pipe(withPool({ history: 1 })))
})

describe("R16 Unique ids", () => {
  const ids = Effect.gen(function*() {
    const pool = yield* TaskPool.make()
    const { pool: find } = yield* WorkerPool
    const task = yield* work("a", undefined, { pool })
    assert.strictEqual(idOf(yield* Work.get(task.id)), task.id)
    assert.strictEqual(Option.getOrThrow(yield* find(pool.id)), pool)
    yield* pool.join
    return [task.id, pool.id]
  })

  it.effect("hold a part that no other worker pool gives", () =>
    Effect.gen(function*() {
      const all = [...yield* withPool({ ids: "unique" })(ids), ...yield* withPool({ ids: "unique" })(ids)]
      assert.strictEqual(new Set(all).size, 4)
      for (const id of all) assert.match(id, /^(Work|Pool)-[0-9a-z]{12}-\d+$/)
      assert.deepStrictEqual(yield* withPool()(ids), ["Work-2", "Pool-1"])
    }))
})
