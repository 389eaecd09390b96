/** Rows of the target table: bytes of a queued and of a kept finished task. */
import { Effect } from "effect"
import { WorkerPool } from "effect-tasks"
import { growth, payloadBytes } from "../heap.ts"
import { estimate } from "../measure.ts"
import type { Case } from "../result.ts"
import { fill, makeApp, SyncJob } from "../tasks.ts"

const drained = WorkerPool.use(({ drain }) => drain)
const paused = WorkerPool.use(({ pause }) => pause)

const queued = async (size: number): Promise<number> => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(Effect.andThen(fill(SyncJob, 1_000), drained))
  await app.runPromise(paused)
  const bytes = await growth(() => app.runPromise(fill(SyncJob, size)))
  await app.dispose()
  return bytes
}

/** Bytes that a worker pool keeps of so many finished tasks. */
const finished = async (size: number, history?: number): Promise<number> => {
  const app = makeApp({ workers: 64, history })
  await app.runPromise(Effect.andThen(WorkerPool, Effect.void))
  const bytes = await growth(() => app.runPromise(Effect.andThen(fill(SyncJob, size), drained)))
  await app.dispose()
  return bytes
}

const repeat = async (times: number, take: () => Promise<number>): Promise<ReadonlyArray<number>> => {
  const all: Array<number> = []
  for (let i = 0; i <= times; i++) all.push(await take())
  return all.slice(1)
}

export const bytes: Case = {
  name: "bytes",
  about: "bytes per queued and per kept finished task, beyond payload and result",
  target: true,
  run: async () => {
    const size = 50_000
    const own = await payloadBytes()
    const inQueue = await repeat(3, async () => await queued(size) / size - own)
    const kept = await repeat(3, async () => await finished(size, size) / size - own)
    // the default history keeps 1,000 of them, so that many share what is left
    const byDefault = await repeat(3, async () => await finished(size) / 1_000 - own)
    return {
      targets: [
        { name: "bytes per queued task", unit: "bytes", value: estimate(inQueue), bound: { atMost: 400 } },
        { name: "bytes per kept finished task", unit: "bytes", value: estimate(kept), bound: { atMost: 250 } }
      ],
      tables: [{
        title: "Left of 50,000 finished tasks",
        columns: ["history", "bytes per task in it", "kB in all"],
        rows: [
          [
            "50,000",
            Math.round(estimate(kept).median).toString(),
            Math.round(estimate(kept).median * size / 1e3).toString()
          ],
          [
            "1,000 (default)",
            Math.round(estimate(byDefault).median).toString(),
            Math.round(estimate(byDefault).median).toString()
          ]
        ]
      }]
    }
  }
}
