/** Rows of the target table: cancelling many, and timeouts that never fire. */
import { Effect, Scope } from "effect"
import { TaskPool, WorkerPool } from "effect-tasks"
import { estimate, interleave, measure, ratio, seriesOf } from "../measure.ts"
import type { Case } from "../result.ts"
import { fill, makeApp, runAll, SyncJob, TimedJob, TurnJob } from "../tasks.ts"

const cancel: Case = {
  name: "cancel",
  about: "cancel of a pool with 50,000 queued, against dispatching them",
  target: true,
  run: async ({ rounds }) => {
    const size = 50_000
    const app = makeApp({ workers: 64 })
    await app.runPromise(WorkerPool.use(({ pause }) => pause))
    const measured = await measure(rounds, 2, async (time) => {
      const pool = await app.runPromise(
        Effect.flatMap(Scope.make(), (scope) => Scope.provide(TaskPool.make(), scope))
      )
      await time("dispatch", size, () => app.runPromise(fill(SyncJob, size, () => ({ pool }))))
      await time("cancel", size, () => app.runPromise(pool.cancel()))
    })
    const [ended, begun] = [seriesOf(measured, "cancel"), seriesOf(measured, "dispatch")]
    const cpu = ratio(ended, begun, "cpu").median
    const value = ratio(ended, begun)
    return {
      noise: measured.noise,
      targets: [{ name: cancel.about, unit: "times", value, cpu, bound: { atMost: 0.5 } }]
    }
  }
}

/** Timers that keep this process from ending. */
const liveTimers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

const timeouts: Case = {
  name: "timeouts",
  about: "50,000 timeouts set and cleared, against none",
  target: true,
  run: async ({ rounds }) => {
    const size = 50_000
    const before = liveTimers()
    const app = makeApp({ workers: 64 })
    const left: Array<number> = []
    const after = async () => {
      await app.runPromise(WorkerPool.use(({ drain }) => drain))
      left.push(liveTimers() - before)
    }
    const measured = await interleave([
      { name: "none", size, run: () => app.runPromise(runAll(TurnJob, size)) },
      { name: "set", size, run: () => app.runPromise(runAll(TimedJob, size)), after }
    ], rounds)
    const [set, none] = [seriesOf(measured, "set"), seriesOf(measured, "none")]
    const cpu = ratio(set, none, "cpu").median
    return {
      noise: measured.noise,
      targets: [
        { name: timeouts.about, unit: "times", value: ratio(set, none), cpu, bound: { atMost: 1.15 } },
        { name: "timers left afterwards", unit: "count", value: estimate(left), bound: { atMost: 0 } }
      ]
    }
  }
}

export const endings: ReadonlyArray<Case> = [cancel, timeouts]
