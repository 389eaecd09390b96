import { type Contract, Dashboard, DashboardClient } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Layer, Option, Schedule, Scope, Stream } from "effect"
import { type Job, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { app, breath, connect, eventually, Fan, listeners, Picture, tick, view, Work } from "./support.ts"

describe("what a viewer sees", () => {
  it.effect("is the state of the worker pool, first whole and then as it changes", () =>
    Effect.gen(function*() {
      yield* Work.dispatch({ id: "early", does: "wait" })
      const failed = yield* Work.dispatch({ id: "failed", does: "fail" })
      yield* failed.exit
      const { picture, until } = yield* view()
      assert.deepStrictEqual([...picture.tasks.keys()], ["Work-1", "Work-2"])
      assert.include(picture.tasks.get("Work-1"), { state: "Running", exitStatus: null, worker: 0, job: "Work" })
      assert.include(picture.tasks.get("Work-2"), {
        state: "Exited",
        exitStatus: "error",
        error: "WorkError: {\"id\":\"failed\"}"
      })

      const report = yield* Work.dispatch({ id: "report", does: "report" }, { priority: 7 })
      yield* until(({ tasks }) => tasks.get(report.id)?.progress === "{\"done\":1,\"of\":2}")
      assert.include(picture.tasks.get(report.id), { state: "Running", worker: 1, priority: 7, attempt: 1 })

      const queued = yield* Work.dispatch({ id: "queued", does: "wait" })
      yield* until(({ tasks }) => tasks.has(queued.id))
      assert.include(picture.tasks.get(queued.id), {
        state: "Queued",
        waitingFor: "slot",
        startedAt: null,
        worker: null
      })
      assert.include(picture.pulse, { workers: 2, busy: 2, free: 0, queued: 1, viewers: 1, paused: false })

      yield* queued.cancel()
      yield* until(({ tasks }) => tasks.get(queued.id)?.exitStatus === "canceled")
      assert.isNull(picture.tasks.get(queued.id)?.error)
      assert.include(picture.jobs.get("Work"), { queued: 0, running: 2, error: 1, canceled: 1 })
    }).pipe(Effect.provide(app())))

  it.effect("tells what each task did when, and that a waiting parent holds no worker", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const fan = yield* Fan.dispatch({ width: 1, does: "wait" })
      yield* until(({ tasks }) => tasks.size === 2)
      yield* TestClock.adjust(500)
      yield* fan.cancel()
      yield* until(({ tasks }) => tasks.get(fan.id)?.state === "Exited")
      const row = picture.tasks.get(fan.id)!
      assert.deepStrictEqual(row.segments.map(({ state }) => state), ["Queued", "Running", "Sleeping", "Stopping"])
      assert.deepStrictEqual(row.segments.map(({ worker }) => worker), [null, 0, null, null])
      assert.strictEqual(row.segments[2].waitingFor, "children")
      assert.isAtLeast(row.segments[3].from - row.segments[2].from, 500)
      const [pool] = [...picture.pools.values()].filter(({ id }) => id !== "GLOBAL")
      assert.include(pool, { name: "fan", createdBy: fan.id, state: "done", total: 1, complete: 1, canceled: 1 })
      assert.strictEqual(picture.tasks.get("Work-3")?.poolId, pool.id)
    }).pipe(Effect.provide(app())))

  it.effect("tells of a task that slept before anybody watched that nobody knows where and when it ran", () =>
    Effect.gen(function*() {
      const fan = yield* Fan.dispatch({ width: 3, does: "wait" })
      yield* TestClock.adjust("40 seconds")
      yield* fan.cancel()
      const { picture } = yield* view()
      const { segments, sleepTime } = picture.tasks.get(fan.id)!
      assert.deepStrictEqual(segments.map(({ state, worker }) => [state, worker]), [["Queued", null], [
        "Unknown",
        null
      ]])
      assert.strictEqual(sleepTime, 40_000, "but how long it slept is known")
      // one that never slept ran on one worker all the time
      const [child] = [...picture.tasks.values()].filter(({ job, startedAt }) => job === "Work" && startedAt !== null)
      assert.deepInclude(child.segments.at(-1)!, { state: "Running", from: child.startedAt! })
      assert.isNumber(child.segments.at(-1)!.worker)
    }).pipe(Effect.provide(app())))

  it.effect("agrees with the worker pool after a load of tasks", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      const { picture, until } = yield* view()
      for (let round = 0; round < 5; round++) {
        yield* Fan.dispatch({ width: 200, does: round % 2 === 0 ? "succeed" : "fail" })
        yield* tick
      }
      const kept = yield* Work.dispatch({ id: "kept", does: "wait" })
      yield* until(({ tasks }) =>
        tasks.has(kept.id) && [...tasks.values()].filter((row) => row.state !== "Exited").length === 1
      )
      yield* until(({ jobs }) => jobs.get("Work")?.success === 600)

      const status = yield* workerPool.status
      assert.strictEqual(picture.tasks.size, status.dispatched)
      const rows = [...picture.tasks.values()]
      assert.strictEqual(rows.filter(({ exitStatus }) => exitStatus === "error").length, status.failed)
      assert.isEmpty(rows.filter(({ key }) => key === ""), "every row has its key")
      for (const task of yield* workerPool.tasks) {
        const { exitStatus, finishedAt, poolId, queuedAt, startedAt, state } = yield* task.status
        assert.include(picture.tasks.get(task.id), {
          state,
          poolId,
          queuedAt,
          exitStatus: Option.getOrNull(exitStatus),
          startedAt: Option.getOrNull(startedAt),
          finishedAt: Option.getOrNull(finishedAt)
        })
      }
      for (const pool of yield* workerPool.pools) {
        const { complete, failed, state, total } = yield* pool.status
        assert.include(picture.pools.get(pool.id), { complete, failed, state, total })
      }
      assert.include(picture.jobs.get("Work"), { success: 600, error: 400, running: 1, queued: 0 })
      assert.include(picture.pulse, { complete: status.complete, failed: status.failed, dispatched: status.dispatched })
    }).pipe(Effect.provide(app({ pool: { history: 10_000 } }))), 30_000)

  it.effect("comes in at most 20 messages a second, however much happens", () =>
    Effect.gen(function*() {
      const { log, until } = yield* view()
      const before = log.length
      for (let i = 0; i < 100; i++) {
        yield* Work.dispatch({ id: `${i}`, does: "succeed" })
        yield* TestClock.adjust(10)
        yield* breath
      }
      yield* until(({ jobs }) => jobs.get("Work")?.success === 100)
      assert.isAtMost(log.length - before, 22)
      assert.isAtLeast(log.length - before, 5)
    }).pipe(Effect.provide(app())))

  it.effect("beats once a second when nothing happens", () =>
    Effect.gen(function*() {
      const { log, next } = yield* view()
      const before = log.length
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust("1 second")
        yield* next
      }
      const beats = log.slice(before)
      assert.lengthOf(beats, 3)
      for (const beat of beats) assert.include(beat, { _tag: "Delta", sample: true })
      const { picture } = yield* view()
      assert.lengthOf(picture.snapshot!.history[0], 3)
      assert.isAbove(picture.pulse!.heapUsed, 0)
    }).pipe(Effect.provide(app())))

  it.effect("holds a limited history", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      assert.strictEqual(picture.snapshot?.historyLimit, 10)
      const kept = yield* Work.dispatch({ id: "live", does: "wait" })
      for (let i = 0; i < 30; i++) yield* Work.run({ id: `${i}`, does: "succeed" })
      yield* until(({ jobs, tasks }) => jobs.get("Work")?.success === 30 && tasks.size === 11)
      assert.isTrue(picture.tasks.has(kept.id))
      assert.isTrue(picture.tasks.has("Work-31"))
      assert.isFalse(picture.tasks.has("Work-2"))
      const second = yield* view()
      assert.strictEqual(second.picture.tasks.size, 11)
    }).pipe(Effect.provide(app({ dashboard: { history: 10 } }))))

  it.effect("shows what changes without an event", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const task = yield* Work.dispatch({ id: "a", does: "wait" })
      const { until } = yield* view()
      yield* until(({ tasks }) => tasks.get(task.id)?.waitingFor === "paused")
      yield* task.setPriority(5)
      yield* until(({ tasks }) => tasks.get(task.id)?.priority === 5)
      yield* Work.dispatch({ id: "late", does: "wait" }, { delay: "10 seconds" })
      yield* until(({ tasks }) => tasks.get("Work-2")?.waitingFor === "delay")
      yield* workerPool.resume
      yield* until(({ pulse, tasks }) => tasks.get(task.id)?.state === "Running" && pulse?.paused === false)
    }).pipe(Effect.provide(app())))
})

