/** Runs a program under one schedule and checks that it ends, with nothing left over. */
import { Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import { type TaskEvent, WorkerPool } from "effect-tasks"
import { expectNoLeaks, Explore } from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import { type JobName, limitsOf } from "../model/jobs.ts"
import { Observer } from "../model/observer.ts"
import { Performer } from "./perform.ts"
import { describe, type Program } from "./program.ts"

/** A program went wrong; the message says how. */
export class Wrong extends Error {
  readonly _tag = "Wrong"
}

/** A run that takes more has not ended. */
const steps = 100_000

/** Nothing else can happen: then everything has ended that ever will. */
const standstill = TestClock.adjust(0)

const wrong = (what: string) => Effect.fail(new Wrong(what))

const attempt = (program: Program) =>
  Effect.gen(function*() {
    const performer = new Performer(program)
    const layers = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.fresh(performer.layer), layers)
    const watched = Effect.gen(function*() {
      const { drain, events, tasks } = yield* WorkerPool
      const seen: Array<TaskEvent.TaskEvent> = []
      yield* Effect.forkScoped(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))), {
        startImmediately: true
      })
      yield* standstill // a schedule may hold the listener up
      yield* Effect.scoped(program.close ? performer.drive : Effect.andThen(performer.drive, drain))
      if (!program.close) yield* standstill
      yield* Scope.close(layers, Exit.void)
      yield* standstill
      const keys = new Map((yield* tasks).map(({ id, key }) => [id, key]))
      const observer = new Observer(program.workers, (id) => keys.get(id))
      for (const event of seen) {
        const unlawful = observer.see(event)
        if (unlawful !== undefined) return yield* wrong(unlawful)
      }
      const early = tooSoon(seen, keys)
      if (early !== undefined) return yield* wrong(early)
      yield* checkCounts(performer)
    })
    yield* Effect.provideContext(Effect.scoped(watched), context)
  })

/** R26: no window holds more first starts than its rate allows. */
const tooSoon = (events: ReadonlyArray<TaskEvent.TaskEvent>, keys: ReadonlyMap<string, string>): string | undefined => {
  const starts = new Map<string, Array<number>>()
  for (const event of events) {
    if (event._tag !== "TaskStarted") continue
    for (const { limit, name, window } of limitsOf(event.job as JobName, keys.get(event.taskId)!)) {
      if (window === undefined) continue
      const before = starts.get(name) ?? []
      const { at } = event
      if (before.length >= limit && at < before[before.length - limit]! + window) {
        return `${name}: starts at ${before.join(", ")} and ${at}`
      }
      starts.set(name, [...before, at])
    }
  }
  return undefined
}

/** Everything has ended, and is counted. */
const checkCounts = ({ pools, tasks }: Performer) =>
  Effect.gen(function*() {
    const { global, status } = yield* WorkerPool
    const { busy, complete, dispatched } = yield* status
    if (busy > 0 || complete < dispatched) {
      return yield* wrong(`${complete} of ${dispatched} ended, ${busy} workers are busy`)
    }
    for (const pool of [global, ...pools]) {
      const { canceled, complete, failed, queued, running, sleeping, state, total } = yield* pool.status
      if (complete !== total || queued + running + sleeping > 0 || failed + canceled > complete) {
        return yield* wrong(`${pool.id} counts ${JSON.stringify(yield* pool.status)}`)
      }
      if (!pool.isGlobal && state !== "done") return yield* wrong(`${pool.id} is ${state}`)
    }
    for (const task of tasks) {
      const { exit, finishedAt, state } = yield* task.status
      if (state !== "Exited" || exit._tag === "None" || finishedAt._tag === "None") {
        return yield* wrong(`${task.id} is ${state}`)
      }
    }
  })

const attempted = (program: Program) =>
  Effect.andThen(
    TestClock.adjust(0),
    expectNoLeaks(Effect.andThen(attempt(program), standstill))
  ).pipe(Effect.provide(Logger.layer([]))) // hooks and finalizers fail on purpose

/** Fails with what went wrong under the first of these schedules that it went wrong with. */
export const run = (program: Program, seeds: number): Effect.Effect<boolean, Wrong> =>
  Effect.gen(function*() {
    for (let n = 0; n < seeds; n++) {
      const seed = n === 0 ? program.seed : program.seed + n
      // programs are made smaller, their schedules need not be
      let runs = 0
      const once = Effect.suspend(() => runs++ === 0 ? attempted(program) : Effect.void)
      const exit = yield* Effect.result(Explore.run(once, { seed, steps }))
      if (exit._tag === "Failure") {
        const { message } = exit.failure.cause as Error // what a test fails with is an error
        return yield* wrong(`under seed ${seed}: ${message}\n${describe(program)}`)
      }
    }
    return true
  })
