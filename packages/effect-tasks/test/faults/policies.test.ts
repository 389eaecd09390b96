import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schedule, Schema, SchemaTransformation } from "effect"
import { DispatchError, Job, TaskPool, WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import { elapse, script, scripted, settleTurns, TestError, work } from "../support.ts"
import { defectIn, throwables, unreadable } from "./hostile.ts"
import { type Fault, unharmed } from "./unharmed.ts"

const boom = new Error("boom")
const toss = (value: unknown): never => {
  throw value
}

/** The dispatch dies of `value`, and nothing else has happened. */
const refusedDispatch = (
  dispatch: (pool: TaskPool.TaskPool) => Effect.Effect<unknown, any, any>,
  check: (exit: Exit.Exit<unknown, unknown>) => void
): Fault =>
(pool) =>
  Effect.gen(function*() {
    const { status, tasks } = yield* WorkerPool
    const before = [yield* status, (yield* tasks).length, yield* pool.status]
    check(yield* Effect.exit(dispatch(pool)))
    assert.deepStrictEqual([yield* status, (yield* tasks).length, yield* pool.status], before)
  })

const alwaysFails = script("faulty", () => new TestError({ id: "faulty" }))

describe("A key function", () => {
  for (const [name, value] of throwables) {
    for (const unique of value === "boom" ? [undefined, "join", "reject", "supersede"] as const : ["join"] as const) {
      class Keyed extends Job.make("Keyed", { ...scripted, unique, key: () => toss(value) }) {}
      it.effect(`that throws ${name} kills the dispatch alone (unique: ${unique})`, () =>
        unharmed(
          refusedDispatch(
            (pool) => Keyed.dispatch({ id: "a" }, { pool }),
            (exit) => assert.isTrue(Object.is(defectIn(exit), value))
          ),
          Keyed
        ))
    }

    class Limited extends Job.make("Limited", { ...scripted, concurrency: { limit: 1, key: () => toss(value) } }) {}
    it.effect(`of concurrency that throws ${name} kills the dispatch alone`, () =>
      unharmed(
        refusedDispatch(
          (pool) => Limited.dispatch({ id: "a" }, { pool }),
          (exit) => assert.isTrue(Object.is(defectIn(exit), value))
        ),
        Limited
      ))
  }

  it.effect("that throws for one payload leaves the key's holder alone", () => {
    class Picky
      extends Job.make("Picky", { ...scripted, unique: true, key: ({ id }) => id === "bad" ? toss(boom) : "key" })
    {}
    return unharmed((pool) =>
      Effect.gen(function*() {
        const holder = yield* Picky.dispatch({ id: "good" }, { pool })
        assert.strictEqual(defectIn(yield* Effect.exit(Picky.dispatch({ id: "bad" }, { pool }))), boom)
        assert.strictEqual(defectIn(yield* Effect.exit(Picky.find({ id: "bad" }))), boom)
        assert.strictEqual(yield* holder.await, "good")
        assert.deepInclude(yield* pool.status, { total: 1, complete: 1 })
      }), Picky)
  })

  it.effect("that throws when the task is recomputed leaves the task alone", () => {
    let calls = 0
    class Fickle extends Job.make("Fickle", {
      ...scripted,
      concurrency: { limit: 1, key: () => calls++ === 0 ? "key" : toss(boom) }
    }) {}
    return unharmed((pool) =>
      Effect.gen(function*() {
        const task = yield* Fickle.dispatch({ id: "a" }, { pool })
        assert.strictEqual(defectIn(yield* Effect.exit(task.recompute)), boom)
        assert.strictEqual(yield* task.await, "a")
      }), Fickle)
  })
})

describe("A retry policy", () => {
  const schedules: ReadonlyArray<readonly [string, Schedule.Schedule<any, TestError>]> = [
    ["dies", Schedule.fromStep(Effect.succeed(() => Effect.die(boom)))],
    ["throws", Schedule.fromStep(Effect.succeed(() => toss(boom)))],
    ["throws when it is made", Schedule.fromStep(Effect.suspend(() => toss(boom)))],
    ["throws in a mapped delay", Schedule.recurs(2).pipe(Schedule.addDelay(() => toss(boom)))]
  ]
  for (const [name, schedule] of schedules) {
    class Retried extends Job.make("Retried", { ...scripted, retry: { schedule } }) {}
    it.effect(`whose schedule ${name} kills the task with that defect`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          yield* alwaysFails
          const exit = yield* (yield* Retried.dispatch({ id: "faulty" }, { pool })).exit
          assert.strictEqual(defectIn(exit), boom)
        }), Retried))
  }

  const whiles: ReadonlyArray<readonly [string, () => any]> = [
    ...throwables.flatMap(([name, value]): Array<readonly [string, () => any]> => [
      [`throws ${name}`, () => toss(value)],
      [`dies with ${name}`, () => Effect.die(value)]
    ]),
    ["returns neither a boolean nor an Effect", () => "yes"],
    ["interrupts", () => Effect.interrupt]
  ]
  for (const [name, whileIt] of whiles) {
    class Retried extends Job.make("Retried", { ...scripted, retry: { while: whileIt } }) {}
    it.effect(`whose while ${name} ends the task after one attempt`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          yield* alwaysFails
          const task = yield* Retried.dispatch({ id: "faulty" }, { pool })
          assert.isTrue(Exit.isFailure(yield* task.exit))
          assert.strictEqual((yield* task.status).attempt, 1)
        }), Retried))
  }

  class Twice extends Job.make("Twice", { ...scripted, retry: { times: 1 } }) {}
  it.effect("meets a finalizer that dies between the attempts", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        yield* script(
          "faulty",
          () => Effect.andThen(Effect.addFinalizer(() => toss(boom)), Effect.fail(new TestError({ id: "faulty" })))
        )
        const { reasons } = yield* Effect.flip(Effect.sandbox(Twice.run({ id: "faulty" }, { pool })))
        assert.strictEqual(reasons.find(Cause.isDieReason)?.defect, boom)
      }), Twice))

  class Patient extends Job.make("Patient", {
    ...scripted,
    retry: { schedule: Schedule.forever.pipe(Schedule.addDelay(() => Effect.succeed(Infinity))) }
  }) {}
  it.effect("that waits for ever is ended by a timeout", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        yield* alwaysFails
        const task = yield* Patient.dispatch({ id: "faulty" }, { pool, timeout: 1000 })
        yield* elapse(1000)
        assert.isTrue(Exit.isFailure(yield* task.exit))
      }), Patient))
})