describe("a viewer that comes back", () => {
  it.effect("goes on where it was", () =>
    Effect.gen(function*() {
      const first = yield* view()
      yield* Work.run({ id: "a", does: "succeed" })
      yield* first.until(({ tasks }) => tasks.get("Work-1")?.exitStatus === "success")
      yield* first.leave
      yield* Work.run({ id: "b", does: "succeed" })
      yield* tick
      yield* tick
      const { log, picture, until } = yield* view(first.picture, first.picture.position)
      assert.strictEqual(log[0]._tag, "Resumed")
      yield* until(({ tasks }) => tasks.get("Work-2")?.exitStatus === "success")
      assert.isUndefined(log.find(({ _tag }) => _tag === "Snapshot"))
      assert.strictEqual(picture.tasks.size, 2)
    }).pipe(Effect.provide(app())))

  it.effect("gets a new picture, and sees that it did, when it was away for too long", () =>
    Effect.gen(function*() {
      const first = yield* view()
      yield* first.leave
      yield* eventually(() => listeners.count === 1, "the listener stays")
      yield* TestClock.adjust("6 seconds")
      yield* eventually(() => listeners.count === 0, "the listener has gone")
      yield* Work.run({ id: "a", does: "succeed" })
      const { picture } = yield* view(first.picture, first.picture.position).pipe(
        Effect.tap(({ until }) => until(() => true))
      )
      assert.include(picture.snapshot, { resync: true, why: "behind" })
    }).pipe(Effect.provide(app())))

  it.effect("gets a new picture from another run of the server", () =>
    Effect.gen(function*() {
      const position = { run: "another", seq: 3 }
      const { picture } = yield* view(new Picture(), position).pipe(Effect.tap(({ until }) => until(() => true)))
      assert.include(picture.snapshot, { resync: true, why: "restarted" })
      const { picture: fresh } = yield* view()
      assert.include(fresh.snapshot, { resync: false, why: "first" })
    }).pipe(Effect.provide(app())))
})

