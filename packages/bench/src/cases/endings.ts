/** Rows of the target table: cancelling many, side by side and nested, and timeouts that never fire. */
import { Effect, Scope } from "effect"
import { TaskPool } from "effect-tasks"
import { estimate, interleave, measure, ratio, seriesOf } from "../measure.ts"
import { nestedCancel } from "../nested.ts"
import type { Case } from "../result.ts"
import { drained, fill, makeApp, paused, runAll, SyncJob, TimedJob, TurnJob } from "../tasks.ts"

/** The only two that cannot change places in a round: what is cancelled has been dispatched. */
export const cancel: Case = {
  name: "cancel",
  about: "cancel of a pool with 50,000 queued, against dispatching them",
  target: true,
  run: async ({ rounds }) => {
    const size = 50_000
    const app = makeApp({ workers: 64 })
    await app.runPromise(paused)
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
      targets: [{ name: cancel.about, unit: "times", value, cpu, bound: { atMost: 0.5 }, further: true }]
    }
  }
}

/** Timers that keep this process from ending. */
const liveTimers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

export const timeouts: Case = {
  name: "timeouts",
  about: "50,000 timeouts set and cleared, against none",
  target: true,
  run: async ({ rounds }) => {
    const size = 50_000
    const before = liveTimers()
    const app = makeApp({ workers: 64 })
    const left: Array<number> = []
    const after = async () => {
      await app.runPromise(drained)
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
        { name: "timers left afterwards", unit: "count", value: estimate(left), bound: { atMost: 0 }, further: true }
      ]
    }
  }
}

export const nested: Case = {
  name: "nested",
  about: "cancel of 8,000 nested pools",
  target: true,
  run: async ({ rounds }) => {
    const size = 8_000
    const [deep, flat] = [nestedCancel(size), nestedCancel(1_000, size)]
    const measured = await interleave([deep, flat], rounds)
    const [one, eight] = [seriesOf(measured, deep.name), seriesOf(measured, flat.name)]
    const value = estimate(one.wall.map((nanos) => nanos * size / 1e6))
    const [linear, cpu] = [ratio(one, eight), ratio(one, eight, "cpu").median]
    return {
      noise: measured.noise,
      targets: [
        { name: nested.about, unit: "ms", value, bound: { atMost: 100 } },
        { name: "the same, against eight times 1,000", unit: "times", value: linear, cpu, bound: { atMost: 1.3 } }
      ]
    }
  }
}
