import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Option, Schedule } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  elapse,
  gate,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  stateOf,
  TestError,
  testPool,
  timedOut,
  trace,
  withPool,
  work
} from "../support.ts"

class Timed extends Job.make("Timed", { ...scripted, timeout: "1 second", queueTimeout: "1 minute" }) {}
class Retried extends Job.make("Retried", {
  ...scripted,
  timeout: "1 second",
  retry: { schedule: Schedule.spaced("400 millis") }
}) {}
class Joining extends Job.make("Joining", { ...scripted, unique: true }) {}
class Rejecting extends Job.make("Rejecting", { ...scripted, unique: "reject" }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede", queueTimeout: "1 hour" }) {}
class Single extends Job.make("Single", { ...scripted, concurrency: 1 }) {}
class Forever extends Job.make("Forever", { ...scripted, persistent: true }) {}

const never = () => Effect.never
const waitingFor = (task: ScriptedTask) => Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))
const phaseOf = (task: ScriptedTask) =>
  Effect.map(task.exit, (exit) => {
    const { after, phase } = timedOut(exit)
    return { after, phase }
  })

/** Ends nothing before `millis` have passed, and ends the task at that very millisecond. */
const endsAfter = (task: ScriptedTask, millis: number) =>
  Effect.gen(function*() {
    yield* elapse(millis - 1)
    assert.notInclude(["Stopping", "Exited"], yield* stateOf(task))
    yield* elapse(1)
    assert.strictEqual(yield* stateOf(task), "Exited")
  })