describe("A Schema", () => {
  const transformed = (decode: (text: string) => string, encode = decode) =>
    Schema.Struct({
      text: Schema.String.pipe(Schema.decodeTo(Schema.String, SchemaTransformation.transform({ decode, encode })))
    })
  const checked = Schema.Struct({ text: Schema.String.check(Schema.makeFilter(() => toss(boom))) })
  class Decoded extends Job.make("Decoded", { payload: transformed(() => toss(boom)) }) {}
  class Filtered extends Job.make("Filtered", { payload: checked }) {}
  class Encoded extends Job.make("Encoded", { payload: transformed((text) => text, () => toss(boom)), unique: true }) {}

  const dies = (exit: Exit.Exit<unknown, unknown>) => assert.instanceOf(defectIn(exit), Error)
  const cases: ReadonlyArray<readonly [string, any, (pool: TaskPool.TaskPool) => Effect.Effect<unknown, any, any>]> = [
    ["decodes by throwing", Decoded, (pool) => WorkerPool.use((_) => _.dispatch("Decoded", { text: "a" }, { pool }))],
    ["checks by throwing", Filtered, (pool) => Filtered.dispatch({ text: "a" }, { pool })],
    [
      "checks what comes by name by throwing",
      Filtered,
      (pool) => WorkerPool.use((_) => _.dispatch("Filtered", { text: "a" }, { pool }))
    ],
    ["encodes the key by throwing", Encoded, (pool) => Encoded.dispatch({ text: "a" }, { pool })]
  ]
  for (const [name, job, dispatch] of cases) {
    it.effect(`that ${name} kills the dispatch alone`, () =>
      unharmed((pool) =>
        Effect.provide(refusedDispatch(dispatch, dies)(pool), job.toLayer(() => Effect.void)) as Effect.Effect<unknown>
      ))
  }

  class Unkeyed extends Job.make("Unkeyed", { payload: transformed((text) => text, () => toss(boom)) }) {}
  it.effect("that cannot encode the payload leaves the task its status", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const task = yield* Unkeyed.dispatch({ text: "a" }, { pool })
        yield* task.await
        assert.strictEqual((yield* task.status).key, task.id)
      }).pipe(Effect.provide(Unkeyed.toLayer(() => Effect.void)))
    ))
})