describe("a server that restarts", () => {
  it.effect("gives the viewers that come back a new picture", () =>
    Effect.gen(function*() {
      const build = (port: number) =>
        Effect.gen(function*() {
          const scope = yield* Scope.fork(yield* Effect.scope)
          const context = yield* Layer.buildWithScope(app({ dashboard: { port } }), scope)
          return { scope, context, ...Context.get(context, Dashboard) }
        })
      const first = yield* build(0)
      const client = yield* DashboardClient.make({ url: first.url })
      const picture = new Picture()
      const watching = yield* client.watch({}).pipe(
        Stream.runForEach((message) => Effect.sync(() => picture.apply(message))),
        Effect.exit,
        Effect.forkScoped
      )
      yield* eventually(() => picture.isReady, "the first picture")
      yield* Scope.close(first.scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(watching)), "the viewer is told that the connection broke")

      const { context } = yield* build(Number(new URL(first.address).port))
      yield* Effect.provideContext(Work.dispatch({ id: "a", does: "wait" }), context)
      // the client makes its connection again by itself
      const again = yield* client.watch({ resume: picture.position }).pipe(
        Stream.retry(Schedule.spaced("1 second")),
        Stream.runForEach((message) => Effect.sync(() => picture.apply(message))),
        Effect.forkScoped
      )
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), breath), {
        until: () => (picture.snapshot!.resync && picture.isReady) || again.pollUnsafe() !== undefined
      })
      assert.include(picture.snapshot, { resync: true, why: "restarted" })
      assert.deepStrictEqual([...picture.tasks.keys()], ["Work-1"])
    }), 20_000)
})