describe("R8 Timeouts", () => {
  describe("timeout", () => {
    it.effect("ends the task as error with TaskTimeout when it has passed", () =>
      Effect.gen(function*() {
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" })
        yield* endsAfter(task, 1000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 1000, phase: "running" })
        assert.deepStrictEqual((yield* task.status).exitStatus, Option.some("error"))
      }).pipe(withPool({}, Timed)))

    it.effect("counts from the first start", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* work("busy", () => held.wait)
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" })
        yield* elapse(20_000)
        assert.strictEqual(yield* stateOf(task), "Queued")
        yield* held.open
        yield* endsAfter(task, 1000)
      }).pipe(withPool({ workers: 1 }, Timed)))

    it.effect("counts from the start, also where the handler blocks the thread at first", () =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        let ahead = 0
        const blocking: Clock.Clock = new Proxy(clock, {
          get: (target, key) =>
            key === "currentTimeMillisUnsafe"
              ? () => clock.currentTimeMillisUnsafe() + ahead
              : key === "monotonicTimeNanosUnsafe"
              ? () => clock.monotonicTimeNanosUnsafe() + BigInt(ahead * 1e6)
              : Reflect.get(target, key, target)
        })
        yield* Effect.gen(function*() {
          const task = yield* work("a", () => Effect.andThen(Effect.sync(() => (ahead += 5000)), Effect.never), {
            timeout: "10 seconds"
          })
          yield* awaitState(task, "Running")
          yield* elapse(4999, 1)
          assert.strictEqual(yield* stateOf(task), "Running")
          yield* elapse(1, 1)
          timedOut(yield* task.exit)
        }).pipe(withPool(), Effect.provideService(Clock.Clock, blocking))
      }))

    it.effect("is not put off by another deadline that is set when one before it passes", () =>
      Effect.gen(function*() {
        const task = yield* work("b", never, { timeout: "2 seconds" })
        yield* awaitState(task, "Running")
        // after its delay it waits for a slot, at most an hour
        yield* work("a", undefined, { delay: "1 second", queueTimeout: "1 hour" })
        yield* elapse(2000, 2)
        timedOut(yield* task.exit)
      }).pipe(withPool({ workers: 1 })))

    it.effect("includes sleeping", () =>
      Effect.gen(function*() {
        yield* script("a", (self) => self.whileSleeping(Effect.never))
        const task = yield* Timed.dispatch({ id: "a" })
        yield* awaitState(task, "Sleeping")
        yield* endsAfter(task, 1000)
        yield* phaseOf(task)
      }).pipe(withPool({}, Timed)))

    it.effect("includes the wait for a slot after sleeping", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("a", (self) => self.whileSleeping(held.wait))
        const task = yield* Timed.dispatch({ id: "a" })
        yield* awaitState(task, "Sleeping")
        const busy = yield* work("busy", never)
        yield* awaitState(busy, "Running")
        yield* held.open
        yield* endsAfter(task, 1000)
        yield* phaseOf(task)
      }).pipe(withPool({ workers: 1 }, Timed)))

    it.effect("includes retries and their delays", () =>
      Effect.gen(function*() {
        let attempts = 0
        yield* script("a", () => Effect.suspend(() => Effect.fail(new TestError({ id: `${++attempts}` }))))
        const task = yield* Retried.dispatch({ id: "a" })
        yield* endsAfter(task, 1000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 1000, phase: "running" })
        assert.strictEqual(attempts, 3)
      }).pipe(withPool({}, Retried)))

    it.effect("of a dispatch replaces the job's", () =>
      Effect.gen(function*() {
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" }, { timeout: "5 seconds" })
        yield* endsAfter(task, 5000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 5000, phase: "running" })
      }).pipe(withPool({}, Timed)))

    it.effect("does what a cancel does: interrupts, runs finalizers and hooks, stops the tasks below", () =>
      Effect.gen(function*() {
        const seen = trace()
        const children: Array<ScriptedTask> = []
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer(() => seen.push("finalizer"))
            const pool = yield* TaskPool.make()
            children.push(yield* work("child", never, { pool }))
            yield* Effect.onInterrupt(pool.join, () => seen.push("interrupted"))
          }), { timeout: 10 })
        yield* task.onFailure(() => seen.push("onFailure"))
        yield* elapse(10)
        assert.deepStrictEqual(seen.log, ["interrupted", "finalizer", "onFailure"])
        canceled(yield* children[0]!.exit)
        timedOut(yield* task.exit)
      }).pipe(withPool()))

    it.effect("does nothing to a task that ends before", () =>
      Effect.gen(function*() {
        yield* script("a", () => Effect.as(Effect.sleep(999), "done"))
        const task = yield* Timed.dispatch({ id: "a" })
        yield* elapse(5000)
        assert.deepStrictEqual(yield* task.exit, Exit.succeed("done"))
      }).pipe(withPool({}, Timed)))

    it.effect("waits for a handler that cannot be interrupted, which ends as timed out", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("a", () => Effect.uninterruptible(Effect.as(held.wait, "done")))
        const task = yield* Timed.dispatch({ id: "a" })
        yield* elapse(1000)
        assert.strictEqual(yield* stateOf(task), "Stopping")
        yield* held.open
        timedOut(yield* task.exit)
      }).pipe(withPool({}, Timed)))
  })

  describe("setTimeout", () => {
    const changes = [{ name: "earlier", millis: 200 }, { name: "later", millis: 5000 }]
    it.effect.each(changes)("makes the deadline $name, counted from now", ({ millis }) =>
      Effect.gen(function*() {
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" })
        yield* elapse(500)
        yield* task.setTimeout(millis)
        yield* endsAfter(task, millis)
        assert.deepStrictEqual(yield* phaseOf(task), { after: millis, phase: "running" })
      }).pipe(withPool({}, Timed)))

    it.effect("gives a deadline to a task without one, from inside too", () =>
      Effect.gen(function*() {
        const task = yield* work("a", (self) => Effect.andThen(self.setTimeout("2 seconds"), Effect.never))
        yield* endsAfter(task, 2000)
      }).pipe(withPool()))

    it.effect("before the first start counts from that start", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* work("busy", () => held.wait)
        const task = yield* work("a", never)
        yield* task.setTimeout("2 seconds")
        yield* elapse(10_000)
        assert.strictEqual(yield* stateOf(task), "Queued")
        yield* held.open
        yield* endsAfter(task, 2000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "running" })
      }).pipe(withPool({ workers: 1 })))

    it.effect("applied again and again, only the last deadline fires", () =>
      Effect.gen(function*() {
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" })
        for (let i = 0; i < 20; i++) {
          yield* elapse(900)
          yield* task.setTimeout("1 second")
        }
        yield* endsAfter(task, 1000)
      }).pipe(withPool({}, Timed)))
  })

  describe("clearTimeout", () => {
    it.effect("takes the deadline away, from outside and inside", () =>
      Effect.gen(function*() {
        yield* script("a", never)
        const outside = yield* Timed.dispatch({ id: "a" })
        yield* script("b", (self) => Effect.andThen(self.clearTimeout, Effect.never))
        const inside = yield* Timed.dispatch({ id: "b" })
        yield* elapse(500)
        yield* outside.clearTimeout
        yield* elapse(3_600_000)
        assert.strictEqual(yield* stateOf(outside), "Running")
        assert.strictEqual(yield* stateOf(inside), "Running")
      }).pipe(withPool({}, Timed)))

    it.effect("before the first start takes the job's timeout away", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* work("busy", () => held.wait)
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" })
        yield* task.clearTimeout
        yield* held.open
        yield* elapse(50_000)
        assert.strictEqual(yield* stateOf(task), "Running")
      }).pipe(withPool({ workers: 1 }, Timed)))
  })

  describe("no timer outlives its task", () => {
    /** Runs a test whose clock counts the sleeps that go on. */
    const countingSleeps = <A, E, R>(test: (sleeps: () => number) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.clockWith((clock) => {
        let asleep = 0
        const sleep: Clock.Clock["sleep"] = (duration) =>
          Effect.suspend(() => {
            asleep++
            return Effect.ensuring(clock.sleep(duration), Effect.sync(() => asleep--))
          })
        const counting: Clock.Clock = Object.create(clock, { sleep: { value: sleep } })
        return Effect.provideService(test(() => asleep), Clock.Clock, counting)
      })

    it.effect("that has run, was cancelled, or was delayed", () =>
      countingSleeps((sleeps) =>
        Effect.gen(function*() {
          const held = gate()
          const options = { timeout: "1 hour", queueTimeout: "1 hour" } as const
          const tasks = [
            yield* work("a", () => held.wait, options),
            yield* work("b", never, options),
            yield* work("c", undefined, { ...options, delay: "1 hour" })
          ]
          yield* settleTurns
          assert.isAbove(sleeps(), 0)
          yield* held.open
          yield* tasks[1]!.cancel()
          yield* tasks[2]!.cancel()
          yield* Effect.forEach(tasks, (task) => task.exit)
          yield* settleTurns
          assert.strictEqual(sleeps(), 0)
        }).pipe(withPool())
      ))

    it.effect("that was cancelled behind its key", () =>
      countingSleeps((sleeps) =>
        Effect.gen(function*() {
          const held = gate()
          yield* script("k", () => Effect.uninterruptible(held.wait))
          const first = yield* Newest.dispatch({ id: "k" })
          yield* awaitState(first, "Running")
          const second = yield* Newest.dispatch({ id: "k" })
          yield* settleTurns
          assert.strictEqual(sleeps(), 1)
          yield* second.cancel()
          yield* settleTurns
          assert.strictEqual(sleeps(), 0)
          yield* held.open
        }).pipe(withPool({}, Newest))
      ))
  })

  describe("queueTimeout", () => {
    it.effect("ends a task that waits too long for its first start: no handler, hooks, counted as failed", () =>
      Effect.gen(function*() {
        const seen = trace()
        const pool = yield* TaskPool.make()
        yield* work("busy", never)
        yield* script("a", () => seen.push("handler"))
        const task = yield* Timed.dispatch({ id: "a" }, { pool })
        yield* task.onFailure(() => seen.push("onFailure"))
        yield* endsAfter(task, 60_000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 60_000, phase: "queued" })
        assert.deepStrictEqual(seen.log, ["onFailure"])
        const { complete, failed, queued } = yield* pool.status
        assert.deepStrictEqual({ complete, failed, queued }, { complete: 1, failed: 1, queued: 0 })
      }).pipe(withPool({ workers: 1 }, Timed)))

    it.effect("counts while the workers are paused", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        yield* workerPool.pause
        const task = yield* work("a", undefined, { queueTimeout: "2 seconds" })
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "paused")
        yield* endsAfter(task, 2000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "queued" })
      }).pipe(withPool()))

    it.effect("counts while the task waits for its key", () =>
      Effect.gen(function*() {
        const hook = gate()
        const holder = yield* Joining.dispatch({ id: "a" })
        yield* holder.onExit(() => hook.wait)
        yield* awaitState(holder, "Exited")
        const task = yield* Joining.dispatch({ id: "a" }, { queueTimeout: "2 seconds" })
        assert.notStrictEqual(task.id, holder.id)
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "key")
        yield* endsAfter(task, 2000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "queued" })
        yield* hook.open
      }).pipe(withPool({}, Joining)))

    it.effect("counts while the task waits for a permit", () =>
      Effect.gen(function*() {
        yield* script("busy", never)
        const busy = yield* Single.dispatch({ id: "busy" })
        yield* awaitState(busy, "Running")
        const task = yield* Single.dispatch({ id: "a" }, { queueTimeout: "2 seconds" })
        yield* settleTurns
        assert.strictEqual(yield* waitingFor(task), "job-concurrency")
        yield* endsAfter(task, 2000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "queued" })
      }).pipe(withPool({}, Single)))

    it.effect("is over once the task has started", () =>
      Effect.gen(function*() {
        const task = yield* work("a", never, { queueTimeout: "2 seconds" })
        yield* awaitState(task, "Running")
        yield* elapse(60_000)
        assert.strictEqual(yield* stateOf(task), "Running")
      }).pipe(withPool()))

    it.effect("is over once the task has started, also while it sleeps and waits to resume", () =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", (self) => self.whileSleeping(held.wait), { queueTimeout: "2 seconds" })
        yield* awaitState(task, "Sleeping")
        const busy = yield* work("busy", never)
        yield* awaitState(busy, "Running")
        yield* held.open
        yield* elapse(60_000)
        assert.strictEqual(yield* stateOf(task), "Sleeping")
        yield* busy.cancel()
        yield* task.await
      }).pipe(withPool({ workers: 1 })))

    it.effect("counts from the end of the delay", () =>
      Effect.gen(function*() {
        yield* work("busy", never)
        const task = yield* work("a", undefined, { delay: "10 seconds", queueTimeout: "2 seconds" })
        yield* endsAfter(task, 12_000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "queued" })
      }).pipe(withPool({ workers: 1 })))

    it.effect("is not touched by setTimeout and clearTimeout", () =>
      Effect.gen(function*() {
        yield* work("busy", never)
        const task = yield* work("a", undefined, { queueTimeout: "2 seconds" })
        yield* task.setTimeout("1 second")
        yield* task.clearTimeout
        yield* endsAfter(task, 2000)
      }).pipe(withPool({ workers: 1 })))
  })

  describe("a delayed task", () => {
    it.effect("is Queued, waits for \"delay\", and is counted at once", () =>
      Effect.gen(function*() {
        const workerPool = yield* WorkerPool
        const pool = yield* TaskPool.make()
        const task = yield* work("a", undefined, { pool, delay: "10 seconds" })
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task), "Queued")
        assert.strictEqual(yield* waitingFor(task), "delay")
        const { queued, total } = yield* pool.status
        assert.deepStrictEqual([queued, total], [1, 1])
        const status = yield* workerPool.status
        assert.deepStrictEqual([status.queued, status.delayed, status.dispatched], [0, 1, 1])
        yield* elapse(9999)
        assert.strictEqual(yield* stateOf(task), "Queued")
        yield* elapse(1)
        assert.strictEqual(yield* stateOf(task), "Exited")
      }).pipe(withPool()))

    it.effect("holds its key at once", () =>
      Effect.gen(function*() {
        const task = yield* Rejecting.dispatch({ id: "a" }, { delay: "10 seconds" })
        const { reason } = yield* Effect.flip(Rejecting.dispatch({ id: "a" }))
        assert.deepInclude(reason, { _tag: "DuplicateTask", taskId: task.id })
      }).pipe(withPool({}, Rejecting)))

    it.effect("queues after its delay as if it had just come", () =>
      Effect.gen(function*() {
        const seen = trace()
        const held = gate()
        yield* work("busy", () => held.wait)
        const delayed = yield* work("delayed", () => seen.push("delayed"), { delay: "1 second" })
        yield* elapse(500)
        yield* work("during", () => seen.push("during"))
        yield* elapse(500)
        assert.strictEqual(yield* waitingFor(delayed), "slot")
        const after = yield* work("after", () => seen.push("after"))
        yield* held.open
        yield* after.await
        assert.deepStrictEqual(seen.log, ["during", "delayed", "after"])
      }).pipe(withPool({ workers: 1 })))

    it.effect("holds up its sealed pool", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* work("a", undefined, { pool, delay: "10 seconds" })
        const join = yield* Effect.forkChild(pool.join)
        yield* elapse(9999)
        assert.isUndefined(join.pollUnsafe())
        yield* elapse(1)
        assert.strictEqual((yield* Fiber.join(join)).complete, 1)
      }).pipe(withPool()))

    it.effect("has its timeout from the start, not from the dispatch", () =>
      Effect.gen(function*() {
        const task = yield* work("a", never, { delay: "10 seconds", timeout: "2 seconds" })
        yield* endsAfter(task, 12_000)
        assert.deepStrictEqual(yield* phaseOf(task), { after: 2000, phase: "running" })
      }).pipe(withPool()))

    it.effect("has from its start the timeout that was set during the delay", () =>
      Effect.gen(function*() {
        yield* script("a", never)
        const task = yield* Timed.dispatch({ id: "a" }, { delay: "1 minute" })
        yield* task.setTimeout("3 seconds")
        yield* elapse(60_000, 1)
        yield* awaitState(task, "Running")
        yield* endsAfter(task, 3000)
      }).pipe(withPool({}, Timed)))
  })

  it.effect("what has no deadline sleeps nowhere: a timeout that was cleared, a result kept for ever", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let sleeps = 0
      const counting: Clock.Clock = new Proxy(clock, {
        get: (target, key) => {
          if (key === "sleep") sleeps++
          return Reflect.get(target, key, target)
        }
      })
      yield* Effect.gen(function*() {
        const held = gate()
        const task = yield* work("a", (self) => Effect.andThen(self.clearTimeout, held.wait))
        yield* task.clearTimeout
        yield* awaitState(task, "Running")
        yield* task.clearTimeout
        yield* Forever.run({ id: "b" })
        yield* held.open
        yield* task.await
        assert.strictEqual(sleeps, 0)
      }).pipe(Effect.provide(testPool({}, Forever)), Effect.provideService(Clock.Clock, counting))
    }))

  it.effect("a task that has ended gets no deadline, though its hooks still run", () =>
    Effect.gen(function*() {
      const held = gate()
      const task = yield* work("a")
      yield* task.onExit(() => held.wait)
      yield* awaitState(task, "Exited")
      yield* task.setTimeout(10)
      yield* elapse(20)
      yield* held.open
      assert.strictEqual(yield* task.await, "a")
      yield* task.setTimeout("1 hour") // nor is a timer left
    }).pipe(withPool()))
})