describe("A duration", () => {
  const hostile: ReadonlyArray<readonly [string, any]> = [
    ["that throws when it is read", {
      get seconds() {
        return toss(boom)
      }
    }],
    ["without a meaning", "soon"],
    ["that is not a number", NaN],
    ["of an unreadable kind", unreadable()],
    ["that is null", null],
    ["that is a function", () => 1],
    ["with a part that is not a number", { seconds: NaN }],
    ["with a part of a pair that is not a number", [NaN, 0]]
  ]
  for (const [name, duration] of hostile) {
    for (const option of ["delay", "timeout", "queueTimeout"] as const) {
      it.effect(`${name}, given as ${option}, kills the dispatch alone`, () =>
        unharmed(refusedDispatch(
          (pool) => work("faulty", undefined, { pool, [option]: duration }),
          (exit) => {
            const defect = defectIn(exit) as Error
            if (defect !== boom && name !== "of an unreadable kind") {
              assert.match(defect.message, new RegExp(`Job "Work": ${option} cannot be .*; give`))
            }
          }
        )))
    }

    it.effect(`${name}, given to setTimeout, kills its caller alone`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const task = yield* work("faulty", () => Effect.never, { pool, timeout: 1000 })
          assert.instanceOf(defectIn(yield* Effect.exit(task.setTimeout(duration))), Error)
          const inside = yield* work("inside", (context) => context.setTimeout(duration), { pool })
          yield* elapse(1000)
          assert.isTrue(Exit.isFailure(yield* task.exit))
          assert.instanceOf(defectIn(yield* inside.exit), Error)
        })
      ))
  }

  it.effect("without end, given as delay, is refused: the pool could never be done", () =>
    unharmed(refusedDispatch(
      (pool) => work("faulty", undefined, { pool, delay: Infinity }),
      (exit) => assert.match((defectIn(exit) as Error).message, /Job "Work": delay cannot be Infinity/)
    )))

  it.effect("without end, given as a time limit, is none", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const options = { pool, timeout: "Infinity", queueTimeout: Infinity } as const
        const task = yield* work("faulty", () => Effect.sleep("1000 weeks"), options)
        yield* settleTurns
        yield* TestClock.adjust("1000 weeks")
        yield* task.await
      })
    ))

  it.effect("below 0 is over at once", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const late = yield* work("late", () => Effect.never, { pool, timeout: -1000 })
        const soon = yield* work("soon", undefined, { pool, delay: "-1 hour" as never })
        yield* elapse(1)
        assert.isTrue(Exit.isFailure(yield* late.exit))
        assert.strictEqual(yield* soon.await, "soon")
      })
    ))
})

it.effect("A refused dispatch in a handler ends the task with what was refused", () =>
  unharmed((pool) =>
    Effect.gen(function*() {
      const task = yield* work("faulty", () => work("x", undefined, { priority: NaN }), { pool })
      assert.match((defectIn(yield* task.exit) as Error).message, /priority/)
      const other = yield* work("other", () => WorkerPool.use((_) => _.dispatch("Nobody", {})), { pool })
      assert.instanceOf(defectIn(yield* other.exit), DispatchError)
    })
  ))
