import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Queue, Stream } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { gate, script, scripted, taskById, trace, work } from "../support.ts"
import { outcomeOf, overlap, race, refusalOf, together } from "./race.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Single extends Job.make("Single", { ...scripted, unique: "reject" }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede" }) {}
class Kept extends Job.make("Kept", { ...scripted, unique: true, persistent: true }) {}

/** A script whose runs must not overlap, hooks included. */
const exclusive = (id: string, body: Effect.Effect<unknown> = Effect.yieldNow) =>
  Effect.gen(function*() {
    const { enter, seen } = overlap()
    yield* script(id, (task) =>
      Effect.gen(function*() {
        yield* task.onExit(() => Effect.scoped(Effect.andThen(enter, Effect.yieldNow)))
        yield* enter
        yield* body
        return task.id
      }))
    return seen
  })

describe("H. Keys, hooks and messages under every schedule", () => {
  race(
    "H2: dispatches of one key, one after another's end, never run at once and none is lost",
    { workers: 4 },
    [Once],
    Effect.gen(function*() {
      const seen = yield* exclusive("k")
      const pool = yield* TaskPool.make()
      const dispatched = Effect.flatMap(
        Once.dispatch({ id: "k" }, { pool }),
        (task) => Effect.as(task.await, task.origin)
      )
      const later = Effect.andThen(Effect.yieldNow, dispatched)
      const origins = yield* Effect.all([dispatched, dispatched, later, Effect.andThen(later, later)], {
        concurrency: "unbounded"
      })
      yield* pool.join
      assert.strictEqual(seen.peak, 1)
      assert.isAtLeast(origins.filter((origin) => origin === "created").length, 1)
    })
  )

  race(
    "H2: a second dispatch of a key is rejected until the hooks of the first have ended",
    { workers: 2 },
    [Single],
    Effect.gen(function*() {
      const seen = yield* exclusive("k")
      const dispatched = Effect.exit(Single.dispatch({ id: "k" }))
      const [first, second] = yield* Effect.all([dispatched, Effect.andThen(Effect.yieldNow, dispatched)], {
        concurrency: "unbounded"
      })
      for (const exit of [first, second]) {
        if (Exit.isSuccess(exit)) yield* exit.value.exit
        else assert.strictEqual(refusalOf(exit), "DuplicateTask")
      }
      assert.strictEqual(seen.peak, 1)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Single.run({ id: "k" }))))
    })
  )

  race(
    "H3: a pool that joins a task while it ends waits for it, and counts it once",
    { workers: 2 },
    [Once],
    Effect.gen(function*() {
      yield* exclusive("k")
      const pools = [yield* TaskPool.make(), yield* TaskPool.make()]
      const held = pools.map((pool, i) =>
        Effect.gen(function*() {
          if (i === 1) yield* Effect.yieldNow
          const task = yield* Once.dispatch({ id: "k" }, { pool })
          const status = yield* pool.join
          assert.strictEqual((yield* task.status).state, "Exited")
          assert.deepInclude(status, { state: "done", total: 1, complete: 1 })
        })
      )
      yield* together(...held)
    })
  )

  race(
    "H3: a shared task is stopped when both of its pools are cancelled, whichever comes last",
    { workers: 2 },
    [Once],
    Effect.gen(function*() {
      const seen = yield* exclusive("k", Effect.never)
      const [first, second] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const task = yield* Once.dispatch({ id: "k" }, { pool: first })
      yield* Once.dispatch({ id: "k" }, { pool: second })
      yield* together(Effect.andThen(Effect.yieldNow, first.cancel()), Effect.andThen(Effect.yieldNow, second.cancel()))
      assert.strictEqual(outcomeOf(yield* task.exit), "canceled")
      assert.strictEqual(seen.inside, 0)
      for (const pool of [first, second]) {
        assert.deepInclude(yield* pool.status, { state: "done", total: 1, complete: 1, canceled: 1 })
      }
    })
  )

  race(
    "tasks that supersede each other run one at a time, and the last is the one that stays",
    { workers: 4 },
    [Newest],
    Effect.gen(function*() {
      const seen = yield* exclusive("k")
      const dispatched = Effect.andThen(Effect.yieldNow, Newest.dispatch({ id: "k" }))
      const tasks = yield* Effect.all([dispatched, dispatched, dispatched], { concurrency: "unbounded" })
      const ends = yield* Effect.forEach(tasks, (task) => Effect.map(task.exit, outcomeOf))
      assert.strictEqual(seen.peak, 1)
      const last = tasks.toSorted((a, b) => a.id < b.id ? -1 : 1).at(-1)!
      assert.strictEqual(outcomeOf(yield* last.exit), "success")
      assert.notInclude(ends, "error")
    })
  )

  race(
    "a recompute that races with a cancel, an exit and another recompute runs nothing twice at once",
    { workers: 4 },
    [],
    Effect.gen(function*() {
      const seen = yield* exclusive("a")
      const task = yield* work("a")
      const again = Effect.andThen(Effect.yieldNow, Effect.flatMap(task.recompute, (next) => next.exit))
      const [, one, two] = yield* Effect.all([Effect.andThen(Effect.yieldNow, task.cancel()), again, again], {
        concurrency: "unbounded"
      })
      assert.include(["success", "canceled"], outcomeOf(one))
      assert.include(["success", "canceled"], outcomeOf(two))
      assert.strictEqual(seen.inside, 0)
    })
  )

  race(
    "a kept result is reused or the work joined, never done twice",
    { workers: 2 },
    [Kept],
    Effect.gen(function*() {
      const seen = yield* exclusive("k")
      const pool = yield* TaskPool.make()
      const run = Effect.flatMap(Kept.dispatch({ id: "k" }, { pool }), (task) => task.await)
      const later = Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.yieldNow, run))
      const ids = yield* Effect.all([run, later, Effect.andThen(later, later)], { concurrency: "unbounded" })
      yield* pool.join
      assert.strictEqual(seen.peak, 1)
      assert.strictEqual(yield* Kept.run({ id: "k" }), ids.at(-1))
    })
  )

  race(
    "H7: a hook that is registered while its task ends runs exactly once, and sees the exit",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const task = yield* work("a")
      const hook = (name: string) =>
        task.onExit((exit) => Effect.andThen(Effect.yieldNow, seen.push(`${name} ${outcomeOf(exit)}`)))
      yield* hook("a")
      const later = (name: string) => Effect.andThen(Effect.yieldNow, hook(name))
      yield* together(hook("b"), later("c"), Effect.andThen(Effect.yieldNow, later("d")), task.exit)
      assert.strictEqual(seen.log[0], "a success")
      assert.sameMembers(seen.log, ["a success", "b success", "c success", "d success"])
    })
  )

  race(
    "H7: a hook that a handler registers on a task that has ended may dispatch and wait: it lends the handler's worker",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const child = yield* work("child")
          yield* child.exit
          yield* child.onExit(() =>
            Effect.flatMap(work("late"), (task) => Effect.andThen(task.exit, seen.push("hook")))
          )
        }))
      yield* parent.await
      assert.deepStrictEqual(seen.log, ["hook"])
    })
  )

  race(
    "H7: a hook that a handler registers on a task that has ended may cancel the handler's own task",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const seen = trace()
      const parent = yield* work("parent", (self) =>
        Effect.gen(function*() {
          const own = yield* taskById(self.id)
          const child = yield* work("child")
          yield* child.exit
          yield* child.onExit(() => Effect.andThen(own.cancel(), seen.push("hook")))
          yield* Effect.never
        }))
      yield* together(parent.exit, Effect.andThen(Effect.yieldNow, parent.exit))
      assert.strictEqual(outcomeOf(yield* parent.exit), "canceled")
      assert.deepStrictEqual(seen.log, ["hook"])
    })
  )

  race(
    "H5: each message is taken by the task, or its sender is told that the task has ended",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const taken = trace()
      const task = yield* work(
        "a",
        (self) => Effect.forEach([1, 2], () => Effect.flatMap(Queue.take(self.inbox), taken.push))
      )
      const sent = (message: string) => Effect.exit(task.send(message))
      const exits = yield* Effect.all([sent("a"), Effect.andThen(Effect.yieldNow, sent("b")), sent("c")], {
        concurrency: "unbounded"
      })
      yield* task.await
      assert.strictEqual(taken.log.length, 2)
      assert.isAtLeast(exits.filter(Exit.isSuccess).length, 2)
      assert.strictEqual((yield* Effect.exit(task.send("late")))._tag, "Failure")
    })
  )
})