describe("a viewer that cannot keep up", () => {
  it.effect("gets a new picture, and sees that it did", () =>
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      for (let i = 0; i < 2; i++) yield* Work.dispatch({ id: "busy", does: "wait" })
      for (let i = 0; i < 1_000; i++) yield* Work.dispatch({ id: `${i}`, does: "wait" })
      const quick = yield* view()
      const picture = new Picture()
      const reads = yield* Latch.make(true)
      const client = yield* connect
      yield* client.watch({}).pipe(
        Stream.runForEach((message) => reads.whenOpen(Effect.sync(() => picture.apply(message)))),
        Effect.forkScoped
      )
      yield* quick.until(() => picture.isReady)
      yield* reads.close
      // each of these moves all 1,000 rows: what a viewer may lag behind is soon passed
      for (let i = 0; i < 42; i++) {
        yield* i % 2 === 0 ? workerPool.pause : workerPool.resume
        yield* breath
        yield* Effect.andThen(tick, tick)
      }
      const { seq } = quick.picture.position
      yield* quick.until(({ position }) => position.seq >= seq)
      assert.include(quick.picture.snapshot, { resync: false }, "who keeps up is not disturbed")
      yield* reads.open
      yield* quick.until(() => picture.snapshot!.resync && picture.isReady)
      assert.include(picture.snapshot, { why: "behind" })
      yield* quick.until(() => picture.position.seq === quick.picture.position.seq)
      assert.deepStrictEqual(sorted(picture.tasks), sorted(quick.picture.tasks))
    }).pipe(Effect.provide(app())), 30_000)

  it.effect("is told when the server itself missed events", () =>
    Effect.gen(function*() {
      const { picture, until } = yield* view()
      const context = yield* Effect.context<WorkerPool | Job.Handler<"Work">>()
      yield* Effect.sync(() => {
        for (let i = 0; i < 6_000; i++) Effect.runSyncWith(context)(Work.dispatch({ id: `${i}`, does: "wait" }))
      })
      yield* until(({ snapshot }) => snapshot!.resync)
      assert.include(picture.snapshot, { why: "missed" })
      assert.isAbove(picture.snapshot!.missed, 0)
      yield* until(({ jobs }) => jobs.get("Work")?.queued === 5_998)
      assert.strictEqual(picture.tasks.size, 6_000)
      yield* until(({ tasks }) => [...tasks.values()].filter(({ state }) => state === "Running").length === 2)
    }).pipe(Effect.provide(app())))
})

const sorted = (rows: ReadonlyMap<string, Contract.TaskRow>) =>
  [...rows.values()].toSorted((a, b) => a.id < b.id ? -1 : 1)

describe("watching", () => {
  it.effect("costs the runtime one listener however many watch, and none when nobody does", () =>
    Effect.gen(function*() {
      assert.strictEqual(listeners.count, 0)
      yield* Work.run({ id: "unseen", does: "succeed" })
      const viewers = [yield* view(), yield* view(), yield* view()]
      assert.strictEqual(listeners.count, 1)
      yield* viewers[0].until(({ pulse }) => pulse?.viewers === 3)
      for (const { leave } of viewers) yield* leave
      yield* breath
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(listeners.count, 1, "a reconnect within the linger misses nothing")
      yield* eventually(() => true, "")
      yield* TestClock.adjust("2 seconds")
      yield* eventually(() => listeners.count === 0, "the listener has gone")
    }).pipe(Effect.provide(app())))

  it.effect("is refused to more viewers than allowed", () =>
    Effect.gen(function*() {
      yield* view()
      const error = yield* Effect.flip(Effect.scoped(view()).pipe(Effect.catchDefect(Effect.fail)))
      assert.include(error as object, { _tag: "TooManyViewers", limit: 1 })
      yield* Dashboard
    }).pipe(Effect.provide(app({ dashboard: { viewers: 1 } }))))
})
