/** Rows of the target table: what a task costs in a crowd of others. */
import { Effect, Layer, Scope } from "effect"
import { Job, TaskPool, type WorkerPool } from "effect-tasks"
import { items, randoms } from "../bodies.ts"
import { interleave, ratio, seriesOf } from "../measure.ts"
import type { Case } from "../result.ts"
import { fill, makeApp, paused, payload, runAll, SyncJob } from "../tasks.ts"

const priorities = randoms(1_000_000, 1_000)
const mixed = (n: number) => ({ priority: priorities[n]! })

/** A paused worker pool with so many queued, and dispatches that leave it as it was. */
const backlogOf = async (name: string, queued: number, size: number) => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(Effect.andThen(paused, fill(SyncJob, queued, mixed)))
  let pool: TaskPool.TaskPool
  return {
    name,
    size,
    before: async () => {
      pool = await app.runPromise(Effect.flatMap(Scope.make(), (scope) => Scope.provide(TaskPool.make(), scope)))
    },
    run: () => app.runPromise(fill(SyncJob, size, (n) => ({ ...mixed(n), pool }))),
    after: () => app.runPromise(pool.cancel())
  }
}

const backlog: Case = {
  name: "backlog",
  about: "dispatch with 400,000 queued, against 1,000, of mixed priorities",
  target: true,
  run: async ({ rounds }) => {
    // long enough that each sample pays its share of the collections
    const size = 10_000
    const measured = await interleave(
      [await backlogOf("short", 1_000, size), await backlogOf("long", 400_000, size)],
      rounds
    )
    const [long, short] = [seriesOf(measured, "long"), seriesOf(measured, "short")]
    const cpu = ratio(long, short, "cpu").median
    const value = ratio(long, short)
    return {
      noise: measured.noise,
      targets: [{ name: backlog.about, unit: "times", value, cpu, bound: { atMost: 1.3 }, further: true }]
    }
  }
}

/** Opens pools that stay, each with one task that waits. */
export const openPools = (count: number) =>
  Effect.forEach(
    items(count),
    (n) => Effect.flatMap(TaskPool.make(), (pool) => SyncJob.dispatch({ n }, { pool, delay: "1 day" })),
    { discard: true }
  )

const pools: Case = {
  name: "pools",
  about: "sync no-op task with 5,000 other live pools, against none",
  target: true,
  run: async ({ rounds }) => {
    const size = 20_000
    const crowd = await Effect.runPromise(Scope.make())
    const [alone, crowded] = [makeApp({ workers: 64 }), makeApp({ workers: 64 })]
    await crowded.runPromise(Scope.provide(openPools(5_000), crowd))
    const measured = await interleave([
      { name: "alone", size, run: () => alone.runPromise(runAll(SyncJob, size)) },
      { name: "crowded", size, run: () => crowded.runPromise(runAll(SyncJob, size)) }
    ], rounds)
    const [more, none] = [seriesOf(measured, "crowded"), seriesOf(measured, "alone")]
    const cpu = ratio(more, none, "cpu").median
    const value = ratio(more, none)
    return {
      noise: measured.noise,
      targets: [{ name: pools.about, unit: "times", value, cpu, bound: { atMost: 1.1 }, further: true }]
    }
  }
}

class ParentByRun extends Job.make("ParentByRun", { payload }) {}
class ParentByPool extends Job.make("ParentByPool", { payload }) {}

const families = Layer.mergeAll(
  ParentByRun.toLayer(({ n }) => Effect.orDie(SyncJob.run({ n }))),
  ParentByPool.toLayer(({ n }) => Effect.orDie(TaskPool.use((pool) => SyncJob.dispatch({ n }, { pool }))))
) as Layer.Layer<any, never, WorkerPool> // the handler that they dispatch to is in every app

const parent: Case = {
  name: "parent",
  about: "parent that sleeps for one child, against two flat tasks",
  target: true,
  run: async ({ rounds }) => {
    const size = 5_000
    const app = makeApp({ workers: 64 }, families)
    const measured = await interleave([
      { name: "flat", size, run: () => app.runPromise(runAll(SyncJob, 2 * size)) },
      { name: "run", size, run: () => app.runPromise(runAll(ParentByRun, size)) },
      { name: "pool", size, run: () => app.runPromise(runAll(ParentByPool, size)) }
    ], rounds)
    const flat = seriesOf(measured, "flat")
    const against = (name: string, about: string) => ({
      name: `${parent.about}, ${about}`,
      unit: "times" as const,
      value: ratio(seriesOf(measured, name), flat),
      cpu: ratio(seriesOf(measured, name), flat, "cpu").median,
      bound: { atMost: 3 },
      further: true
    })
    return { noise: measured.noise, targets: [against("run", "by Job.run"), against("pool", "in a pool of its own")] }
  }
}

export const crowds: ReadonlyArray<Case> = [backlog, pools, parent]
