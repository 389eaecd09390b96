/** What each feature adds to a task, alone. */
import { Effect, Layer, Schema } from "effect"
import { Job, JobRegistry, TaskPool } from "effect-tasks"
import { bodies, items } from "../bodies.ts"
import { interleave, median, ratio, type Series, seriesOf, type Subject } from "../measure.ts"
import type { Case } from "../result.ts"
import { type App, fill, payload, runAll, TimedJob, TurnJob } from "../tasks.ts"
import { beside, listen, metricsOff, metricsOn, tracer } from "./observers.ts"

class TimedInQueue extends Job.make("TimedInQueue", { payload, queueTimeout: "30 seconds" }) {}
class Retried extends Job.make("Retried", { payload, retry: { times: 2 } }) {}
class Unique extends Job.make("Unique", { payload, unique: true, key: ({ n }) => String(n) }) {}
class UniqueByJson extends Job.make("UniqueByJson", { payload, unique: true }) {}
class Persistent extends Job.make("Persistent", { payload, persistent: true, key: ({ n }) => String(n) }) {}
class Limited extends Job.make("Limited", { payload, concurrency: 64 }) {}
class LimitedByKey extends Job.make("LimitedByKey", {
  payload,
  concurrency: { limit: 1, key: ({ n }) => String(n % 1_000) }
}) {}
class Reporting extends Job.make("Reporting", { payload, progress: Schema.Int }) {}
class Flaky extends Job.make("Flaky", { payload, error: Schema.String, retry: { times: 2 } }) {}

const turn = () => bodies.setImmediate.effect

const features = JobRegistry.layer(
  TimedInQueue.toLayer(turn),
  Retried.toLayer(turn),
  Unique.toLayer(turn),
  UniqueByJson.toLayer(turn),
  Persistent.toLayer(turn),
  Limited.toLayer(turn),
  LimitedByKey.toLayer(turn),
  Reporting.toLayer(({ n }, task) => Effect.andThen(task.report(n), turn())),
  Flaky.toLayer((_, task) => task.attempt === 1 ? Effect.fail("once") : turn())
)

const plain = "plain task"

const subjectsOf = (app: App, silent: App, size: number): ReadonlyArray<Subject> => {
  let fresh = 0
  const subject = (name: string, effect: Effect.Effect<unknown, any, any>, more: Partial<Subject> = {}) => ({
    name,
    size,
    run: () => app.runPromise(effect),
    ...more
  })
  /** A kept result would be reused in the next round. */
  const persistent = TaskPool.use((pool) =>
    Effect.forEach(items(size), () => Persistent.dispatch({ n: fresh++ }, { pool }))
  )
  const hooked = TaskPool.use((pool) =>
    Effect.forEach(
      items(size),
      (n) => Effect.tap(TurnJob.dispatch({ n }, { pool }), (task) => task.onExit(() => Effect.void))
    )
  )
  return [
    subject(plain, runAll(TurnJob, size)),
    subject("handles dropped at once", TaskPool.use((pool) => fill(TurnJob, size, () => ({ pool })))),
    subject("timeout, not reached", runAll(TimedJob, size)),
    subject("queueTimeout, not reached", runAll(TimedInQueue, size)),
    subject("retry, not needed", runAll(Retried, size)),
    subject(
      "retry, one needed",
      TaskPool.use((pool) => Effect.forEach(items(size), (n) => Flaky.dispatch({ n }, { pool })))
    ),
    subject("unique, key by function", runAll(Unique, size)),
    subject("unique, key by JSON", runAll(UniqueByJson, size)),
    subject("persistent, key by function", persistent),
    subject("concurrency, of the job", runAll(Limited, size)),
    subject("concurrency, by 1,000 keys", runAll(LimitedByKey, size)),
    subject("one onExit hook", hooked),
    subject(
      "one progress report",
      TaskPool.use((pool) => Effect.forEach(items(size), (n) => Reporting.dispatch({ n }, { pool })))
    ),
    subject("five priorities", runAll(TurnJob, size, (n) => ({ priority: n % 5 }))),
    subject("one event listener", runAll(TurnJob, size), beside(app, listen)),
    subject("tracer", Effect.withTracer(runAll(TurnJob, size), tracer)),
    { name: "without metrics (a silent registry)", size, run: () => silent.runPromise(runAll(TurnJob, size)) }
  ]
}

const rowOf = (base: Series) => (series: Series): ReadonlyArray<string> => {
  const added = median(series.wall.map((value, round) => value - base.wall[round]!))
  const addedCpu = median(series.cpu.map((value, round) => value - base.cpu[round]!))
  return [
    series.name,
    `${ratio(series, base).median.toFixed(2)} ×`,
    `${ratio(series, base, "cpu").median.toFixed(2)} ×`,
    ...(series === base ? ["", ""] : [String(Math.round(added)), String(Math.round(addedCpu))])
  ]
}

export const featureCosts: Case = {
  name: "features",
  about:
    "what timeout, retry, unique, persistent, concurrency, hooks, progress, events, metrics, tracing add, each alone",
  run: async ({ full, rounds }) => {
    const [app, silent] = [metricsOn(features as Layer.Layer<any>), metricsOff(features as Layer.Layer<any>)]
    const measured = await interleave(subjectsOf(app, silent, full ? 20_000 : 4_000), rounds)
    return {
      noise: measured.noise,
      tables: [{
        title: "What each feature adds to a no-op task with a setImmediate body",
        columns: ["feature", "wall, of plain", "CPU, of plain", "ns added", "CPU ns added"],
        rows: measured.series.map(rowOf(seriesOf(measured, plain))),
        notes: ["medians of differences within a round; a figure within the noise may be negative"]
      }]
    }
  }
}
