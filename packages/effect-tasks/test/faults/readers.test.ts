import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { gate, settleTurns, work } from "../support.ts"
import { throwables } from "./hostile.ts"
import { type Fault, unharmed } from "./unharmed.ts"

const toss = (value: unknown): never => {
  throw value
}

/** What can be read while two tasks of the pool report. */
type Source = (pool: TaskPool.TaskPool, progress: Stream.Stream<number>) => Stream.Stream<unknown, never, WorkerPool>
const sources: ReadonlyArray<readonly [name: string, Source]> = [
  ["progress", (_, progress) => progress],
  ["changes", (pool) => pool.changes],
  ["events", () => Stream.unwrap(WorkerPool.use(({ events }) => Effect.succeed(events)))]
]

/** `read` reads while a task of the pool reports a hundred times and ends. */
const reading = (
  source: Source,
  read: (stream: Stream.Stream<unknown, never, WorkerPool>) => Effect.Effect<unknown, any, WorkerPool>
): Fault =>
(pool) =>
  Effect.gen(function*() {
    const start = gate()
    const task = yield* work("reporting", (context) =>
      Effect.gen(function*() {
        yield* start.wait
        for (let i = 1; i <= 100; i++) {
          yield* context.report(i)
          if (i % 10 === 0) yield* Effect.yieldNow
        }
        return "reported"
      }), { pool })
    const reader = yield* Effect.forkChild(Effect.exit(read(source(pool, task.progress))))
    yield* settleTurns
    yield* start.open
    assert.strictEqual(yield* task.await, "reported")
    assert.deepInclude((yield* task.status).progress, { value: 100 })
    yield* settleTurns
    yield* Fiber.interrupt(reader)
  })

for (const [stream, source] of sources) {
  describe(`A reader of ${stream}`, () => {
    for (const [name, value] of throwables) {
      it.effect(`that throws ${name} hurts nobody`, () =>
        unharmed(reading(source, (stream) => Stream.runForEach(stream, () => toss(value)))))
    }

    it.effect("that dies at a later element hurts nobody", () => {
      let seen = 0
      return unharmed(
        reading(source, (stream) => Stream.runForEach(stream, () => ++seen > 1 ? Effect.die("boom") : Effect.void))
      )
    })

    it.effect("that maps by throwing hurts nobody", () =>
      unharmed(reading(source, (stream) => Stream.runDrain(Stream.map(stream, () => toss("boom"))))))

    it.effect("that stops after the first element hurts nobody", () =>
      unharmed(reading(source, (stream) => Stream.runDrain(Stream.take(stream, 1)))))

    it.effect("that never goes on hurts nobody", () =>
      unharmed(reading(source, (stream) => Stream.runForEach(stream, () => Effect.never))))

    it.effect("that opens the stream and never pulls hurts nobody", () =>
      unharmed(reading(source, (stream) => Effect.scoped(Effect.andThen(Stream.toPull(stream), Effect.never)))))

    it.effect("that is interrupted in its pull hurts nobody, and another reads on", () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          let seen = 0
          const counted = (stream: Stream.Stream<unknown, never, WorkerPool>) =>
            Stream.runForEach(stream, () => Effect.sync(() => seen++))
          const read = (stream: Stream.Stream<unknown, never, WorkerPool>) =>
            Effect.gen(function*() {
              yield* Effect.forkChild(counted(stream))
              const victims = yield* Effect.forEach(
                [1, 2, 3],
                () => Effect.forkChild(Stream.runDrain(stream), { startImmediately: true })
              )
              yield* settleTurns
              for (const victim of victims) yield* Fiber.interrupt(victim)
              return yield* Effect.never
            })
          yield* reading(source, read)(pool)
          assert.isAbove(seen, 0)
        })
      ))

    it.effect("that is a task which dies, interrupts itself or is cancelled in its pull hurts nobody", () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const dying = yield* work("dying", (context) =>
            Effect.gen(function*() {
              yield* context.report(1)
              const below = yield* TaskPool.make()
              const quiet = yield* work("quiet", () => Effect.never, { pool: below })
              yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, context.report(2)))
              yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, below.seal))
              const reading = Stream.runForEach(source(below, quiet.progress), () => Effect.die("boom"))
              yield* Effect.raceFirst(reading, Effect.die("boom"))
            }), { pool })
          assert.isTrue(Exit.isFailure(yield* dying.exit))
          if (stream === "events") return // each of its own waits is an event: such a task never comes to rest
          const waiting = yield* work("waiting", () =>
            Effect.gen(function*() {
              const own = yield* TaskPool.make()
              const quiet = yield* work("quiet", () => Effect.never, { pool: own })
              yield* Stream.runDrain(source(own, quiet.progress))
            }), { pool })
          yield* settleTurns
          yield* waiting.cancel()
        })
      ))
  })
}

describe("Those who wait", () => {
  it.effect("may be interrupted in any wait, and the others wait on", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("held", () => held.wait, { pool })
        const waits: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          task.await,
          task.exit,
          task.firstProgress,
          pool.settled,
          pool.join
        ]
        const start = Effect.forEach(waits, (wait) => Effect.forkChild(wait, { startImmediately: true }))
        const stay = yield* start
        const go = yield* start
        for (const fiber of go) yield* Fiber.interrupt(fiber)
        yield* held.open
        for (const fiber of stay) assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
      })
    ))

  it.effect("may throw when they are woken", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("held", () => held.wait, { pool })
        const waiter = yield* Effect.forkChild(Effect.flatMap(task.await, (): Effect.Effect<never> => toss("boom")), {
          startImmediately: true
        })
        const other = yield* Effect.forkChild(task.await, { startImmediately: true })
        yield* held.open
        assert.isTrue(Exit.isFailure(yield* Fiber.await(waiter)))
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(other)))
      })
    ))

  it.effect("to send are freed when the task dies with a full inbox", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const held = gate()
        const task = yield* work("held", () => Effect.andThen(held.wait, Effect.die("boom")), { pool })
        const senders = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => `${i}`),
          (message) => Effect.forkChild(task.send(message))
        )
        yield* settleTurns
        yield* held.open
        yield* task.exit
        const exits = yield* Effect.forEach(senders, (fiber) => Fiber.await(fiber))
        assert.strictEqual(exits.filter(Exit.isFailure).length, 4)
      })
    ))
})
