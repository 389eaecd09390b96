/** Rows of the target table: what policies add to a sync no-op task, and what many dispatches at once save. */
import { Effect, Layer } from "effect"
import { Job, TaskPool, type WorkerPool } from "effect-tasks"
import { bodies, items } from "../bodies.ts"
import { growth, sampled } from "../heap.ts"
import { interleave, ratio, seriesOf } from "../measure.ts"
import type { Case } from "../result.ts"
import { fill, makeApp, paused, payload, runAll, SyncJob, TurnJob } from "../tasks.ts"

/** Never reached, so that its bookkeeping alone is measured. */
const limit = 5_000

class Rated extends Job.make("Rated", { payload, rate: { limit, window: "1 millis" } }) {}
class RatedByKey extends Job.make("RatedByKey", {
  payload,
  rate: { limit, window: "1 millis", key: ({ n }) => String(n % 100) }
}) {}
class Limited extends Job.make("Limited", { payload, concurrency: 64 }) {}

const jobs = Layer.mergeAll(
  Rated.toLayer(() => bodies.sync.effect),
  RatedByKey.toLayer(() => bodies.sync.effect),
  Limited.toLayer(() => bodies.sync.effect)
) as Layer.Layer<any, never, WorkerPool> // its services are not worth a type

const limits: Case = {
  name: "limits",
  about: "what a limit adds to a sync no-op task",
  target: true,
  run: async ({ rounds }) => {
    const size = 20_000
    const app = makeApp({ workers: 64 }, jobs)
    const inLimitedPool = TaskPool.use(
      (pool) => Effect.forEach(items(size), (n) => SyncJob.dispatch({ n }, { pool })),
      { concurrency: 64 }
    )
    const measured = await interleave([
      { name: "plain", size, run: () => app.runPromise(runAll(SyncJob, size)) },
      { name: "rate", size, run: () => app.runPromise(runAll(Rated, size)) },
      { name: "rate by 100 keys", size, run: () => app.runPromise(runAll(RatedByKey, size)) },
      { name: "concurrency", size, run: () => app.runPromise(runAll(Limited, size)) },
      { name: "concurrency of its pool", size, run: () => app.runPromise(inLimitedPool) }
    ], rounds)
    const plain = seriesOf(measured, "plain")
    const row = (name: string, atMost: number) => ({
      name: `sync no-op task with a ${name}, against a plain one`,
      unit: "times" as const,
      value: ratio(seriesOf(measured, name), plain),
      cpu: ratio(seriesOf(measured, name), plain, "cpu").median,
      bound: { atMost }
    })
    return {
      noise: measured.noise,
      targets: [
        row("rate", 1.25),
        row("rate by 100 keys", 1.8),
        row("concurrency", 1.25),
        row("concurrency of its pool", 1.4)
      ]
    }
  }
}

/** Bytes of so many items that wait. */
const waiting = async (size: number): Promise<number> => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(paused)
  const payloads = items(size).map((n) => ({ n }))
  const bytes = await growth(async () => {
    void app.runPromise(SyncJob.dispatchAll(payloads)).catch(() => {}) // it ends with the app
    await app.runPromise(Effect.yieldNow)
  })
  await app.dispose()
  return bytes
}

const bulk: Case = {
  name: "bulk",
  about: "dispatchAll against a loop of dispatch, and bytes of an item that waits",
  target: true,
  run: async ({ rounds }) => {
    const size = 20_000
    const app = makeApp({ workers: 8 })
    const payloads = items(size).map((n) => ({ n }))
    const measured = await interleave([
      { name: "loop", size, run: () => app.runPromise(TaskPool.use((pool) => fill(TurnJob, size, () => ({ pool })))) },
      {
        name: "dispatchAll",
        size,
        run: () => app.runPromise(TaskPool.use((pool) => TurnJob.dispatchAll(payloads, { pool })))
      }
    ], rounds)
    const [all, loop] = [seriesOf(measured, "dispatchAll"), seriesOf(measured, "loop")]
    const count = 200_000
    const taken = await sampled({ waiting: async () => await waiting(count) / count })
    return {
      noise: measured.noise,
      targets: [
        {
          name: "dispatchAll, setImmediate body, against a loop of dispatch",
          unit: "times",
          value: ratio(all, loop),
          cpu: ratio(all, loop, "cpu").median,
          bound: { atMost: 0.8 }
        },
        { name: "bytes per item that waits in dispatchAll", unit: "bytes", value: taken.waiting, bound: { atMost: 10 } }
      ]
    }
  }
}

export const policies: ReadonlyArray<Case> = [limits, bulk]
