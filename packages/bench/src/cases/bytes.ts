/** Rows of the target table: bytes of a queued and of a kept finished task, and of a flood of tasks. */
import { Effect } from "effect"
import { WorkerPool } from "effect-tasks"
import { mostBytes } from "../flood.ts"
import { growth, payloadBytes, sampled } from "../heap.ts"
import type { Estimate } from "../measure.ts"
import type { Case, Target, Unit } from "../result.ts"
import { drained, fill, makeApp, paused, SyncJob } from "../tasks.ts"

/** Bytes of so many queued tasks. */
export const queued = async (size: number): Promise<number> => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(Effect.andThen(fill(SyncJob, 1_000), drained))
  await app.runPromise(paused)
  const bytes = await growth(() => app.runPromise(fill(SyncJob, size)))
  await app.dispose()
  return bytes
}

/** Bytes that a worker pool keeps of so many finished tasks. */
export const finished = async (size: number, history?: number): Promise<number> => {
  const app = makeApp({ workers: 64, history })
  await app.runPromise(Effect.andThen(WorkerPool, Effect.void))
  const bytes = await growth(() => app.runPromise(Effect.andThen(fill(SyncJob, size), drained)))
  await app.dispose()
  return bytes
}

/** Bytes of a flood at its peak, when the history is full. */
export const flooded = async (size: number, keep = false): Promise<number> => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(Effect.andThen(fill(SyncJob, 10_000), drained))
  const bytes = await mostBytes(app, size, keep)
  await app.dispose()
  return bytes
}

const row = (name: string, unit: Unit, value: Estimate, atMost: number): Target => ({
  name,
  unit,
  value,
  bound: { atMost }
})

export const bytes: Case = {
  name: "bytes",
  about: "bytes per queued and per kept finished task, beyond payload and result; bytes of a flood",
  target: true,
  run: async () => {
    const size = 50_000
    const own = await payloadBytes()
    const taken = await sampled({
      queued: async () => await queued(size) / size - own,
      kept: async () => await finished(size, size) / size - own,
      // the default history keeps 1,000 of them, so that many share what is left
      byDefault: async () => await finished(size) / 1_000 - own,
      flood: async () => await flooded(1_000_000) / 1e6
    })
    const left = (history: string, { median }: Estimate, count: number) => [
      history,
      median.toFixed(0),
      (median * count / 1e3).toFixed(0)
    ]
    return {
      targets: [
        row("bytes per queued task", "bytes", taken.queued, 320),
        row("bytes per kept finished task", "bytes", taken.kept, 220),
        row("held by a flood of a million dispatches", "MB", taken.flood, 1)
      ],
      tables: [{
        title: "Left of 50,000 finished tasks",
        columns: ["history", "bytes per task in it", "kB in all"],
        rows: [left("50,000", taken.kept, size), left("1,000 (default)", taken.byDefault, 1_000)]
      }]
    }
  }
}