describe("I. Readers under every schedule", () => {
  race(
    "I: a reader of progress sees no value twice or out of order, and always the last",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task = yield* work(
        "a",
        (self) => Effect.forEach([1, 2, 3], (n) => Effect.andThen(self.report(n), Effect.yieldNow))
      )
      const read = Effect.gen(function*() {
        const seen: Array<number> = []
        yield* Stream.runForEach(task.progress, (n) => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.push(n))))
        assert.deepStrictEqual(seen, [...new Set(seen)].toSorted())
        assert.strictEqual(seen.at(-1), 3)
      })
      const brief = yield* Effect.forkChild(Stream.runDrain(task.progress))
      yield* together(read, Effect.andThen(Effect.yieldNow, read), Fiber.interrupt(brief), task.exit)
      yield* read
    })
  )

  race(
    "I: the first progress is the first report, or nothing at the end, even of a cancelled task",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const task = yield* work("a", (self) => Effect.andThen(Effect.yieldNow, self.report(1)))
      const [first] = yield* Effect.all([task.firstProgress, Effect.andThen(Effect.yieldNow, task.cancel())], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(first, yield* task.firstProgress)
      assert.deepStrictEqual(first, (yield* task.status).progress)
      if (outcomeOf(yield* task.exit) === "success") assert.deepStrictEqual(first, Option.some(1))
    })
  )

  race(
    "I: a handler that follows another task's progress lends its worker to it",
    { workers: 1 },
    [],
    Effect.gen(function*() {
      const parent = yield* work("parent", () =>
        Effect.gen(function*() {
          const child = yield* work("child", (self) =>
            Effect.forEach([1, 2], (n) => Effect.andThen(Effect.yieldNow, self.report(n))))
          return yield* Stream.runLast(child.progress)
        }))
      assert.deepStrictEqual(yield* parent.await, Option.some(2))
    })
  )

  race(
    "I: listeners that come and go see events in order and without a gap",
    { workers: 2 },
    [],
    Effect.gen(function*() {
      const { events } = yield* WorkerPool
      const held = gate()
      const listen = Effect.gen(function*() {
        const seqs: Array<number> = []
        yield* Stream.runForEach(
          Stream.takeUntil(events, ({ _tag }) => _tag === "PoolDone"),
          (event) => Effect.sync(() => event._tag === "Missed" ? assert.fail("missed") : seqs.push(event.seq))
        )
        assert.deepStrictEqual(seqs, Array.from(seqs, (_, i) => seqs[0]! + i))
      })
      const brief = yield* Effect.forkChild(Stream.runDrain(events))
      const staying = yield* Effect.forkChild(listen)
      yield* TestClock.adjust(0)
      const pool = yield* TaskPool.make()
      yield* Effect.forEach(["a", "b"], (id) => work(id, () => held.wait, { pool }))
      yield* together(Effect.andThen(Effect.yieldNow, Fiber.interrupt(brief)), held.open, pool.join)
      yield* Fiber.join(staying)
    })
  )
})
