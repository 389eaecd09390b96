import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Effect,
  Fiber,
  Logger,
  Metric,
  Option,
  Queue,
  References,
  Schema,
  type Scope,
  Stream,
  Tracer
} from "effect"
import { Job, type Task, TaskEvent, TaskPool, TaskTimeout, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import {
  awaitState,
  elapse,
  gate,
  recordEvents,
  script,
  scripted,
  type ScriptedTask,
  settleTurns,
  TestError,
  testPool,
  withPool,
  Work,
  work
} from "../support.ts"

class Once extends Job.make("Once", { ...scripted, unique: true }) {}
class Kept extends Job.make("Kept", { ...scripted, persistent: true }) {}
class Retried extends Job.make("Retried", { ...scripted, retry: { times: 1 } }) {}
class Measured extends Job.make("MeasuredJob", scripted) {}

type Event = TaskEvent.TaskEvent
type Of<Tag extends Event["_tag"]> = Extract<Event, { readonly _tag: Tag }>

const seqs = (events: ReadonlyArray<Event>) => events.flatMap((event) => event._tag === "Missed" ? [] : [event.seq])
const tagsOf = (events: ReadonlyArray<Event>, task: { readonly id: string }) =>
  events.flatMap((event) => "taskId" in event && event.taskId === task.id ? [event._tag] : [])
const only = <Tag extends Event["_tag"]>(events: ReadonlyArray<Event>, tag: Tag): Of<Tag> => {
  const found = events.filter((event): event is Of<Tag> => event._tag === tag)
  assert.strictEqual(found.length, 1, tag)
  return found[0]!
}

describe("R24 Observing", () => {
  describe("events", () => {
    it.effect("read by a task tell it of everything, but that it sleeps over its reading does not wake it", () =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool
        const seen: Array<Event> = []
        const reader = yield* work(
          "reader",
          () => Stream.runForEach(pool.events, (event) => Effect.sync(() => seen.push(event)))
        )
        yield* awaitState(reader, "Sleeping")
        yield* settleTurns
        assert.deepStrictEqual(seen, [])
        const other = yield* work("other")
        yield* other.await
        yield* settleTurns
        assert.strictEqual((yield* reader.status).state, "Sleeping")
        assert.deepStrictEqual(tagsOf(seen, other), ["TaskQueued", "TaskStarted", "TaskStopping", "TaskExited"])
        assert.isAtLeast(tagsOf(seen, reader).length, 2)
        yield* reader.cancel()
      }).pipe(withPool({ workers: 1 })))

    it.effect("tell every transition of a task in order, with its ids", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        yield* TestClock.setTime(5000)
        const task = yield* work("a", (self) =>
          Effect.gen(function*() {
            yield* self.report(7)
            yield* self.whileSleeping(Effect.yieldNow)
          }), { priority: 3 })
        yield* task.await
        yield* settleTurns
        assert.deepStrictEqual(tagsOf(events, task), [
          "TaskQueued",
          "TaskStarted",
          "TaskProgressed",
          "TaskSlept",
          "TaskResumed",
          "TaskStopping",
          "TaskExited"
        ])
        for (const event of events) {
          assert.deepInclude(event, { at: 5000, taskId: task.id, job: "Work", poolId: task.pool.id })
          assert.isTrue(Schema.is(TaskEvent.TaskEvent)(event))
        }
        assert.strictEqual(only(events, "TaskQueued").priority, 3)
        assert.deepInclude(only(events, "TaskStarted"), { worker: 0, attempt: 1 })
        assert.strictEqual(only(events, "TaskProgressed").progress, 7)
        assert.strictEqual(only(events, "TaskSlept").waitingFor, "effect")
        assert.strictEqual(only(events, "TaskStopping").why, "result")
        assert.strictEqual(only(events, "TaskExited").exitStatus, "success")
      }).pipe(withPool({ workers: 1 })))

    it.effect("of a task's end have been read before who waits for the task goes on", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        for (const end of [Effect.void, Effect.yieldNow]) {
          const task = yield* work(`after ${events.length}`, () => end)
          yield* task.exit
          assert.strictEqual(tagsOf(events, task).at(-1), "TaskExited")
        }
      }).pipe(withPool()))

    it.effect("tell why a task stops and how it ends", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const never = () => Effect.never
        const cancelled = yield* work("cancelled", never)
        const timedOut = yield* work("timed out", never, { timeout: 1000 })
        const failed = yield* work("failed", () => new TestError({ id: "" }))
        yield* settleTurns
        const queued = yield* work("queued", undefined, { delay: "1 hour" })
        yield* queued.cancel()
        yield* cancelled.cancel()
        yield* elapse(1000)
        yield* failed.exit
        yield* settleTurns
        const end = (task: Pick<Task.Any, "id">) =>
          events.flatMap((event) =>
            event._tag === "TaskStopping" && event.taskId === task.id
              ? [event.why as string]
              : event._tag === "TaskExited" && event.taskId === task.id
              ? [event.exitStatus]
              : []
          )
        assert.deepStrictEqual(end(cancelled), ["cancel", "canceled"])
        assert.deepStrictEqual(end(timedOut), ["timeout", "error"])
        assert.deepStrictEqual(end(failed), ["result", "error"])
        assert.deepStrictEqual(end(queued), ["canceled"])
      }).pipe(withPool()))

    it.effect("tell the cause of an error, and of nothing else", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const failed = yield* work("failed", () => new TestError({ id: "no" }))
        const late = yield* work("late", () => Effect.never, { timeout: 10 })
        yield* work("fine")
        yield* elapse(10)
        yield* settleTurns
        const exited = events.filter((event): event is Of<"TaskExited"> => event._tag === "TaskExited")
        const causes = exited.flatMap(({ cause, taskId }) => cause === undefined ? [] : [[taskId, Cause.squash(cause)]])
        assert.deepStrictEqual(causes, [
          [failed.id, new TestError({ id: "no" })],
          [late.id, new TaskTimeout({ taskId: late.id, job: "Work", phase: "running", after: 10 })]
        ])
      }).pipe(withPool()))

    it.effect("tell joins, reuses and retries, with the pool that now holds the task", () =>
      Effect.gen(function*() {
        yield* Kept.run({ id: "kept" })
        const events = yield* recordEvents
        const pool = yield* TaskPool.make()
        const held = gate()
        yield* script("k", () => held.wait)
        const task = yield* Once.dispatch({ id: "k" })
        yield* Once.dispatch({ id: "k" }, { pool })
        const kept = yield* Kept.dispatch({ id: "kept" }, { pool })
        yield* script("r", ({ attempt }) => attempt === 1 ? new TestError({ id: "first" }) : Effect.void)
        yield* Retried.run({ id: "r" })
        yield* held.open
        yield* pool.join
        yield* settleTurns
        assert.deepInclude(only(events, "TaskJoined"), { taskId: task.id, poolId: pool.id })
        assert.deepInclude(only(events, "TaskReused"), { taskId: kept.id, poolId: pool.id })
        const { attempt, error } = only(events, "TaskRetrying")
        assert.strictEqual(attempt, 2)
        assert.deepInclude(error, { _tag: "TestError", id: "first" })
      }).pipe(withPool({}, Once, Kept, Retried)))

    it.effect("tell the lives of pools", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        let child: TaskPool.TaskPool | undefined
        const root = yield* TaskPool.make({ name: "root" })
        const task = yield* work("a", () =>
          TaskPool.use((pool) => {
            child = pool
            return pool.cancel()
          }, { name: "child" }).pipe(Effect.ignore), { pool: root })
        yield* root.join
        yield* settleTurns
        const about = (pool: TaskPool.TaskPool) =>
          events.filter((event) => !("taskId" in event) && "poolId" in event && event.poolId === pool.id)
        const [opened, sealed, done] = about(root)
        assert.deepInclude(opened!, { _tag: "PoolOpened", name: "root" })
        assert.deepInclude(sealed!, { _tag: "PoolSealed", canceled: false })
        assert.deepInclude(done!, { _tag: "PoolDone" })
        const [childOpened, childSealed, childDone] = about(child!)
        assert.deepInclude(childOpened!, { name: "child", parentPoolId: root.id, createdBy: task.id })
        assert.deepInclude(childSealed!, { _tag: "PoolSealed", canceled: true })
        assert.deepInclude(childDone!, { _tag: "PoolDone" })
      }).pipe(withPool()))

    it.effect("tell resize, pause and resume", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const { pause, resize, resume } = yield* WorkerPool
        yield* resize(2)
        yield* pause
        yield* resume
        yield* settleTurns
        const changes = events.flatMap((event) =>
          event._tag === "WorkersChanged" ? [[event.workers, event.paused] as const] : []
        )
        assert.deepStrictEqual(changes, [[2, false], [2, true], [2, false]])
      }).pipe(withPool({ workers: 1 })))

    it.effect("say which task dispatched a task", () =>
      Effect.gen(function*() {
        const events = yield* recordEvents
        const task = yield* work("a", () => work("b"))
        yield* task.await
        yield* settleTurns
        const parents = events.flatMap((event) => event._tag === "TaskQueued" ? [event.parentTaskId] : [])
        assert.deepStrictEqual(parents, [undefined, task.id])
      }).pipe(withPool()))
  })

  describe("seq", () => {
    it.effect("grows with every event, and status has the one it was taken at", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const events = yield* recordEvents
        const { seq: before } = yield* status
        yield* TaskPool.use((pool) =>
          Effect.forEach([1, 2, 3, 4, 5], (n) =>
            work(`${n}`, (self) => Effect.andThen(self.whileSleeping(Effect.yieldNow), self.report(n)), { pool }))
        )
        yield* settleTurns
        const numbers = seqs(events)
        assert.isAbove(numbers[0]!, before)
        for (let n = 1; n < numbers.length; n++) {
          assert.isAbove(numbers[n]!, numbers[n - 1]!)
        }
        assert.strictEqual((yield* status).seq, numbers[numbers.length - 1])
      }).pipe(withPool({ workers: 2 })))

    it.effect("grows as much when nobody listens", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        const round = Effect.gen(function*() {
          const { seq } = yield* status
          yield* (yield* work("a", (self) => self.whileSleeping(Effect.yieldNow))).await
          yield* settleTurns
          return (yield* status).seq - seq
        })
        const unheard = yield* round
        const events = yield* recordEvents
        const heard = yield* round
        assert.strictEqual(unheard, heard)
        assert.isAtLeast(heard, events.length)
        assert.strictEqual(events.length, 6)
      }).pipe(withPool()))

    it.effect("a listener hears what comes after a status taken once it listens", () =>
      Effect.gen(function*() {
        const { status } = yield* WorkerPool
        yield* work("before")
        yield* settleTurns
        const events = yield* recordEvents
        const { seq } = yield* status
        const task = yield* work("after")
        yield* task.await
        yield* settleTurns
        assert.isTrue(seqs(events).every((number) => number > seq))
        assert.strictEqual(tagsOf(events, task)[0], "TaskQueued")
      }).pipe(withPool()))
  })

  it.effect("a listener reads while a long turn goes on, and so misses nothing of it", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      for (let n = 0; n < 2_000; n++) yield* work(`${n}`)
      yield* workerPool.resume
      yield* workerPool.drain
      assert.strictEqual(events.filter(({ _tag }) => _tag === "TaskExited").length, 2_000)
      assert.isFalse(events.some(({ _tag }) => _tag === "Missed"))
    }).pipe(withPool()))

  it.effect("a listener reads between handlers that make many events", () =>
    Effect.gen(function*() {
      const events = yield* recordEvents
      const workerPool = yield* WorkerPool
      yield* workerPool.pause
      const many = Array.from({ length: 150 }, (_, n) => `${n}`)
      const dispatchMany = Effect.forEach(many, (id) => work(id, undefined, { delay: "1 hour" }), { discard: true })
      for (let n = 0; n < 40; n++) yield* work(`parent ${n}`, () => dispatchMany)
      yield* settleTurns
      yield* workerPool.resume
      yield* settleTurns
      assert.isFalse(events.some(({ _tag }) => _tag === "Missed"))
    }).pipe(withPool()))

  describe("a listener that is too slow", () => {
    it.effect(
      "gets the newest 4,096 events and one Missed for the older, in order; others miss nothing",
      () =>
        Effect.gen(function*() {
          const { events: stream } = yield* WorkerPool
          const fast = yield* recordEvents
          const slow: Array<Event> = []
          const held = gate()
          yield* Effect.forkScoped(
            stream.pipe(
              Stream.runForEach((event) =>
                Effect.andThen(Effect.sync(() => void slow.push(event)), slow.length === 0 ? held.wait : Effect.void)
              )
            )
          )
          yield* settleTurns
          for (let n = 0; n < 20; n++) {
            for (let i = 0; i < 75; i++) yield* (yield* work(`${n}/${i}`)).await
            yield* settleTurns
          }
          assert.isAbove(fast.length, 5000)
          assert.isTrue(fast.every(({ _tag }) => _tag !== "Missed"))
          yield* held.open
          for (let n = 0; n < 100; n++) yield* settleTurns
          const missed = only(slow, "Missed")
          assert.strictEqual(slow.length - 1 + missed.count, fast.length)
          const after = slow.slice(slow.indexOf(missed) + 1)
          assert.isAtMost(after.length, 4096)
          assert.isAtLeast(after.length, 4095)
          assert.deepStrictEqual(seqs(after), seqs(fast.slice(-after.length)))
          assert.deepStrictEqual(slow[0], fast[0])
        }).pipe(withPool()),
      20_000
    )

    it.effect("holds up nobody", () =>
      Effect.gen(function*() {
        const { events } = yield* WorkerPool
        yield* Effect.forkScoped(Stream.runForEach(events, () => Effect.never))
        yield* settleTurns
        for (let n = 0; n < 20; n++) yield* (yield* work(`${n}`)).await
      }).pipe(withPool()))
  })

  describe("spans", () => {
    const testTracer = () => {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const named = (name: string) => {
        const found = spans.filter((span) => span.name === name)
        assert.strictEqual(found.length, 1, name)
        return found[0]!
      }
      return { named, spans, traced: Effect.withTracer(tracer) }
    }

    it.effect("each task runs in one named after its job, ended with the task", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        const task = yield* work("a", () => Effect.map(Effect.currentSpan, ({ name }) => name).pipe(Effect.orDie))
        assert.strictEqual(yield* task.await, "Work")
        yield* settleTurns
        assert.strictEqual(named("Work").status._tag, "Ended")
      }).pipe(withPool(), traced)
    })

    it.effect("in an owned pool it is a child of the dispatcher's", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const task = yield* work("a", undefined, { pool }).pipe(Effect.withSpan("dispatcher"))
        yield* task.await
        const span = named("Work")
        assert.strictEqual(Option.getOrThrow(span.parent).spanId, named("dispatcher").spanId)
        assert.strictEqual(span.traceId, named("dispatcher").traceId)
      }).pipe(withPool(), traced)
    })

    it.effect("in GLOBAL it is a root with a link to the dispatcher's", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        const task = yield* work("a").pipe(Effect.withSpan("dispatcher"))
        yield* task.await
        const span = named("Work")
        assert.isTrue(Option.isNone(span.parent))
        assert.notStrictEqual(span.traceId, named("dispatcher").traceId)
        assert.deepStrictEqual(span.links.map(({ span }) => span.spanId), [named("dispatcher").spanId])
      }).pipe(withPool(), traced)
    })

    it.effect("in GLOBAL it is a root, also where the worker pool was built in a span", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        yield* (yield* work("a").pipe(Effect.withSpan("dispatcher"))).await
        assert.isTrue(Option.isNone(named("Work").parent))
      }).pipe(withPool(), Effect.withSpan("builder"), traced)
    })

    it.effect("a child task's is a child of its parent task's", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        const task = yield* work("a", () => TaskPool.use((pool) => Once.dispatch({ id: "b" }, { pool })))
        yield* task.await
        assert.strictEqual(Option.getOrThrow(named("Once").parent).spanId, named("Work").spanId)
      }).pipe(withPool({}, Once), traced)
    })

    it.effect("it is made by the dispatcher's tracer where the handler's layer knows none", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        yield* (yield* work("a")).await
        assert.isTrue(Option.isNone(named("Work").parent))
      }).pipe(traced, withPool())
    })

    it.effect("spans made in a handler are below the task's", () => {
      const { named, traced } = testTracer()
      return Effect.gen(function*() {
        yield* (yield* work("a", () => Effect.withSpan(Effect.yieldNow, "inner"))).await
        assert.strictEqual(Option.getOrThrow(named("inner").parent).spanId, named("Work").spanId)
      }).pipe(withPool(), traced)
    })

    for (const how of ["by default", "by hand"] as const) {
      it.effect(`none is made while the default tracer is in place (${how})`, () => {
        const test = Effect.gen(function*() {
          const pool = yield* TaskPool.make()
          for (const options of [{}, { pool }]) {
            const task = yield* work("a", () => Effect.option(Effect.currentSpan), options)
            assert.deepStrictEqual(yield* task.await, Option.none())
          }
        }).pipe(withPool())
        return how === "by default" ? test : Effect.withTracer(test, Tracer.nativeTracer)
      })
    }
  })

  describe("logs made inside a task", () => {
    const recordAnnotations = () => {
      const lines = new Map<string, ReadonlyArray<unknown>>()
      const logger = Logger.make<unknown, void>(({ fiber, message }) => {
        lines.set([message].flat().join(), Object.values({ ...fiber.getRef(References.CurrentLogAnnotations) }))
      })
      return { lines, layer: Logger.layer([logger]) }
    }

    it.effect("carry its id, job and pool", () => {
      const { layer, lines } = recordAnnotations()
      return Effect.gen(function*() {
        const pool = yield* TaskPool.make()
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            yield* Effect.log("handler")
            yield* Effect.flatMap(Effect.forkChild(Effect.log("fiber")), Fiber.join)
            yield* Effect.annotateLogs(Effect.log("annotated"), "own", "value")
          }), { pool })
        yield* task.await
        for (const line of ["handler", "fiber", "annotated"]) {
          assert.includeMembers([...lines.get(line)!], [task.id, "Work", pool.id], line)
        }
        assert.include(lines.get("annotated")!, "value")
      }).pipe(withPool(), Effect.provide(layer))
    })

    it.effect("carry those of the innermost task", () => {
      const { layer, lines } = recordAnnotations()
      return Effect.gen(function*() {
        let child: Task.Any | undefined
        const parent = yield* work("a", () =>
          Effect.gen(function*() {
            yield* script("b", () => Effect.log("child"))
            child = yield* TaskPool.use((pool) => Once.dispatch({ id: "b" }, { pool }))
            yield* Effect.log("parent")
          }))
        yield* parent.await
        assert.includeMembers([...lines.get("child")!], [child!.id, "Once"])
        assert.notInclude(lines.get("child")!, parent.id)
        assert.includeMembers([...lines.get("parent")!], [parent.id, "Work"])
      }).pipe(withPool({}, Once), Effect.provide(layer))
    })

    it.effect("by a hook carry those of the task whose hook it is, wherever that was registered", () => {
      const { layer, lines } = recordAnnotations()
      return Effect.gen(function*() {
        const logs = (line: string) => () => Effect.flatMap(Effect.forkChild(Effect.log(line)), Fiber.join)
        const held = gate()
        const pool = yield* TaskPool.make({ name: "hooked" })
        yield* script("hooked", (self) =>
          Effect.gen(function*() {
            yield* self.onSuccess(logs("handler's onSuccess"))
            yield* self.onExit(logs("handler's onExit"))
            yield* held.wait
          }))
        const task: ScriptedTask = yield* Once.dispatch({ id: "hooked" }, { pool })
        yield* task.onExit(logs("handle's onExit"))
        yield* Effect.annotateLogs(task.onExit(logs("annotated")), "own", "value")
        const other = yield* work("other", () => task.onSuccess(logs("another task's onSuccess")))
        yield* other.await
        yield* held.open
        yield* task.await
        yield* task.onExit(logs("late"))
        yield* (yield* work("late", () => task.onSuccess(logs("another task's, late")))).await
        const failing = yield* Once.dispatch({ id: "fails" }, { pool })
        yield* failing.onFailure(logs("no failure"))
        yield* failing.await
        assert.sameMembers([...lines.keys()], [
          "handler's onSuccess",
          "handler's onExit",
          "handle's onExit",
          "annotated",
          "another task's onSuccess",
          "late",
          "another task's, late"
        ])
        for (const [line, values] of lines) {
          assert.includeMembers([...values], [task.id, "Once", "hooked"], line)
          assert.notInclude(values, other.id, line)
        }
        assert.include(lines.get("annotated")!, "value")
      }).pipe(withPool({}, Once), Effect.provide(layer))
    })

    it.effect("carry them for a logger that keeps them and reads them when the task has ended", () => {
      const kept: Array<object> = []
      const logger = Logger.make<unknown, void>(({ fiber }) => {
        kept.push(fiber.getRef(References.CurrentLogAnnotations))
      })
      return Effect.gen(function*() {
        const task = yield* work("a", () => Effect.log("handler"))
        yield* task.await
        assert.deepStrictEqual({ ...kept[0] }, { task: task.id, job: "Work", pool: "GLOBAL" })
      }).pipe(withPool(), Effect.provide(Logger.layer([logger])))
    })

    it.effect("carry them too where the handler provides loggers of its own", () => {
      const own = recordAnnotations()
      const around = recordAnnotations()
      return Effect.gen(function*() {
        const held = gate()
        const pool = yield* TaskPool.make({ name: "own" })
        yield* script("b", () => Effect.log("child").pipe(Effect.provide(own.layer)))
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            yield* Effect.log("handler")
            yield* Effect.flatMap(Effect.forkChild(Effect.log("fiber")), Fiber.join)
            yield* Effect.annotateLogs(Effect.log("annotated"), "own", "value")
            yield* Effect.annotateLogs(Effect.log("renamed"), "task", "mine")
            const child = yield* Once.dispatch({ id: "b" })
            yield* child.await
            yield* Effect.forkDetach(Effect.andThen(held.wait, Effect.log("left")))
          }).pipe(Effect.provide(own.layer)), { pool })
        yield* task.await
        yield* held.open
        yield* settleTurns
        const { lines } = own
        for (const line of ["handler", "fiber", "annotated"]) {
          assert.sameMembers([...lines.get(line)!].filter((value) => value !== "value"), [task.id, "Work", "own"], line)
        }
        assert.include(lines.get("annotated")!, "value")
        assert.sameMembers([...lines.get("renamed")!], ["mine", "Work", "own"])
        assert.include(lines.get("child")!, "Once")
        assert.notInclude(lines.get("child")!, task.id)
        assert.deepStrictEqual(lines.get("left"), [])
        assert.deepStrictEqual([...around.lines.keys()], [])
      }).pipe(withPool({}, Once), Effect.provide(around.layer))
    })

    it.effect("and outside carry none, also in what a handler left behind", () => {
      const { layer, lines } = recordAnnotations()
      return Effect.gen(function*() {
        const held = gate()
        let left: Fiber.Fiber<unknown> | undefined
        const task = yield* work("a", () =>
          Effect.gen(function*() {
            left = yield* Effect.forkDetach(Effect.andThen(held.wait, Effect.log("left")))
          }))
        yield* task.await
        yield* held.open
        yield* Fiber.await(left!)
        yield* Effect.log("outside")
        for (const line of ["left", "outside"]) assert.notInclude(lines.get(line)!, task.id)
      }).pipe(withPool(), Effect.provide(layer))
    })
  })

  describe("moments are of where they say, though users' code has held the thread just before, in", () => {
    let now = Date.UTC(2030, 0)
    const hold = Effect.sync(() => {
      now += 1000
    })
    type Listening = Effect.Effect<unknown, unknown, WorkerPool | Scope.Scope>
    const holders: Record<string, (before: ScriptedTask) => Listening> = {
      "a handler": () => Effect.void,
      "a hook": (before) => before.onExit(() => hold),
      "who waits for a task": (before) => Effect.forkScoped(Effect.andThen(Effect.exit(before.await), hold)),
      "who waits for a pool": ({ pool }) => Effect.forkScoped(Effect.andThen(pool.settled, hold)),
      "a finalizer of a pool": ({ pool }) => pool.addFinalizer(() => hold),
      "a reader of events": () =>
        WorkerPool.use(({ events }) => Effect.forkScoped(Stream.runForEach(events, () => hold))),
      "a reader of a status": ({ changes }) => Effect.forkScoped(Stream.runForEach(changes, () => hold)),
      "a logger": () => Effect.void
    }
    const { now: real } = Date
    const held = Effect.acquireRelease(
      Effect.sync(() => (Date.now = () => now)),
      () => Effect.sync(() => (Date.now = real))
    )

    it.live("a dispatcher that has waited for room", () =>
      Effect.gen(function*() {
        yield* held
        const first = gate()
        let started = 0
        yield* work("first", () => first.wait)
        yield* settleTurns
        yield* script("second", () => Effect.sync(() => (started = now)))
        const second = yield* Effect.forkChild(Effect.tap(work("second"), hold), { startImmediately: true })
        yield* settleTurns
        assert.isUndefined(second.pollUnsafe())
        yield* first.open
        const task = yield* Fiber.join(second)
        yield* task.await
        const { startedAt } = yield* task.status
        assert.deepStrictEqual(startedAt, Option.some(started))
      }).pipe(Effect.scoped, Effect.provide(testPool({ workers: 1, capacity: 0 }))))

    for (const [name, listen] of Object.entries(holders)) {
      const logger = Logger.make(() => name === "a logger" ? Effect.runSync(hold) : undefined)
      // it.live: the runtime keeps readings of Effect's own clock alone
      it.live(name, () =>
        Effect.gen(function*() {
          yield* held
          const { pause, resume } = yield* WorkerPool
          const pool = yield* TaskPool.make()
          const tasks: Array<ScriptedTask> = []
          const expected: Array<ReadonlyArray<unknown>> = []
          yield* pause
          for (let n = 0; n < 6; n++) {
            const queued = now
            const handler = Effect.gen(function*() {
              const started = now
              yield* Effect.log("starts")
              yield* hold
              if (n % 2 === 1) yield* Effect.yieldNow
              expected[n] = [queued, Option.some(started), Option.some(now)]
            })
            const task = yield* work(`${n}`, () => handler, n < 3 ? { pool } : {})
            yield* listen(task)
            yield* hold
            tasks.push(task)
          }
          yield* settleTurns
          yield* resume
          yield* hold
          for (const task of tasks) {
            yield* task.await
            yield* hold
          }
          for (const [n, task] of tasks.entries()) {
            const { finishedAt, queuedAt, startedAt } = yield* task.status
            assert.deepStrictEqual([queuedAt, startedAt, finishedAt], expected[n], task.id)
          }
          yield* pool.seal
        }).pipe(Effect.scoped, Effect.provide(testPool({ workers: 2 })), Effect.provide(Logger.layer([logger]))))
    }
  })

  it.effect("metrics count dispatches, outcomes, queue time and run time by job", () =>
    Effect.gen(function*() {
      const busy = gate()
      yield* work("busy", () => busy.wait)
      yield* script("slow", () => Effect.sleep(200))
      yield* script("failed", () => new TestError({ id: "" }))
      yield* script("cancelled", () => Effect.never)
      const slow = yield* Measured.dispatch({ id: "slow" })
      yield* elapse(100, 1)
      yield* busy.open
      yield* elapse(200, 1)
      yield* slow.await
      yield* (yield* Measured.dispatch({ id: "failed" })).exit
      const cancelled = yield* Measured.dispatch({ id: "cancelled" })
      yield* awaitState(cancelled, "Running")
      yield* cancelled.cancel()
      yield* Measured.run({ id: "quick" })
      const counts: Array<number> = []
      const timed: Array<{ readonly count: number, readonly sum: number }> = []
      const statuses: Record<string, number> = {}
      for (const { attributes = {}, state } of yield* Metric.snapshot) {
        const values = Object.values(attributes)
        if (!values.includes("MeasuredJob")) continue
        if ("sum" in state) timed.push({ count: state.count, sum: state.sum })
        else if ("count" in state) {
          const status = values.find((value) => ["success", "canceled", "error"].includes(value))
          if (status === undefined) counts.push(Number(state.count))
          else statuses[status] = Number(state.count)
        }
      }
      assert.deepStrictEqual(counts, [4])
      assert.deepStrictEqual(statuses, { success: 2, canceled: 1, error: 1 })
      assert.deepStrictEqual(timed.toSorted((a, b) => a.sum - b.sum), [{ count: 4, sum: 100 }, { count: 4, sum: 200 }])
    }).pipe(withPool({ workers: 1 }, Measured), Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("metrics count no times of what never started", () =>
    Effect.gen(function*() {
      yield* (yield* WorkerPool).pause
      yield* (yield* work("a")).cancel()
      const states = (yield* Metric.snapshot).map(({ id, state }) => [id, state] as const)
      const timed = states.filter(([id]) => id.endsWith("_time_ms"))
      assert.deepStrictEqual(timed.map(([, state]) => "sum" in state && [state.count, state.sum]), [[0, 0], [0, 0]])
      const exited = states.filter(([id]) => id === "effect_tasks_exited_total")
      assert.deepStrictEqual(exited.map(([, state]) => "count" in state && Number(state.count)), [0, 1, 0])
    }).pipe(withPool(), Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("an event stream ends for one listener without touching another", () =>
    Effect.gen(function*() {
      const { events: stream } = yield* WorkerPool
      const events = yield* recordEvents
      const inbox = yield* Queue.unbounded<Event>()
      const first = yield* Effect.forkChild(
        Stream.runForEach(Stream.take(stream, 1), (event) => Queue.offer(inbox, event))
      )
      yield* settleTurns
      const task = yield* work("a")
      yield* task.await
      yield* Fiber.join(first)
      yield* settleTurns
      assert.strictEqual((yield* Queue.take(inbox))._tag, "TaskQueued")
      assert.strictEqual(tagsOf(events, task).length, 4)
      assert.strictEqual(yield* Work.run({ id: "b" }), "b")
    }).pipe(withPool()))

  it.effect("the changes of a task tell of each thing that happens to it, and end with it", () =>
    Effect.gen(function*() {
      const [busy, slept, again] = [gate(), gate(), gate()]
      yield* work("busy", () => busy.wait)
      let attempts = 0
      yield* script("a", (self) =>
        Effect.gen(function*() {
          if (attempts++ === 0) return yield* new TestError({ id: "a" })
          yield* self.report(1)
          yield* again.wait
          yield* self.whileSleeping(slept.wait)
        }))
      const task = yield* Retried.dispatch({ id: "a" }, { delay: 10 })
      const seen: Array<unknown> = []
      const look = ({ attempt, priority, progress, state, waitingFor }: Task.Status<unknown, TestError, number>) => [
        state,
        Option.getOrUndefined(waitingFor),
        priority,
        attempt,
        Option.getOrUndefined(progress)
      ]
      const reader = yield* Effect.forkChild(
        Stream.runForEach(task.changes, (status) => Effect.sync(() => seen.push(look(status))))
      )
      const expectLast = (...last: ReadonlyArray<unknown>) =>
        Effect.map(settleTurns, () => assert.deepStrictEqual(seen.at(-1), last))
      yield* expectLast("Queued", "delay", 0, 1, undefined)
      yield* elapse(10, 1)
      yield* expectLast("Queued", "slot", 0, 1, undefined)
      yield* task.setPriority(2)
      yield* expectLast("Queued", "slot", 2, 1, undefined)
      yield* busy.open
      yield* expectLast("Running", undefined, 2, 2, 1)
      yield* again.open
      yield* expectLast("Sleeping", "effect", 2, 2, 1)
      const held = gate()
      yield* work("held", () => held.wait)
      yield* settleTurns
      yield* slept.open
      yield* expectLast("Sleeping", "slot", 2, 2, 1)
      yield* held.open
      yield* expectLast("Exited", undefined, 2, 2, 1)
      yield* Fiber.join(reader)
      const { length } = seen
      yield* Stream.runForEach(task.changes, (status) => Effect.sync(() => seen.push(look(status))))
      assert.deepStrictEqual(seen.slice(length), [["Exited", undefined, 2, 2, 1]])
    }).pipe(withPool({ workers: 1 }, Retried)))

  for (const missed of [0, 1]) {
    it.effect(`a listener keeps 4,096 events (of ${4096 + missed} it misses ${missed})`, () =>
      Effect.gen(function*() {
        const { events, pause } = yield* WorkerPool
        const held = gate()
        const seen: Array<Event> = []
        yield* Effect.forkScoped(
          Stream.runForEach(
            events,
            (event) =>
              Effect.andThen(Effect.sync(() => void seen.push(event)), seen.length === 0 ? held.wait : Effect.void)
          )
        )
        yield* settleTurns
        yield* pause
        yield* settleTurns
        assert.strictEqual(seen.length, 1)
        for (let n = 0; n < 2048; n++) yield* (yield* work(`${n}`)).cancel() // each is queued and exits
        if (missed > 0) yield* pause
        yield* held.open
        yield* settleTurns
        assert.deepStrictEqual(
          seen.flatMap((event) => event._tag === "Missed" ? [event.count] : []),
          missed > 0 ? [1] : []
        )
        assert.strictEqual(seen.length, 1 + 4096 + missed)
      }).pipe(withPool()))
  }

  it.effect("the metrics of time count a value in the bucket of the first boundary that it does not pass; they know the extremes", () =>
    Effect.gen(function*() {
      for (const millis of [4, 0, 5, 1]) {
        yield* work("a", () => Effect.sleep(millis))
        yield* elapse(millis, 1)
      }
      const snapshot = yield* Metric.snapshot
      const { state } = snapshot.find(({ id }) => id === "effect_tasks_run_time_ms")!
      const { buckets } = state as Metric.HistogramState
      assert.deepStrictEqual(buckets.slice(0, 4), [[1, 2], [4, 3], [16, 4], [64, 4]])
      assert.deepStrictEqual(buckets.at(-1), [Infinity, 4])
      assert.deepInclude(state, { count: 4, min: 0, max: 5, sum: 10 })
    }).pipe(withPool({ workers: 1 }), Effect.provideService(Metric.MetricRegistry, new Map())))
})
