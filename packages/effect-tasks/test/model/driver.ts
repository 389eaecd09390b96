/** Runs a program against the runtime and against the model, and compares them after every step. */
import { Cause, Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import { WorkerPool } from "effect-tasks"
import { TestClock } from "effect/testing"
import type { DriverAct, HandlerAct } from "./acts.ts"
import type * as entities from "./entities.ts"
import { jobNames } from "./jobs.ts"
import { Model } from "./model.ts"
import { Observer } from "./observer.ts"
import { type Program, type Step, stepsOf } from "./program.ts"
import { Real } from "./real.ts"
import { difference, modelLines, runtimeLines } from "./snapshot.ts"

/** A program went wrong; the message says where. */
export class Wrong extends Error {
  readonly _tag = "Wrong"
}

/** Turns in which nothing happens before all is taken to be quiet. */
const quietTurns = 8

class Driver {
  readonly model: Model
  readonly real: Real
  readonly observer: Observer
  readonly trace: Array<string> = []
  private isSettled = true

  constructor(program: Program, real: Real) {
    this.model = new Model(program.workers)
    this.real = real
    this.observer = new Observer(program.workers, (id) => real.tasks.find((task) => task.id === id)?.key)
  }

  wrong(what: string): Effect.Effect<never, Wrong> {
    return Effect.fail(new Wrong([...this.trace, what].join("\n")))
  }

  take(step: Step) {
    return Effect.gen({ self: this }, function*() {
      // only what the driver calls can come before something else has been followed up
      if (!this.isSettled && (step._tag !== "Act" || step.by !== undefined)) yield* this.settle()
      if (step._tag === "Act" && step.by?.idle === false) return
      switch (step._tag) {
        case "Act":
          yield* this.perform(step.act, step.by)
          this.isSettled = false
          return step.rush ? undefined : yield* this.settle()
        case "Open":
          this.trace.push(`open ${step.gate.name}`)
          this.model.open(step.gate)
          yield* this.real.gate(step.gate.name).open
          return yield* this.settle()
        case "Advance":
          for (let passed = 0; passed < step.millis; passed += 10) {
            this.trace.push("10 ms pass")
            this.model.advance(10)
            yield* TestClock.adjust(10)
            yield* this.settle()
          }
      }
    })
  }

  private perform(act: DriverAct | HandlerAct, by: entities.Fiber | undefined) {
    return Effect.suspend(() => {
      const { label } = this.model.perform(act, by)
      this.trace.push(label)
      const op = this.real.note(label)
      if (by !== undefined) return this.real.tell(by, act as HandlerAct, op) // the program gives handlers only theirs
      return this.real.call(op, act as DriverAct)
    })
  }

  /** Lets everything follow that follows without time passing, then compares. */
  settle() {
    return Effect.gen({ self: this }, function*() {
      this.isSettled = true
      this.model.settle()
      yield* this.quiet
      yield* this.observe()
      yield* this.real.adopt
      const different = difference(modelLines(this.model), yield* runtimeLines(this.real))
      if (different !== undefined) return yield* this.wrong(different)
    })
  }

  get quiet() {
    return Effect.gen(function*() {
      const { status } = yield* WorkerPool
      let before = -1
      for (let turns = 0; turns < quietTurns; turns++) {
        const { seq } = yield* status
        if (seq !== before) turns = 0
        before = seq
        yield* Effect.yieldNow
      }
    })
  }

  observe() {
    return Effect.suspend(() => {
      for (const event of this.real.events.splice(0)) {
        const wrong = this.observer.see(event)
        if (wrong !== undefined) return this.wrong(wrong)
      }
      return Effect.void
    })
  }

  /** Everything is released: every handle must settle and every call return. */
  drain() {
    return Effect.gen({ self: this }, function*() {
      const { model } = this
      const act = (act: DriverAct | HandlerAct, by?: entities.Fiber) => this.take({ _tag: "Act", act, by, rush: false })
      yield* act({ _tag: "Resume" })
      for (const job of jobNames) yield* act({ _tag: "ResumeJob", job })
      for (
        let round = 0;
        model.tasks.some(({ settled }) => !settled) || model.gates.some(({ isOpen }) => !isOpen);
        round++
      ) {
        if (round === 100) return yield* this.wrong("something waits for what cannot come")
        const gate = model.gates.find(({ isOpen }) => !isOpen)
        // children first: the end of a handler interrupts them
        const fibers = model.tasks.flatMap(({ children, main }) => [...children, main])
        const idle = fibers.find((fiber) => fiber.idle)
        const reader = fibers.find((fiber) => fiber.reading !== undefined)
        if (gate !== undefined) yield* this.take({ _tag: "Open", gate })
        else if (idle !== undefined) yield* act({ _tag: "End", outcome: "success" }, idle)
        else if (reader !== undefined) yield* act({ _tag: "Send", task: reader.task.number, count: 1 })
        else yield* this.take({ _tag: "Advance", millis: 10 })
      }
      for (const pool of model.pools) yield* act({ _tag: "Settled", pool: pool.number, through: false })
      const lost = this.real.ops.find(({ result }) => result === undefined)
      if (lost !== undefined) yield* this.wrong(`never returned: ${lost.label}`)
    })
  }
}

const drive = (program: Program, driver: Driver, layers: Scope.Closeable) =>
  Effect.gen(function*() {
    const { real } = driver
    yield* TestClock.adjust(0)
    const { events, global } = yield* WorkerPool
    real.pools.push(global)
    yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => real.events.push(event))), {
      startImmediately: true
    })
    for (const command of program.commands) for (const step of stepsOf(command, driver.model)) yield* driver.take(step)
    yield* driver.settle()
    if (!program.shutdown) return yield* driver.drain()
    driver.trace.push("shutdown")
    yield* real.openAll
    yield* Scope.close(layers, Exit.void)
    yield* driver.quiet
    const wrong = yield* real.afterShutdown
    if (wrong !== undefined) yield* driver.wrong(wrong)
  })

/** Runs a program in a worker pool and a test clock of its own; fails with what went wrong. */
export const run = (program: Program): Effect.Effect<boolean, Wrong> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function*() {
      const real = new Real()
      const driver = new Driver(program, real)
      const layers = yield* Scope.fork(scope)
      const context = yield* Layer.buildWithScope(real.layer(program.workers), layers)
      yield* drive(program, driver, layers).pipe(
        Effect.provide(context),
        Effect.catchDefect((defect) => driver.wrong(Cause.pretty(Cause.die(defect)))),
        Effect.ensuring(real.openAll) // what went wrong must not hold up the end of the worker pool
      )
      return true
    }).pipe(Scope.provide(scope))
  ).pipe(Effect.provide([TestClock.layer(), Logger.layer([])])) // hooks and finalizers fail on purpose
