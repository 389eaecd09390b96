/**
 * A first benchmark: what a task and each of its features costs beside `Effect.forEach`, interleaved rounds, medians.
 * Run it with `npm run bench`.
 */
import { Effect, Layer } from "effect"
import { Job, TaskPool, WorkerPool } from "effect-tasks"

const concurrency = 64
const size = 20_000
const rounds = 7

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

class Plain extends Job.make("Plain") {}
class Sync extends Job.make("Sync") {}
class Timed extends Job.make("Timed", { timeout: "30 seconds" }) {}
class Retried extends Job.make("Retried", { retry: { times: 2 } }) {}
class Limited extends Job.make("Limited", { concurrency }) {}

const app = Layer.mergeAll(
  Plain.toLayer(() => turn),
  Sync.toLayer(() => Effect.void),
  Timed.toLayer(() => turn),
  Retried.toLayer(() => turn),
  Limited.toLayer(() => turn)
).pipe(Layer.provideMerge(WorkerPool.layer({ workers: concurrency })))

const items = Array.from({ length: size }, (_, i) => i)

const cases = {
  "Effect.forEach, a turn": Effect.forEach(items, () => turn, { concurrency, discard: true }),
  "a task, a turn": TaskPool.forEach(items, (_, pool) => Plain.dispatch(undefined, { pool })),
  "a task, sync": TaskPool.forEach(items, (_, pool) => Sync.dispatch(undefined, { pool })),
  "+ timeout": TaskPool.forEach(items, (_, pool) => Timed.dispatch(undefined, { pool })),
  "+ retry": TaskPool.forEach(items, (_, pool) => Retried.dispatch(undefined, { pool })),
  "+ concurrency": TaskPool.forEach(items, (_, pool) => Limited.dispatch(undefined, { pool })),
  "+ hook": TaskPool.forEach(
    items,
    (_, pool) => Effect.tap(Plain.dispatch(undefined, { pool }), (task) => task.onExit(() => Effect.void))
  )
}

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

const program = Effect.gen(function*() {
  const times = new Map(Object.keys(cases).map((name) => [name, Array<number>()]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, effect] of Object.entries(cases)) {
      const start = performance.now()
      yield* effect
      if (round > 0) times.get(name)!.push((performance.now() - start) * 1e6 / size)
    }
  }
  const base = median(times.get("Effect.forEach, a turn")!)
  for (const [name, all] of times) {
    console.log(`${name.padEnd(24)} ${(median(all) / base).toFixed(2).padStart(6)} x  ${Math.round(median(all))} ns`)
  }
})

await Effect.runPromise(program.pipe(Effect.provide(app)))
