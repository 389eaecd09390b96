import { assert, describe, it } from "@effect/vitest"
import {
  BigDecimal,
  Chunk,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  HashMap,
  HashSet,
  Layer,
  Option,
  References,
  Schema,
  SchemaTransformation,
  Scope
} from "effect"
import { DispatchError, DuplicateTask, Job, type Task, TaskPool, WorkerPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  elapse,
  eventually,
  failure,
  gate,
  script,
  scripted,
  scriptedLayer,
  type ScriptedTask,
  settleTurns,
  stateOf,
  timedOut,
  trace,
  withPool,
  type Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Keyed extends Job.make("Keyed", { ...scripted, unique: true, key: ({ id }) => id }) {}
class Other extends Job.make("Other", { ...scripted, unique: "join" }) {}
class Single extends Job.make("Single", { ...scripted, unique: "reject" }) {}
class Newest extends Job.make("Newest", { ...scripted, unique: "supersede" }) {}

type AnyScripted<Tag extends string> = Job.Job<
  Tag,
  typeof Work.payloadSchema,
  typeof Work.successSchema,
  typeof Work.errorSchema,
  typeof Work.progressSchema,
  typeof Work.messageSchema
>

const ten = Array.from({ length: 10 }, (_, n) => n)

const waitingFor = (task: ScriptedTask) => Effect.map(task.status, (status) => Option.getOrNull(status.waitingFor))

/** Fails unless the task is Queued behind its key. */
const behindKey = (task: ScriptedTask) =>
  Effect.gen(function*() {
    assert.strictEqual(task.origin, "created")
    assert.strictEqual(yield* stateOf(task), "Queued")
    assert.strictEqual(yield* waitingFor(task), "key")
  })

/** Scripts `id` so that each of its runs logs its start, its end and what holds it. */
const logged = (id: string, seen: { push(entry: string): Effect.Effect<void> }, held: Effect.Effect<void>) =>
  script(id, (task) =>
    Effect.gen(function*() {
      yield* seen.push(`start ${task.id}`)
      yield* Effect.addFinalizer(() => seen.push(`end ${task.id}`))
      yield* held
    }))

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = failure(exit)
  assert.instanceOf(error, DispatchError)
  return (error as DispatchError).reason
}

/** Runs a task of `job` and keeps it in its finalizer, or in a hook, until the gate is opened. */
const dying = <Tag extends string>(job: AnyScripted<Tag>, how: "Stopping" | "hooks") =>
  Effect.gen(function*() {
    const held = gate()
    let runs = 0
    yield* script("k", (task) =>
      Effect.suspend(() => {
        if (++runs > 1) return Effect.succeed("next")
        const end = how === "hooks" ? task.onExit(() => held.wait) : Effect.addFinalizer(() => held.wait)
        return Effect.as(end, "first")
      }))
    const task = yield* job.dispatch({ id: "k" })
    yield* awaitState(task, how === "hooks" ? "Exited" : "Stopping")
    return { task, held }
  })

const ends = ["Stopping", "hooks"] as const

