/** Row of the target table: how late a timer fires while a million tasks drain. */
import { Effect } from "effect"
import { WorkerPool } from "effect-tasks"
import { estimate, measure, type Noise, quantile } from "../measure.ts"
import type { Case } from "../result.ts"
import { fill, makeApp, SyncJob } from "../tasks.ts"

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
      await app.runPromise(Effect.andThen(WorkerPool.use(({ pause }) => pause), fill(SyncJob, size)))
      const stop = startProbe()
      await app.runPromise(WorkerPool.use((pool) => Effect.andThen(pool.resume, pool.drain)))
      late.push(quantile(stop(), 0.99))
    }
    const { noise }: { readonly noise: Noise } = await measure(full ? 5 : 2, 0, (time) => time("drain", size, drain))
    return { noise, targets: [{ name: probe.about, unit: "ms", value: estimate(late), bound: { atMost: 12 } }] }
  }
}
