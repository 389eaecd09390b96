import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { HandlerInterrupted, Job, TaskPool } from "effect-tasks"
import {
  awaitState,
  canceled,
  defect,
  elapse,
  failure,
  type Script,
  type ScriptedTask,
  TestError,
  work
} from "../support.ts"
import { defectIn, throwables, untouchable } from "./hostile.ts"
import { type Fault, unharmed } from "./unharmed.ts"

class Plain extends Job.make("Plain") {}

const toss = (value: unknown): never => {
  throw value
}

/** A task with this handler ends as `check` says. */
const ending = (run: Script, check: (exit: Exit.Exit<unknown, unknown>, task: ScriptedTask) => void): Fault => (pool) =>
  Effect.gen(function*() {
    const task = yield* work("faulty", run, { pool })
    check(yield* task.exit, task)
    assert.deepInclude(yield* pool.status, { total: 1, complete: 1 })
  })

const succeeds = (exit: Exit.Exit<unknown, unknown>) => assert.isTrue(Exit.isSuccess(exit))

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) => assert.instanceOf(defect(exit), HandlerInterrupted)

describe("A handler", () => {
  for (const [name, value] of throwables) {
    const dies = (exit: Exit.Exit<unknown, unknown>) => assert.isTrue(Object.is(defectIn(exit), value))

    it.effect(`that throws ${name} hurts nobody`, () => unharmed(ending(() => toss(value), dies)))

    it.effect(`that throws ${name} after a while hurts nobody`, () =>
      unharmed(ending(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => toss(value))), dies)))

    it.effect(`whose Scope finalizers throw ${name} hurts nobody`, () =>
      unharmed(ending(
        () =>
          Effect.andThen(
            Effect.addFinalizer(() => toss(value)),
            Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, Effect.die(value)))
          ),
        (exit) => assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason))
      )))

    it.effect(`that fails in one of many pools with ${name} is in the report of the join`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          yield* work("faulty", () => Effect.die(value), { pool })
          const exit = yield* Effect.exit(pool.join)
          const [first] = yield* pool.failures
          assert.isTrue(Exit.isFailure(exit))
          assert.strictEqual(first.cause.reasons[0]._tag, "Die")
        })
      ))
  }

  const wrong: ReadonlyArray<readonly [string, () => any]> = [
    ["undefined", () => undefined],
    ["null", () => null],
    ["a number", () => 5],
    ["a Promise", () => Promise.resolve(5)],
    ["a function", () => () => Effect.void],
    ["an object without prototype", () => Object.create(null)],
    ["a structure of objects", () => ({ deep: { deep: { deep: Array.from({ length: 1000 }) } } })]
  ]
  for (const [name, result] of wrong) {
    it.effect(`that returns ${name} instead of an Effect dies with what to mend`, () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const task = yield* Plain.dispatch(undefined, { pool })
          const error = defectIn(yield* task.exit)
          assert.instanceOf(error, Error)
          assert.match((error as Error).message, /^The handler of job "Plain": .*; return an Effect$/)
        }).pipe(Effect.provide(Plain.toLayer(result as () => Effect.Effect<void>)))
      ))
  }

  it.effect("that returns an object that throws at every touch dies", () =>
    unharmed(ending(untouchable, (exit) => assert.instanceOf(defectIn(exit), Error))))

  it.effect("that goes on with something that is no Effect dies", () =>
    unharmed(ending(
      () => Effect.flatMap(Effect.yieldNow, () => 5 as unknown as Effect.Effect<void>),
      (exit) => assert.include(String(defect(exit)), "effect")
    )))

  it.effect("that never returns goes when it is cancelled", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const task = yield* work("faulty", () => Effect.never, { pool })
        yield* awaitState(task, "Running")
        yield* task.cancel()
        canceled(yield* task.exit)
      })
    ))

  it.effect("that ignores the cancel for a while is waited for", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const task = yield* work("faulty", () => Effect.uninterruptible(Effect.sleep("1 minute")), { pool })
        yield* awaitState(task, "Running")
        const cancel = yield* Effect.forkChild(task.cancel())
        yield* elapse(59_000)
        assert.strictEqual((yield* task.status).state, "Stopping")
        assert.isUndefined(cancel.pollUnsafe())
        yield* elapse(1_000)
        yield* Fiber.join(cancel)
        canceled(yield* task.exit)
      })
    ))

  it.effect("that ignores its timeout and then dies has timed out", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const stubborn = Effect.uninterruptible(Effect.andThen(Effect.sleep("1 minute"), Effect.die("late")))
        const task = yield* work("faulty", () => stubborn, { pool, timeout: "1 second" })
        yield* awaitState(task, "Running")
        yield* elapse(60_000)
        assert.strictEqual((failure(yield* task.exit) as Error).name, "TaskTimeout")
      })
    ))

  describe("that interrupts", () => {
    it.effect("itself, by its result, ends as error", () => unharmed(ending(() => Effect.interrupt, isInterrupted)))

    it.effect("its own fiber ends as error", () =>
      unharmed(ending(() => Effect.withFiber((fiber) => Fiber.interrupt(fiber)), isInterrupted)))

    it.effect("its own fiber from a child ends as error", () =>
      unharmed(ending(
        () => Effect.withFiber((fiber) => Effect.andThen(Effect.forkChild(Fiber.interrupt(fiber)), Effect.never)),
        isInterrupted
      )))

    it.effect("its own fiber while it sleeps ends as error", () =>
      unharmed(ending(
        (task) =>
          Effect.withFiber((fiber) =>
            Effect.andThen(
              Effect.forkChild(Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber))),
              task.whileSleeping(Effect.never)
            )
          ),
        isInterrupted
      )))

    it.effect("itself in a Scope finalizer keeps its outcome", () =>
      unharmed(ending(() => Effect.addFinalizer(() => Effect.interrupt), succeeds)))

    it.effect("the fiber that dispatched it leaves the pool's tasks alone", () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const dispatcher: { fiber?: Fiber.Fiber<never, unknown> } = {}
          const interrupter: Script = () => Effect.suspend(() => Fiber.interrupt(dispatcher.fiber!))
          dispatcher.fiber = yield* Effect.forkChild(
            Effect.andThen(work("faulty", interrupter, { pool }), Effect.never)
          )
          yield* Fiber.await(dispatcher.fiber)
          assert.deepInclude(yield* pool.settled, { total: 1, failed: 0, canceled: 0 })
        })
      ))

    it.effect("the handler that runs it ends that one alone", () =>
      unharmed((pool) =>
        Effect.gen(function*() {
          const parent = yield* work("parent", () =>
            Effect.withFiber((fiber) =>
              TaskPool.use((children) =>
                Effect.andThen(
                  work("child", () => Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true }), {
                    pool: children
                  }),
                  children.join
                )
              )
            ), { pool })
          isInterrupted(yield* parent.exit)
        })
      ))
  })

  it.effect("that closes its own Scope keeps its outcome", () =>
    unharmed(ending(() => Effect.flatMap(Effect.scope, (scope) => Scope.close(scope as any, Exit.void)), succeeds)))

  it.effect("whose forked fibers die keeps its outcome", () =>
    unharmed(ending(
      () =>
        Effect.andThen(
          Effect.forEach([Effect.forkChild, Effect.forkScoped, Effect.forkDetach], (fork) => fork(Effect.die("boom"))),
          Effect.yieldNow
        ),
      succeeds
    )))

  it.effect("that throws in update and whileSleeping, and goes on, keeps its slot and its outcome", () =>
    unharmed(ending(
      (task) =>
        Effect.gen(function*() {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(task.update(() => toss("boom")))))
          assert.isTrue(Exit.isFailure(yield* Effect.exit(task.whileSleeping(Effect.die("boom")))))
          assert.isTrue(
            Exit.isFailure(yield* Effect.exit(task.whileSleeping(Effect.andThen(Effect.yieldNow, Effect.interrupt))))
          )
        }),
      succeeds
    )))

  it.effect("that dies among its children takes them with it", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        const children: Array<ScriptedTask> = []
        const parent = yield* work("parent", () =>
          Effect.gen(function*() {
            const below = yield* TaskPool.make()
            for (const id of ["a", "b", "c"]) children.push(yield* work(id, () => Effect.never, { pool: below }))
            yield* Effect.yieldNow
            return yield* Effect.die("boom")
          }), { pool })
        assert.strictEqual(defect(yield* parent.exit), "boom")
        for (const child of children) canceled(yield* child.exit)
      })
    ))

  it.effect("that uses its context after its end changes nothing", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        let late: Parameters<Script>[0] | undefined
        const task = yield* work("faulty", (context) => Effect.sync(() => void (late = context)), { pool })
        yield* task.await
        const before = yield* task.status
        yield* late!.report(1)
        yield* late!.setTimeout(0)
        yield* late!.clearTimeout
        assert.strictEqual(yield* late!.whileSleeping(Effect.as(Effect.yieldNow, 1)), 1)
        yield* elapse(1)
        assert.deepStrictEqual(yield* task.status, before)
      })
    ))

  it.effect("that fails ever so often fails every time", () =>
    unharmed((pool) =>
      Effect.gen(function*() {
        for (let i = 0; i < 200; i++) {
          yield* work(`${i}`, () => i % 2 === 0 ? toss(i) : new TestError({ id: `${i}` }), { pool })
        }
        assert.deepInclude(yield* pool.settled, { total: 200, failed: 200 })
        assert.strictEqual((yield* pool.failures).length, 100)
      })
    ))
})