describe("R15 Unique keys", () => {
  describe("join", () => {
    it.effect("a dispatch that finds the holder Queued, Running or Sleeping gets the same task", () =>
      Effect.gen(function*() {
        const [busy, running, sleeping] = [gate(), gate(), gate()]
        let runs = 0
        yield* work("busy", () => busy.wait)
        yield* script("k", (task) =>
          Effect.gen(function*() {
            runs++
            yield* running.wait
            yield* task.whileSleeping(sleeping.wait)
            return "done"
          }))
        const first = yield* Once.dispatch({ id: "k" })
        assert.strictEqual(first.origin, "created")
        const joined: Array<ScriptedTask> = []
        for (const [state, next] of [["Queued", busy], ["Running", running], ["Sleeping", sleeping]] as const) {
          yield* awaitState(first, state)
          joined.push(yield* Once.dispatch({ id: "k" }))
          assert.strictEqual(yield* stateOf(first), state)
          yield* next.open
        }
        for (const task of joined) {
          assert.deepInclude(task, { id: first.id, origin: "joined" })
          assert.strictEqual(yield* task.await, "done")
        }
        assert.strictEqual(runs, 1)
      }).pipe(withPool({ workers: 1 }, Once)))

    it.effect("a hundred dispatches at once make one task", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        const tasks = yield* Effect.forEach(Array(100), () => Once.dispatch({ id: "k" }), { concurrency: "unbounded" })
        assert.strictEqual(new Set(tasks.map(({ id }) => id)).size, 1)
        assert.strictEqual(tasks.filter(({ origin }) => origin === "created").length, 1)
        assert.strictEqual((yield* Once.tasks).length, 1)
      }).pipe(withPool({}, Once)))

    it.effect("the second pool, and its ancestors, count the task and wait for it", () =>
      Effect.gen(function*() {
        const [held, joined] = [gate(), gate()]
        yield* script("k", () => held.wait)
        const first = yield* TaskPool.make()
        yield* Once.dispatch({ id: "k" }, { pool: first })
        const root = yield* TaskPool.make()
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            const pool = yield* TaskPool.make()
            yield* Once.dispatch({ id: "k" }, { pool })
            yield* joined.open
            yield* pool.join
            return yield* pool.status
          }), { pool: root })
        yield* joined.wait
        yield* awaitState(parent, "Sleeping")
        assert.deepInclude(yield* root.status, { total: 2, running: 1, sleeping: 1, complete: 0 })
        assert.deepInclude(yield* first.status, { total: 1, running: 1 })
        yield* held.open
        assert.deepInclude(yield* parent.await, { state: "done", total: 1, complete: 1 })
        assert.deepInclude(yield* root.join, { total: 2, complete: 2 })
        assert.deepInclude(yield* first.join, { total: 1, complete: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("the second pool's join waits for the task's hooks too", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("k", (task) => task.onExit(() => held.wait))
        const pool = yield* TaskPool.make()
        const first = yield* Once.dispatch({ id: "k" })
        yield* Once.dispatch({ id: "k" }, { pool })
        const join = yield* Effect.forkChild(pool.join)
        yield* awaitState(first, "Exited")
        yield* settleTurns
        assert.isUndefined(join.pollUnsafe())
        yield* held.open
        assert.deepInclude(yield* Fiber.join(join), { complete: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("joining a pool that already holds the task counts nothing", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("k", () => held.wait)
        const [home, guest] = [yield* TaskPool.make(), yield* TaskPool.make()]
        for (const pool of [home, home, guest, guest, home]) yield* Once.dispatch({ id: "k" }, { pool })
        for (const pool of [home, guest]) assert.deepInclude(yield* pool.status, { total: 1, complete: 0 })
        yield* held.open
        for (const pool of [home, guest]) assert.deepInclude(yield* pool.join, { state: "done", total: 1, complete: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("ignores the timeouts and the delay of the joining dispatch", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        const busy = gate()
        yield* work("busy", () => busy.wait)
        const first = yield* Once.dispatch({ id: "k" })
        const options = { timeout: "1 second", queueTimeout: "1 second", delay: "1 hour" } as const
        yield* Once.dispatch({ id: "k" }, options)
        yield* elapse(5000)
        assert.strictEqual(yield* waitingFor(first), "slot")
        yield* busy.open
        yield* awaitState(first, "Running")
        yield* elapse(5000)
        assert.strictEqual(yield* stateOf(first), "Running")
      }).pipe(withPool({ workers: 1 }, Once)))

    it.effect("a higher priority raises a queued task, a lower one does not lower it", () =>
      Effect.gen(function*() {
        const [busy, seen] = [gate(), trace()]
        yield* work("busy", () => busy.wait)
        yield* script("k", () => seen.push("k"))
        const task = yield* Once.dispatch({ id: "k" }, { priority: 1 })
        yield* work("two", () => seen.push("two"), { priority: 2 })
        yield* Once.dispatch({ id: "k" }, { priority: 0 })
        assert.strictEqual((yield* task.status).priority, 1)
        yield* Once.dispatch({ id: "k" }, { priority: 3 })
        assert.strictEqual((yield* task.status).priority, 3)
        yield* busy.open
        yield* settleTurns
        assert.deepStrictEqual(seen.log, ["k", "two"])
      }).pipe(withPool({ workers: 1 }, Once)))

    it.effect("a free key makes a new task", () =>
      Effect.gen(function*() {
        const first = yield* Once.dispatch({ id: "k" })
        yield* first.await
        const second = yield* Once.dispatch({ id: "k" })
        assert.strictEqual(second.origin, "created")
        assert.notStrictEqual(second.id, first.id)
        assert.strictEqual(yield* second.await, "k")
      }).pipe(withPool({}, Once)))
  })

  describe("a shared task", () => {
    const shared = Effect.gen(function*() {
      const held = gate()
      yield* script("k", () => Effect.as(held.wait, "whole"))
      const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
      const task = yield* Once.dispatch({ id: "k" }, { pool: one })
      yield* Once.dispatch({ id: "k" }, { pool: two })
      yield* awaitState(task, "Running")
      return { held, one, two, task }
    })

    for (const which of ["first", "second"] as const) {
      it.effect(`goes on when the ${which} pool is cancelled: that pool counts it canceled and is done`, () =>
        Effect.gen(function*() {
          const { held, one, task, two } = yield* shared
          const [gone, kept] = which === "first" ? [one, two] : [two, one]
          yield* gone.cancel()
          assert.deepInclude(yield* gone.status, { state: "done", total: 1, complete: 1, canceled: 1, running: 0 })
          assert.strictEqual(yield* stateOf(task), "Running")
          assert.deepInclude(yield* kept.status, { total: 1, running: 1, canceled: 0 })
          yield* held.open
          assert.deepInclude(yield* kept.join, { complete: 1, canceled: 0, failed: 0 })
          assert.strictEqual(yield* task.await, "whole")
          assert.deepInclude(yield* gone.status, { total: 1, complete: 1, canceled: 1 })
        }).pipe(withPool({}, Once)))
    }

    it.effect("goes on when the pool's Scope closes", () =>
      Effect.gen(function*() {
        const { held, one, task } = yield* shared
        yield* Effect.scoped(Effect.flatMap(TaskPool.make(), (pool) => Once.dispatch({ id: "k" }, { pool })))
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* held.open
        assert.deepInclude(yield* one.join, { complete: 1, canceled: 0 })
      }).pipe(withPool({}, Once)))

    it.effect("that GLOBAL holds too goes on", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("k", () => held.wait)
        const pool = yield* TaskPool.make()
        const task = yield* Once.dispatch({ id: "k" }, { pool })
        yield* Once.dispatch({ id: "k" })
        yield* awaitState(task, "Running")
        yield* pool.cancel()
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* held.open
        assert.isTrue(Exit.isSuccess(yield* task.exit))
      }).pipe(withPool({}, Once)))

    it.effect("stops when the last pool that holds it is cancelled", () =>
      Effect.gen(function*() {
        const { one, task, two } = yield* shared
        yield* one.cancel()
        yield* two.cancel({ reason: "last" })
        assert.strictEqual(canceled(yield* task.exit).reason, "last")
        for (const pool of [one, two]) assert.deepInclude(yield* pool.status, { total: 1, complete: 1, canceled: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("stops when what is cancelled is above all the pools that hold it", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        let task: ScriptedTask | undefined
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            for (const pool of [yield* TaskPool.make(), yield* TaskPool.make()]) {
              task = yield* Once.dispatch({ id: "k" }, { pool })
            }
            yield* Effect.never
          }))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(task!), "Running")
        yield* parent.cancel()
        assert.strictEqual(yield* stateOf(task!), "Exited")
        canceled(yield* task!.exit)
      }).pipe(withPool({}, Once)))

    it.effect("is stopped by task.cancel, whoever holds it, and every pool counts it", () =>
      Effect.gen(function*() {
        const { one, task, two } = yield* shared
        yield* task.cancel()
        canceled(yield* task.exit)
        for (const pool of [one, two]) assert.deepInclude(yield* pool.settled, { total: 1, complete: 1, canceled: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("still queued when one of its pools is cancelled starts for the other", () =>
      Effect.gen(function*() {
        const busy = gate()
        yield* work("busy", () => busy.wait)
        const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const task = yield* Once.dispatch({ id: "k" }, { pool: one })
        yield* Once.dispatch({ id: "k" }, { pool: two })
        yield* one.cancel()
        yield* busy.open
        assert.strictEqual(yield* task.await, "k")
        assert.deepInclude(yield* two.join, { complete: 1, canceled: 0 })
      }).pipe(withPool({ workers: 1 }, Once)))

    it.effect("stops with its pool although a pool below it holds it too (a crawl that links back)", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const held = gate()
        yield* script(
          "a",
          () => TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: "b" }, { pool: below }), held.wait))
        )
        yield* script(
          "b",
          () => TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: "a" }, { pool: below }), held.wait))
        )
        const a = yield* Once.dispatch({ id: "a" }, { pool })
        yield* eventually("the page below links back", Effect.map(pool.status, ({ running }) => running === 2))
        yield* settleTurns
        yield* pool.cancel()
        canceled(yield* a.exit)
        assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, canceled: 2 })
      }).pipe(withPool({}, Once)))

    it.effect("stops with its pool although it and another task of that hold each other in pools of their own", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const [go, held] = [gate(), gate()]
        const linking = (to: string) => () =>
          Effect.andThen(
            go.wait,
            TaskPool.use((below) => Effect.andThen(Once.dispatch({ id: to }, { pool: below }), held.wait))
          )
        yield* script("a", linking("b"))
        yield* script("b", linking("a"))
        const tasks = [yield* Once.dispatch({ id: "a" }, { pool }), yield* Once.dispatch({ id: "b" }, { pool })]
        yield* go.open
        yield* settleTurns
        yield* pool.cancel()
        for (const task of tasks) canceled(yield* task.exit)
        assert.deepInclude(yield* pool.status, { state: "done", total: 2, complete: 2, canceled: 2 })
      }).pipe(withPool({}, Once)))

    for (const how of ["is cancelled", "times out"] as const) {
      it.effect(`stops when it ${how}, although its own pool holds it`, () =>
        Effect.gen(function*() {
          yield* script(
            "k",
            () => TaskPool.use((pool) => Effect.andThen(Once.dispatch({ id: "k" }, { pool }), Effect.never))
          )
          const task = yield* Once.dispatch({ id: "k" }, { timeout: "1 second" })
          yield* awaitState(task, "Running")
          yield* settleTurns
          yield* how === "is cancelled" ? task.cancel() : elapse(1000, 1)
          const exit = yield* task.exit
          if (how === "is cancelled") canceled(exit)
          else timedOut(exit)
        }).pipe(withPool({}, Once)))
    }

    it.effect("is listed by the pools that held it when it ended, and not by one that has let go of it", () =>
      Effect.gen(function*() {
        const { held, one, task, two } = yield* shared
        yield* one.cancel()
        yield* held.open
        yield* task.await
        assert.deepStrictEqual((yield* two.tasks).map(({ id }) => id), [task.id])
        assert.deepStrictEqual(yield* one.tasks, [])
      }).pipe(withPool({}, Once)))

    it.effect("whose run is interrupted goes on for the others", () =>
      Effect.gen(function*() {
        const { held, task } = yield* shared
        const run = yield* Effect.forkChild(Once.run({ id: "k" }), { startImmediately: true })
        yield* settleTurns
        yield* Fiber.interrupt(run)
        assert.strictEqual(yield* stateOf(task), "Running")
        yield* held.open
        assert.strictEqual(yield* task.await, "whole")
      }).pipe(withPool({}, Once)))
  })

  describe("a dying key", () => {
    for (const how of ends) {
      const when = how === "hooks" ? "while the holder's hooks run" : "while the holder is Stopping"

      it.effect(`${when}, a dispatch is accepted as Queued behind the key, and starts when that is free`, () =>
        Effect.gen(function*() {
          const { held, task } = yield* dying(Once, how)
          const next = yield* Once.dispatch({ id: "k" })
          assert.notStrictEqual(next.id, task.id)
          yield* settleTurns
          yield* behindKey(next)
          yield* held.open
          assert.strictEqual(yield* next.await, "next")
          assert.strictEqual(yield* task.await, "first")
        }).pipe(withPool({}, Once)))

      it.effect(`${when}, later dispatches join the waiting one`, () =>
        Effect.gen(function*() {
          const { held } = yield* dying(Once, how)
          const pool = yield* TaskPool.make()
          const next = yield* Once.dispatch({ id: "k" })
          const later = yield* Once.dispatch({ id: "k" }, { pool })
          assert.deepInclude(later, { id: next.id, origin: "joined" })
          assert.deepInclude(yield* pool.status, { total: 1, queued: 1 })
          yield* held.open
          assert.strictEqual(yield* later.await, "next")
        }).pipe(withPool({}, Once)))

      it.effect(`${when}, later dispatches replace the waiting one`, () =>
        Effect.gen(function*() {
          const { held } = yield* dying(Newest, how)
          const next = yield* Newest.dispatch({ id: "k" })
          yield* behindKey(next)
          const later = yield* Newest.dispatch({ id: "k" })
          yield* behindKey(later)
          canceled(yield* next.exit)
          yield* settleTurns
          yield* behindKey(later)
          yield* held.open
          assert.strictEqual(yield* later.await, "next")
        }).pipe(withPool({}, Newest)))

      it.effect(`${when}, reject still refuses`, () =>
        Effect.gen(function*() {
          const { held, task } = yield* dying(Single, how)
          assert.deepInclude(reasonOf(yield* Effect.exit(Single.dispatch({ id: "k" }))), { taskId: task.id })
          yield* held.open
          yield* task.await
          assert.strictEqual(yield* (yield* Single.dispatch({ id: "k" })).await, "next")
        }).pipe(withPool({}, Single)))
    }

    it.effect("a hook that dispatches its own key gets a task that starts after the hooks", () =>
      Effect.gen(function*() {
        const seen = trace()
        let runs = 0
        let next: ScriptedTask | undefined
        yield* script("k", (task) =>
          Effect.gen(function*() {
            yield* seen.push("run")
            if (runs++ > 0) return
            yield* task.onExit(() => Effect.tap(Once.dispatch({ id: "k" }), (t) => Effect.sync(() => next = t)))
            yield* task.onExit(() => Effect.andThen(settleTurns, seen.push("hook")))
          }))
        yield* (yield* Once.dispatch({ id: "k" })).await
        assert.strictEqual(next!.origin, "created")
        yield* next!.await
        assert.deepStrictEqual(seen.log, ["run", "hook", "run"])
      }).pipe(withPool({}, Once)))

    it.effect("one waiting for its key holds up nobody else and takes no slot", () =>
      Effect.gen(function*() {
        const { held } = yield* dying(Once, "hooks")
        const next = yield* Once.dispatch({ id: "k" }, { priority: 10 })
        assert.strictEqual(yield* (yield* work("other")).await, "other")
        yield* behindKey(next)
        assert.strictEqual((yield* (yield* WorkerPool).status).busy, 0)
        yield* held.open
        yield* next.await
      }).pipe(withPool({ workers: 1 }, Once)))

    it.effect("one cancelled while it waits for its key never runs, and the one after it waits as before", () =>
      Effect.gen(function*() {
        const { held, task } = yield* dying(Once, "Stopping")
        const next = yield* Once.dispatch({ id: "k" })
        yield* next.cancel()
        canceled(yield* next.exit)
        const third = yield* Once.dispatch({ id: "k" })
        assert.notInclude([next.id, task.id], third.id)
        yield* settleTurns
        yield* behindKey(third)
        yield* held.open
        assert.strictEqual(yield* third.await, "next")
      }).pipe(withPool({}, Once)))
  })

  describe("reject", () => {
    it.effect("fails with DuplicateTask naming the holder while that is Queued, Running or Sleeping; nothing happens", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const [busy, running] = [gate(), gate()]
        yield* work("busy", () => busy.wait)
        yield* script("k", (task) => Effect.andThen(running.wait, task.whileSleeping(Effect.never)))
        const holder = yield* Single.dispatch({ id: "k" })
        const pool = yield* TaskPool.make()
        for (const [state, next] of [["Queued", busy], ["Running", running], ["Sleeping", gate()]] as const) {
          yield* awaitState(holder, state)
          const before = yield* status
          const reason = reasonOf(yield* Effect.exit(Single.dispatch({ id: "k" }, { pool })))
          assert.instanceOf(reason, DuplicateTask)
          assert.deepInclude(reason, { taskId: holder.id, key: holder.key })
          assert.deepStrictEqual(yield* status, before)
          assert.deepInclude(yield* pool.status, { total: 0 })
          yield* next.open
        }
      }).pipe(withPool({ workers: 1 }, Single)))

    it.effect("takes other keys meanwhile", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        yield* Single.dispatch({ id: "k" })
        assert.strictEqual(yield* Single.run({ id: "l" }), "l")
      }).pipe(withPool({}, Single)))
  })

  describe("supersede", () => {
    it.effect("cancels the running holder, does not suspend, and starts when that has ended", () =>
      Effect.gen(function*() {
        const [held, seen] = [gate(), trace()]
        yield* script("k", (task) =>
          Effect.gen(function*() {
            yield* seen.push(`start ${task.id}`)
            yield* Effect.addFinalizer(() => Effect.andThen(held.wait, seen.push(`end ${task.id}`)))
            yield* Effect.never
          }))
        const first = yield* Newest.dispatch({ id: "k" })
        yield* awaitState(first, "Running")
        yield* script("k", (task) => seen.push(`start ${task.id}`))
        const dispatch = yield* Effect.forkChild(Newest.dispatch({ id: "k" }))
        yield* settleTurns
        assert.isDefined(dispatch.pollUnsafe())
        const second = yield* Fiber.join(dispatch)
        assert.strictEqual(yield* stateOf(first), "Stopping")
        yield* behindKey(second)
        yield* held.open
        yield* second.await
        assert.strictEqual(canceled(yield* first.exit).reason, "superseded")
        assert.deepStrictEqual(seen.log, [`start ${first.id}`, `end ${first.id}`, `start ${second.id}`])
      }).pipe(withPool({}, Newest)))

    it.effect("cancels a queued holder, which never runs", () =>
      Effect.gen(function*() {
        const [busy, seen] = [gate(), trace()]
        yield* work("busy", () => busy.wait)
        yield* logged("k", seen, Effect.void)
        const first = yield* Newest.dispatch({ id: "k" })
        const second = yield* Newest.dispatch({ id: "k" })
        canceled(yield* first.exit)
        yield* busy.open
        yield* second.await
        assert.deepStrictEqual(seen.log, [`start ${second.id}`, `end ${second.id}`])
      }).pipe(withPool({ workers: 1 }, Newest)))

    it.effect("in a chain, the last starts when every earlier one has ended, hooks included", () =>
      Effect.gen(function*() {
        const [finalizer, hook, seen] = [gate(), gate(), trace()]
        yield* script("k", () => Effect.andThen(Effect.addFinalizer(() => finalizer.wait), Effect.never))
        const first = yield* Newest.dispatch({ id: "k" })
        yield* awaitState(first, "Running")
        yield* script("k", (task) => seen.push(task.id))
        const second = yield* Newest.dispatch({ id: "k" })
        yield* second.onExit(() => hook.wait)
        const third = yield* Newest.dispatch({ id: "k" })
        const fourth = yield* Newest.dispatch({ id: "k" })
        yield* settleTurns
        yield* behindKey(fourth)
        yield* finalizer.open
        yield* first.exit
        yield* settleTurns
        yield* behindKey(fourth)
        yield* hook.open
        yield* fourth.await
        for (const task of [first, second, third]) canceled(yield* task.exit)
        assert.deepStrictEqual(seen.log, [fourth.id])
      }).pipe(withPool({}, Newest)))

    it.effect("a pool counts the superseded and its successor", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        const pool = yield* TaskPool.make()
        const first = yield* Newest.dispatch({ id: "k" }, { pool })
        yield* awaitState(first, "Running")
        yield* script("k", () => Effect.void)
        yield* Newest.dispatch({ id: "k" }, { pool })
        assert.deepInclude(yield* pool.join, { total: 2, complete: 2, canceled: 1, failed: 0 })
      }).pipe(withPool({}, Newest)))
  })

  describe("recompute", () => {
    it.effect("cancels a live task of any job, does not suspend, and starts when that has ended", () =>
      Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make()
        const first = yield* work("a", () => Effect.andThen(Effect.addFinalizer(() => held.wait), Effect.never), {
          pool,
          priority: 7
        })
        yield* awaitState(first, "Running")
        yield* script("a", () => Effect.succeed("again"))
        const recompute = yield* Effect.forkChild(first.recompute)
        yield* settleTurns
        assert.isDefined(recompute.pollUnsafe())
        const second = yield* Fiber.join(recompute)
        yield* behindKey(second)
        assert.deepStrictEqual(second.payload, { id: "a" })
        assert.strictEqual((yield* second.status).priority, 7)
        assert.strictEqual(second.pool.id, pool.id)
        yield* held.open
        assert.strictEqual(yield* second.await, "again")
        assert.strictEqual(canceled(yield* first.exit).reason, "recomputed")
      }).pipe(withPool()))

    it.effect("of an ended task starts at once", () =>
      Effect.gen(function*() {
        const first = yield* work("a", () => Effect.succeed(1))
        yield* first.await
        yield* script("a", () => Effect.succeed(2))
        assert.strictEqual(yield* (yield* first.recompute).await, 2)
        assert.strictEqual(yield* first.await, 1)
      }).pipe(withPool()))

    it.effect("becomes the one that later dispatches of the key join", () =>
      Effect.gen(function*() {
        const held = gate()
        yield* script("k", () => Effect.andThen(Effect.addFinalizer(() => held.wait), Effect.never))
        const first = yield* Once.dispatch({ id: "k" })
        yield* awaitState(first, "Running")
        const second = yield* first.recompute
        assert.deepInclude(yield* Once.dispatch({ id: "k" }), { id: second.id, origin: "joined" })
        yield* held.open
      }).pipe(withPool({}, Once)))
  })

  describe("keys", () => {
    it.effect("are per job", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        const one = yield* Once.dispatch({ id: "k" })
        const other = yield* Other.dispatch({ id: "k" })
        assert.deepStrictEqual([one.origin, other.origin], ["created", "created"])
        assert.notStrictEqual(one.id, other.id)
      }).pipe(withPool({}, Once, Other)))

    const long = "x".repeat(10_000)
    const alike = [
      "Aa",
      "BB",
      "AaAa",
      "BBBB",
      `${long}a`,
      `${long}b`,
      "1",
      "1.0",
      " 1",
      "",
      "null",
      "a\u0000b",
      "a\u0001b"
    ]
    const special = ["__proto__", "constructor", "toString", "\ud800", "\u00e9", "e\u0301"]

    it.effect("are compared whole", () =>
      Effect.gen(function*() {
        const seen = new Set<string>()
        for (const id of [...alike, ...special]) {
          yield* script(id, () => Effect.never)
          const task = yield* Keyed.dispatch({ id })
          assert.strictEqual(task.origin, "created", JSON.stringify(id))
          seen.add(task.id)
        }
        assert.strictEqual(seen.size, alike.length + special.length)
        for (const id of alike) assert.strictEqual((yield* Keyed.dispatch({ id })).origin, "joined", JSON.stringify(id))
      }).pipe(withPool({}, Keyed)))
  })

  describe("never two of one key at once", () => {
    const Step = Schema.Literals(["join", "recompute", "cancel", "turns", "open"])

    it.effect.prop(
      "however dispatches, recomputes and cancels of two keys are mixed",
      { steps: Schema.Array(Schema.Tuple([Step, Schema.Literals(["x", "y"])])) },
      ({ steps }) =>
        Effect.gen(function*() {
          const live = new Map([["x", 0], ["y", 0]])
          let clashes = 0
          const enter = (key: string) =>
            Effect.sync(() => {
              live.set(key, live.get(key)! + 1)
              if (live.get(key)! > 1) clashes++
            })
          const leave = (key: string) => Effect.sync(() => void live.set(key, live.get(key)! - 1))
          let held = Deferred.makeUnsafe<void>()
          const tasks = new Map<string, ScriptedTask>()
          for (const key of live.keys()) {
            yield* script(key, (task) =>
              Effect.gen(function*() {
                yield* Effect.uninterruptible(
                  Effect.andThen(enter(key), task.onExit(() => Effect.andThen(Effect.yieldNow, leave(key))))
                )
                yield* Effect.addFinalizer(() => Effect.yieldNow)
                yield* task.whileSleeping(Effect.suspend(() => Deferred.await(held)))
              }))
          }
          for (const [step, key] of steps) {
            const last = tasks.get(key)
            if (step === "join") tasks.set(key, yield* Once.dispatch({ id: key }))
            else if (step === "recompute" && last !== undefined) tasks.set(key, yield* last.recompute)
            else if (step === "cancel" && last !== undefined) yield* Effect.forkChild(last.cancel())
            else if (step === "turns") yield* settleTurns
            else if (step === "open") {
              yield* Deferred.succeed(held, undefined)
              held = Deferred.makeUnsafe<void>()
            }
          }
          yield* settleTurns
          yield* Effect.forEach(yield* Once.tasks, (task) => task.cancel())
          assert.strictEqual(clashes, 0)
          assert.deepStrictEqual([...live.values()], [0, 0])
        }).pipe(withPool({ workers: 2 }, Once)),
      { arbitrary: { runs: 60 } }
    )

    it.effect("a supersede in every turn leaves one running at a time and the last one's outcome", () =>
      Effect.gen(function*() {
        let live = 0
        let most = 0
        yield* script("k", () =>
          Effect.gen(function*() {
            most = Math.max(most, ++live)
            yield* Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => live--)))
            yield* Effect.yieldNow
            yield* Effect.yieldNow
          }))
        let last: Task.Any | undefined
        for (let n = 0; n < 200; n++) {
          last = yield* Newest.dispatch({ id: "k" })
          yield* Effect.yieldNow
        }
        assert.isTrue(Exit.isSuccess(yield* last!.exit))
        assert.strictEqual(most, 1)
        assert.strictEqual(live, 0)
      }).pipe(withPool({ workers: 4 }, Newest)))
  })

  describe("an interrupted run gives up its hold", () => {
    /** A run of "k" under way in this pool. */
    const running = (options?: Job.DispatchOptions) =>
      Effect.gen(function*() {
        const run = yield* Effect.forkChild(Once.run({ id: "k" }, options), { startImmediately: true })
        yield* settleTurns
        assert.isUndefined(run.pollUnsafe())
        return run
      })
    const held = Effect.gen(function*() {
      const end = gate()
      yield* script("k", () => Effect.as(end.wait, "whole"))
      return end
    })
    const task = Effect.map(Once.find({ id: "k" }), Option.getOrThrow)

    for (const where of ["GLOBAL", "one pool"] as const) {
      it.effect(`and the task goes on for another dispatch of the same pool (${where})`, () =>
        Effect.gen(function*() {
          const end = yield* held
          const pool = where === "GLOBAL" ? (yield* WorkerPool).global : yield* TaskPool.make()
          const runs = [yield* running({ pool }), yield* running({ pool })]
          const other = yield* Once.dispatch({ id: "k" }, { pool })
          for (const run of runs) yield* Fiber.interrupt(run)
          assert.strictEqual(yield* stateOf(other), "Running")
          assert.deepInclude(yield* pool.status, { total: 1, running: 1, canceled: 0 })
          yield* end.open
          assert.strictEqual(yield* other.await, "whole")
        }).pipe(withPool({}, Once)))
    }

    it.effect("each of several, and with the last one the task is cancelled", () =>
      Effect.gen(function*() {
        yield* script("k", () => Effect.never)
        const runs = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(Once.run({ id: "k" }), { startImmediately: true }))
        yield* settleTurns
        const [task] = yield* Once.tasks
        for (const run of runs) {
          assert.strictEqual(yield* stateOf(task!), "Running")
          yield* Fiber.interrupt(run)
        }
        assert.strictEqual(canceled(yield* task!.exit).reason, "interrupted")
      }).pipe(withPool({}, Once)))

    it.effect("and the pool lets go of the task that only other runs hold on", () =>
      Effect.gen(function*() {
        yield* held
        const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const first = yield* running({ pool: one })
        const second = yield* running({ pool: two })
        yield* Fiber.interrupt(first)
        assert.strictEqual(yield* stateOf(yield* task), "Running")
        assert.deepInclude(yield* one.status, { state: "open", total: 1, complete: 1, canceled: 1, running: 0 })
        assert.deepInclude(yield* two.status, { total: 1, running: 1, canceled: 0 })
        const found = yield* task
        yield* Fiber.interrupt(second)
        canceled(yield* found.exit)
        assert.deepInclude(yield* two.status, { total: 1, complete: 1, canceled: 1 })
      }).pipe(withPool({}, Once)))

    it.effect("also when the pool in which the task was dispatched has let go of it: nobody is left", () =>
      Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        yield* held
        const found = yield* Once.dispatch({ id: "k" }, { pool })
        const run = yield* running()
        yield* pool.cancel()
        assert.strictEqual(yield* stateOf(found), "Running")
        yield* Fiber.interrupt(run)
        assert.strictEqual(canceled(yield* found.exit).reason, "interrupted")
      }).pipe(withPool({}, Once)))

    it.effect("which is none any more when its own pool has let go: the task goes on", () =>
      Effect.gen(function*() {
        const end = yield* held
        const [one, two] = [yield* TaskPool.make(), yield* TaskPool.make()]
        const run = yield* running({ pool: one })
        const found = yield* Once.dispatch({ id: "k" }, { pool: two })
        yield* one.cancel()
        yield* Fiber.interrupt(run)
        assert.deepInclude(yield* one.status, { state: "done", total: 1, complete: 1, canceled: 1 })
        assert.strictEqual(yield* stateOf(found), "Running")
        yield* end.open
        assert.deepInclude(yield* two.join, { total: 1, complete: 1, canceled: 0 })
      }).pipe(withPool({}, Once)))

    it.effect("and when no pool is left the task is cancelled, and has stopped when the interruption returns", () =>
      Effect.gen(function*() {
        const [end, seen] = [gate(), trace()]
        yield* script(
          "k",
          () => Effect.andThen(Effect.addFinalizer(() => Effect.andThen(end.wait, seen.push("stopped"))), Effect.never)
        )
        const run = yield* running()
        const found = yield* task
        const interrupt = yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(run), seen.push("returned")))
        yield* settleTurns
        assert.strictEqual(yield* stateOf(found), "Stopping")
        yield* end.open
        yield* Fiber.join(interrupt)
        assert.deepStrictEqual(seen.log, ["stopped", "returned"])
        canceled(yield* found.exit)
      }).pipe(withPool({}, Once)))

    for (const ops of [3, 4, 5, 6, 7]) {
      it.effect(`in one step: who joins comes before or after (a yield each ${ops} steps)`, () =>
        Effect.gen(function*() {
          const workerPool = yield* WorkerPool
          for (let turns = 0; turns < 6; turns++) {
            yield* workerPool.pause
            const run = yield* Effect.forkChild(
              Effect.provideService(Once.run({ id: `${turns}` }), References.MaxOpsBeforeYield, ops)
            )
            yield* settleTurns
            yield* Effect.forkChild(Fiber.interrupt(run))
            for (let n = 0; n < turns; n++) yield* Effect.yieldNow
            const joiner = yield* Once.dispatch({ id: `${turns}` })
            yield* workerPool.resume
            assert.strictEqual(yield* joiner.await, `${turns}`)
          }
        }).pipe(withPool({}, Once)))
    }
  })

  describe("a run holds its task no longer when it", () => {
    type Run = Effect.Effect<unknown, unknown, WorkerPool | Job.Handler<"Once">>
    type Wait = Effect.Effect<unknown, any>
    /** Ends a run of "k" though that task goes on; it can be made to wait for something. */
    const ends: Record<
      string,
      (run: Run, letWait: (wait: Wait) => Effect.Effect<void>) => Effect.Effect<void, any, any>
    > = {
      "is interrupted": (run) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(run, { startImmediately: true })
          yield* settleTurns
          yield* Fiber.interrupt(fiber)
        }),
      "loses a race": (run) => Effect.asVoid(Effect.race(run, settleTurns)),
      "runs out of time": (run) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.timeoutOption(run, 1000), { startImmediately: true })
          yield* elapse(1000)
          assert.isTrue(Option.isNone(yield* Fiber.join(fiber)))
        }),
      "dies, of a ring": (run, letWait) =>
        Effect.gen(function*() {
          const [go, exits] = [gate(), [] as Array<Exit.Exit<unknown, unknown>>]
          const ring = yield* work("ring", () =>
            Effect.gen(function*() {
              yield* go.wait
              exits.push(yield* Effect.exit(run) as Effect.Effect<Exit.Exit<unknown, unknown>>)
              yield* Effect.never
            }))
          yield* letWait(ring.exit)
          yield* settleTurns
          yield* go.open
          yield* eventually("its run has ended", Effect.sync(() => exits.length === 1))
          assert.isTrue(Exit.hasDies(exits[0]!))
        })
    }
    for (const [how, end] of Object.entries(ends)) {
      it.effect(`${how}: the cancel of the last pool that holds it stops it`, () =>
        Effect.gen(function*() {
          const [go, pool] = [gate(), yield* TaskPool.make()]
          let waits: Wait = Effect.never
          yield* script("k", () => Effect.andThen(go.wait, Effect.suspend(() => waits)))
          const task = yield* Once.dispatch({ id: "k" }, { pool })
          yield* end(Once.run({ id: "k" }), (wait) => Effect.andThen(Effect.sync(() => (waits = wait)), go.open))
          assert.notStrictEqual(yield* stateOf(task), "Exited")
          yield* pool.cancel({ reason: "last" })
          assert.strictEqual(canceled(yield* task.exit).reason, "last")
        }).pipe(withPool({}, Once)) as Effect.Effect<void>)
    }
  })

  describe("supersede and recompute are never suspended nor refused for capacity", () => {
    /** No worker is free and the queue is full. */
    const full = Effect.gen(function*() {
      yield* (yield* WorkerPool).pause
      for (let n = 0; n < 5; n++) {
        const filler = yield* Effect.forkChild(work(`filler ${n}`), { startImmediately: true })
        yield* settleTurns
        const exit = filler.pollUnsafe()
        if (exit === undefined || Exit.isFailure(exit)) return
      }
      assert.fail("the queue takes what comes")
    })
    const atOnce = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
        yield* settleTurns
        const exit = fiber.pollUnsafe()
        return exit === undefined ? assert.fail("it was suspended") : yield* exit
      })

    for (const onFull of ["suspend", "fail"] as const) {
      for (const state of ["ended", "queued", "running"] as const) {
        it.effect(`the recompute of a task that ${state === "ended" ? "has" : "is"} ${state} (${onFull})`, () =>
          Effect.gen(function*() {
            const { resume } = yield* WorkerPool
            if (state === "running") yield* script("a", () => Effect.never)
            if (state === "queued") yield* (yield* WorkerPool).pause
            const first = yield* work("a")
            yield* settleTurns
            if (state !== "queued") yield* full
            yield* script("a", () => Effect.succeed("again"))
            const second = yield* atOnce(first.recompute)
            assert.strictEqual(second.origin, "created")
            yield* settleTurns
            assert.strictEqual(yield* stateOf(second), "Queued")
            yield* resume
            assert.strictEqual(yield* second.await, "again")
          }).pipe(withPool({ workers: 1, capacity: 1, onFull })))
      }

      it.effect(`a dispatch that supersedes (${onFull})`, () =>
        Effect.gen(function*() {
          yield* script("k", () => Effect.never)
          const first = yield* Newest.dispatch({ id: "k" })
          yield* awaitState(first, "Running")
          yield* full
          yield* script("k", () => Effect.succeed("again"))
          const second = yield* atOnce(Newest.dispatch({ id: "k" }))
          canceled(yield* first.exit)
          yield* (yield* WorkerPool).resume
          assert.strictEqual(yield* second.await, "again")
        }).pipe(withPool({ workers: 1, capacity: 1, onFull }, Newest)))
    }
  })

  it.effect("the recompute of a task whose job had no unique keys then is one of the key that it has now", () =>
    Effect.gen(function*() {
      class Before extends Job.make("Changed", scripted) {}
      class After extends Job.make("Changed", { ...scripted, unique: true, key: ({ id }) => id }) {}
      const built = <Tag extends string>(job: AnyScripted<Tag>) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Layer.buildWithScope(Layer.fresh(scriptedLayer(job)), scope)
          return Scope.close(scope, Exit.void)
        })
      const registered = <A, E>(effect: Effect.Effect<A, E, WorkerPool | Job.Handler<"Changed">>) =>
        effect as Effect.Effect<A, E, WorkerPool> // the handler is registered by hand
      const close = yield* built(Before)
      const old = yield* registered(Before.dispatch({ id: "k" }))
      yield* old.await
      yield* close
      const closeAfter = yield* built(After)
      let [live, most] = [0, 0]
      yield* script("k", () =>
        Effect.gen(function*() {
          most = Math.max(most, ++live)
          yield* Effect.addFinalizer(() => Effect.sync(() => live--))
          yield* Effect.forEach(ten, () => Effect.yieldNow)
        }))
      const first = yield* registered(After.dispatch({ id: "k" }))
      yield* awaitState(first, "Running")
      const second = yield* old.recompute
      yield* settleTurns
      yield* second.exit
      yield* first.exit
      assert.strictEqual(most, 1)
      yield* closeAfter
    }).pipe(withPool({ workers: 4 })))

  describe("default keys", () => {
    const origin = (tag: string, payload: Schema.Codec<any, any>, one: unknown, two: unknown) => {
      const job = Job.make(tag, { payload: Schema.Struct({ x: payload }), unique: true })
      return Effect.gen(function*() {
        yield* (yield* WorkerPool).pause
        yield* job.dispatch({ x: one })
        return (yield* job.dispatch({ x: two })).origin
      }).pipe(Effect.provide(job.toLayer(() => Effect.void).pipe(Layer.provideMerge(WorkerPool.layer()))))
    }
    const textOr = <S extends Schema.Codec<any, any>>(schema: S) => Schema.Union([schema, Schema.String])
    const [date, iso] = [new Date(0), "1970-01-01T00:00:00.000Z"]
    const DateOrText = textOr(Schema.Date)
    const encodedAs = <To>(to: Schema.Codec<To>, decode: (encoded: To) => number, encode: (value: number) => To) =>
      Schema.Number.pipe(Schema.encodeTo(to, SchemaTransformation.transform({ decode, encode })))
    const Rounded = encodedAs(Schema.String, Number, (value) => value.toFixed(0))
    const ZeroAsNull = encodedAs(
      Schema.NullOr(Schema.Number),
      (value) => value ?? 0,
      (value) => value === 0 ? null : value
    )
    const classOf = (identifier: string) => {
      class Point extends Schema.Class<Point>(identifier)({ x: Schema.Number, y: Schema.optional(Schema.Number) }) {}
      return Point
    }
    const [PointA, PointB, PointA2] = [classOf("a/Point"), classOf("b/Point"), classOf("a/Point")]
    const Some = (() => {
      class Object extends Schema.TaggedClass<Object>()("Some", { value: Schema.String }) {}
      return Object
    })()
    const Pair = Schema.StructWithRest(Schema.Struct({}), [
      Schema.Record(Schema.TemplateLiteral(["at", Schema.String]), DateOrText),
      Schema.Record(Schema.TemplateLiteral(["point", Schema.String]), Schema.Union([PointA, PointB]))
    ])
    class Money {
      #cents: number
      constructor(cents: number) {
        this.#cents = cents
      }
      get cents(): number {
        return this.#cents
      }
    }
    const Price = Schema.declare((value): value is Money => value instanceof Money, {
      toCodecJson: () =>
        Schema.link<Money>()(
          Schema.Struct({ cents: Schema.Number }),
          SchemaTransformation.transform({ decode: ({ cents }) => new Money(cents), encode: (money): Money => money })
        )
    })
    const Hidden = Schema.declare((value): value is Money => value instanceof Money).pipe(
      Schema.encodeTo(
        Schema.String,
        SchemaTransformation.transform({
          decode: (text: string) => new Money(Number(text)),
          encode: (money: Money) => `${money.cents}`
        })
      )
    )
    const Defaulted = Schema.Struct({
      n: Schema.Number.pipe(Schema.withConstructorDefault(Effect.succeed(1))),
      point: PointA
    })
    interface Tree {
      readonly at: Date | string
      readonly below: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({
      at: DateOrText,
      below: Schema.Array(Schema.suspend((): Schema.Codec<Tree, any> => Tree))
    })

    const unlike: ReadonlyArray<readonly [string, Schema.Codec<any, any>, unknown, unknown]> = [
      ["NaN and \"NaN\"", textOr(Schema.Number), NaN, "NaN"],
      ["Infinity and \"Infinity\"", textOr(Schema.Number), Infinity, "Infinity"],
      ["-Infinity and \"-Infinity\"", textOr(Schema.Number), -Infinity, "-Infinity"],
      ["Infinity and -Infinity", Schema.Number, Infinity, -Infinity],
      ["1n and \"1\"", textOr(Schema.BigInt), 1n, "1"],
      ["1n and 1", Schema.Union([Schema.BigInt, Schema.Number]), 1n, 1],
      ["1 and \"1\"", textOr(Schema.Number), 1, "1"],
      ["true and \"true\"", textOr(Schema.Boolean), true, "true"],
      ["a Date and its ISO text", textOr(Schema.Date), new Date(0), "1970-01-01T00:00:00.000Z"],
      ["a URL and its text", textOr(Schema.URL), new URL("http://a/"), "http://a/"],
      ["bytes and their base64", textOr(Schema.Uint8Array), new Uint8Array([1]), "AQ=="],
      ["a symbol and its text", textOr(Schema.Symbol), Symbol.for("a"), "Symbol(a)"],
      ["a symbol and its description", textOr(Schema.Symbol), Symbol.for("a"), "a"],
      ["null and undefined", Schema.NullishOr(Schema.String), null, undefined],
      ["[null] and [undefined]", Schema.Array(Schema.NullishOr(Schema.String)), [null], [undefined]],
      ["[] and [undefined]", Schema.Array(Schema.NullishOr(Schema.String)), [], [undefined]],
      ["[] and {}", Schema.Json, [], {}],
      ["1 and [1]", Schema.Json, 1, [1]],
      ["nested lists of one text", Schema.Json, [["a"], "b"], ["a", ["b"]]],
      ["a Date and its ISO text in Any", Schema.Any, new Date(0), "1970-01-01T00:00:00.000Z"],
      [
        "a Map and the list of its entries",
        Schema.Union([Schema.ReadonlyMap(Schema.String, Schema.Number), Schema.Json]),
        new Map([["a", 1]]),
        [["a", 1]]
      ],
      [
        "bytes and a decimal",
        Schema.Union([Schema.Uint8Array, Schema.BigDecimal]),
        new Uint8Array([215, 93, 117]),
        BigDecimal.fromBigInt(1111n)
      ],
      ["lone surrogates", Schema.String, "\ud800", "\ud801"],
      ["a Set of a Date and one of its text", Schema.ReadonlySet(DateOrText), new Set([date]), new Set([iso])],
      [
        "a Map to a Date and one to its text",
        Schema.ReadonlyMap(Schema.String, DateOrText),
        new Map([["a", date]]),
        new Map([["a", iso]])
      ],
      [
        "a Map from a Date and one from its text",
        Schema.ReadonlyMap(DateOrText, Schema.Number),
        new Map([[date, 1]]),
        new Map([[iso, 1]])
      ],
      ["a Chunk of a Date and one of its text", Schema.Chunk(DateOrText), Chunk.of(date), Chunk.of(iso)],
      ["a HashSet of a Date and one of its text", Schema.HashSet(DateOrText), HashSet.make(date), HashSet.make(iso)],
      [
        "a HashMap to a Date and one to its text",
        Schema.HashMap(Schema.String, DateOrText),
        HashMap.make(["a", date]),
        HashMap.make(["a", iso])
      ],
      [
        "a Date and its text in a field that is encoded under another name",
        Schema.Struct({ at: DateOrText }).pipe(Schema.encodeKeys({ at: "time" })),
        { at: date },
        { at: iso }
      ],
      [
        "fields that are encoded under each other's names",
        Schema.Struct({ a: DateOrText, b: DateOrText }).pipe(Schema.encodeKeys({ a: "b", b: "a" })),
        { a: date, b: iso },
        { a: iso, b: date }
      ],
      ["a Date and its text below", Tree, { at: iso, below: [{ at: date, below: [] }] }, {
        at: iso,
        below: [{ at: iso, below: [] }]
      }],
      [
        "two classes of one name",
        Schema.Union([PointA, PointB]),
        new PointA({ x: 1 }),
        new PointB({ x: 1 })
      ],
      [
        "two classes of one identifier",
        Schema.Union([PointA, PointA2]),
        new PointA({ x: 1 }),
        new PointA2({ x: 1 })
      ],
      [
        "an Option and an instance of a class called Object",
        Schema.Union([Schema.Option(Schema.String), Some]),
        Option.some("a"),
        new Some({ value: "a" })
      ],
      [
        "two classes in fields of one pattern",
        Pair,
        { at1: date, point1: new PointA({ x: 1 }) },
        { at1: date, point1: new PointB({ x: 1 }) }
      ],
      ["a Date and its text in fields of one pattern", Pair, { at1: date }, { at1: iso }],
      [
        "structs that have become too large for a member of the union",
        Schema.Union([Schema.Struct({ n: Schema.Number }), Defaulted]),
        { point: new PointA({ x: 1 }) },
        { point: new PointA({ x: 2 }) }
      ],
      ["declared values whose fields are hidden", Price, new Money(1), new Money(2)],
      ["declared values that are encoded", Schema.Union([Hidden, Schema.String]), new Money(1), "1"],
      ["fields that a Schema takes unseen", Schema.Struct({}), { a: 1 }, { a: 2 }],
      [
        "a __proto__ and none",
        Schema.Struct({ ["__proto__"]: Schema.optional(Schema.Number) }),
        JSON.parse(`{"__proto__":1}`),
        {}
      ],
      [
        "nothing and a null in it",
        Schema.OptionFromNullOr(Schema.NullOr(Schema.String)),
        Option.none(),
        Option.some(null)
      ],
      ["numbers that are encoded as one", Rounded, 1.2, 1.4],
      ["what is encoded as null and null", Schema.NullOr(ZeroAsNull), 0, null],
      ["a number and its text that are encoded as one", Schema.Union([Schema.NumberFromString, Schema.String]), 1, "1"],
      ["absent and undefined", Schema.Struct({ a: Schema.optional(Schema.String) }), {}, { a: undefined }],
      ["a text and what looks like the key of another", DateOrText, date, `0("${iso}")`],
      ["null and \"null\"", Schema.NullOr(Schema.String), null, "null"],
      ["undefined and \"undefined\"", Schema.UndefinedOr(Schema.String), undefined, "undefined"]
    ]
    for (const [n, [name, schema, one, two]] of unlike.entries()) {
      it.effect(`tell ${name} apart`, () =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(origin(`Unlike${n}`, schema, one, two))
          if (schema === Schema.Any && Exit.hasDies(exit)) return // refused, not taken for another
          assert.strictEqual(yield* exit, "created")
        }))
    }

    const alike: ReadonlyArray<readonly [string, Schema.Codec<any, any>, unknown, unknown]> = [
      ["-0 and 0", Schema.Number, -0, 0],
      ["-0 and 0 in a list", Schema.Json, [-0], [0]],
      ["NaN and NaN", Schema.Number, NaN, NaN],
      ["equal Dates", Schema.Date, new Date(5), new Date(5)],
      ["equal bytes", Schema.Uint8Array, new Uint8Array([1, 2]), new Uint8Array([1, 2])],
      ["fields in another order", Schema.Json, { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
      [
        "Maps in another order",
        Schema.ReadonlyMap(Schema.String, Schema.Number),
        new Map([["a", 1], ["b", 2]]),
        new Map([["b", 2], ["a", 1]])
      ],
      [
        "Maps of structs in another order",
        Schema.ReadonlyMap(Schema.Struct({ k: Schema.Number }), Schema.Number),
        new Map([[{ k: 1 }, 1], [{ k: 2 }, 2]]),
        new Map([[{ k: 2 }, 2], [{ k: 1 }, 1]])
      ],
      ["Sets in another order", Schema.ReadonlySet(Schema.String), new Set(["a", "b"]), new Set(["b", "a"])],
      [
        "Sets of Dates in another order",
        Schema.ReadonlySet(Schema.Date),
        new Set([new Date(1), new Date(2)]),
        new Set([new Date(2), new Date(1)])
      ],
      [
        "Maps of Sets in another order",
        Schema.ReadonlyMap(Schema.String, Schema.ReadonlySet(Schema.String)),
        new Map([["a", new Set(["b", "c"])], ["d", new Set(["e"])]]),
        new Map([["d", new Set(["e"])], ["a", new Set(["c", "b"])]])
      ],
      [
        "Sets of Maps in another order",
        Schema.ReadonlySet(Schema.ReadonlyMap(Schema.String, DateOrText)),
        new Set([new Map([["a", date], ["b", date]]), new Map([["c", date]])]),
        new Set([new Map([["c", date]]), new Map([["b", date], ["a", date]])])
      ],
      [
        "HashMaps in another order",
        Schema.HashMap(DateOrText, Schema.HashSet(Schema.Number)),
        HashMap.make([date, HashSet.make(1, 33, 65)], ["a", HashSet.empty<number>()]),
        HashMap.make(["a", HashSet.empty<number>()], [new Date(0), HashSet.make(65, 33, 1)])
      ],
      ["equal instances", Schema.Union([PointA, PointB]), new PointB({ x: 0 }), new PointB({ x: -0 })],
      ["equal durations", Schema.Duration, Duration.millis(2), Duration.nanos(2_000_000n)],
      ["what is encoded as JSON in another order", Schema.fromJsonString(Schema.Unknown), { a: 1, b: [2] }, {
        b: [2],
        a: 1
      }],
      ["equal trees", Tree, { at: date, below: [{ at: iso, below: [] }] }, {
        below: [{ below: [], at: iso }],
        at: date
      }],
      ["equal fields of one pattern", Pair, { point1: new PointA({ x: 1 }), at1: date }, {
        at1: date,
        point1: new PointA({ x: 1 })
      }]
    ]
    for (const [n, [name, schema, one, two]] of alike.entries()) {
      it.effect(`are the same for ${name}`, () =>
        Effect.map(
          origin(`Alike${n}`, schema, one, two),
          (found) => assert.strictEqual(found, "joined")
        ))
    }

    const plain: ReadonlyArray<readonly [string, Schema.Codec<any, any>, unknown, string]> = [
      ["sorts fields by name", Schema.Json, { b: 1, "a b": 2, a: [null, true] }, `{"a":[null,true],"a b":2,"b":1}`],
      ["does not mark members of a union", Schema.Union([Schema.Number, DateOrText, Schema.Json]), [1, "a"], `[1,"a"]`],
      ["does not mark what may be left out", Schema.NullishOr(Schema.Date), date, JSON.stringify(iso)],
      ["names fields by texts", Schema.Record(Schema.Literals([1, 2]), Schema.Number), { 1: 3, 2: 4 }, `{"1":3,"2":4}`],
      ["tells a leaf as it is encoded", Schema.NumberFromString, 1, `"1"`],
      [
        "tells a list whose items are encoded",
        Schema.Tuple([Schema.Number, Schema.URL]),
        [1, new URL("http://a/")],
        `[1,"http://a/"]`
      ]
    ]
    for (const [n, [name, schema, value, text]] of plain.entries()) {
      it.effect(`are plain JSON: it ${name}`, () =>
        Effect.gen(function*() {
          const job = Job.make(`Plain${n}`, { payload: Schema.Struct({ x: schema }) })
          const task = yield* job.dispatch({ x: value }).pipe(Effect.provide(job.toLayer(() => Effect.void)))
          assert.strictEqual(task.key, `{"x":${text}}`)
        }).pipe(Effect.scoped, Effect.provide(WorkerPool.layer())))
    }
  })
})
