/** Row of the target table: how late a timer fires while a million tasks drain. */
import { Effect } from "effect"
import { estimate, measure, quantile } from "../measure.ts"
import type { Case } from "../result.ts"
import { drained, fill, makeApp, paused, resumed, SyncJob } from "../tasks.ts"

const every = 5

/** Milliseconds by which each timer of a chain is late, until told to stop. */
const startProbe = (): () => ReadonlyArray<number> => {
  const late: Array<number> = []
  let due = performance.now() + every
  const fire = () => {
    late.push(Math.max(0, performance.now() - due))
    due = performance.now() + every
    timer = setTimeout(fire, every)
  }
  let timer = setTimeout(fire, every)
  return () => {
    clearTimeout(timer)
    return late
  }
}

export const probe: Case = {
  name: "probe",
  about: "how late a timer fires while a million sync no-op tasks drain, 99th percentile",
  target: true,
  run: async ({ full }) => {
    const size = 1_000_000
    const app = makeApp({ workers: 64 })
    const late: Array<number> = []
    const drain = async () => {
      await app.runPromise(Effect.andThen(paused, fill(SyncJob, size)))
      const stop = startProbe()
      await app.runPromise(Effect.andThen(resumed, drained))
      late.push(quantile(stop(), 0.99))
    }
    const { noise } = await measure(full ? 9 : 5, 1, (time) => time("drain", size, drain))
    // the first one was to warm up
    const value = estimate(late.slice(1))
    return { noise, targets: [{ name: probe.about, unit: "ms", value, bound: { atMost: 12 } }] }
  }
}
