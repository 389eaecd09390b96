/** What a task holds in each state, and what a million of them need. */
import { Effect, Fiber } from "effect"
import { Job, type Task, WorkerPool } from "effect-tasks"
import { items } from "../bodies.ts"
import { growth as grown, liveBytes } from "../heap.ts"
import { estimate } from "../measure.ts"
import type { Case, Table } from "../result.ts"
import { type App, fill, makeApp, payload, SyncJob } from "../tasks.ts"

class Stuck extends Job.make("Stuck", { payload }) {}
class Asleep extends Job.make("Asleep", { payload }) {}

const drained = WorkerPool.use(({ drain }) => drain)

/** Bytes by which the heap of a new app grows. */
const inApp = async (make: () => App, act: (app: App) => Promise<unknown>, first: Effect.Effect<unknown, any, any>) => {
  const app = make()
  await app.runPromise(first)
  const bytes = await grown(() => act(app))
  await app.dispose()
  return bytes
}

const states = (size: number): Record<string, () => Promise<number>> => {
  const warm = Effect.andThen(fill(SyncJob, 1_000), drained)
  const handles: Array<Task.Task> = []
  return {
    "queued": () =>
      inApp(
        () => makeApp({ workers: 64 }),
        (app) => app.runPromise(fill(SyncJob, size)),
        Effect.andThen(warm, WorkerPool.use(({ pause }) => pause))
      ),
    "queued, handle held": () =>
      inApp(
        () => makeApp({ workers: 64 }),
        (app) =>
          app.runPromise(
            Effect.forEach(items(size), (n) => Effect.map(SyncJob.dispatch({ n }), (task) => void handles.push(task)), {
              discard: true
            })
          ),
        Effect.andThen(warm, WorkerPool.use(({ pause }) => pause))
      ).finally(() => void handles.splice(0)),
    "running (a suspended fiber)": () =>
      inApp(
        () => makeApp({ workers: size }, Stuck.toLayer(() => Effect.never)),
        (app) => app.runPromise(Effect.andThen(fill(Stuck, size), Effect.sleep(50))),
        warm
      ),
    "sleeping": () =>
      inApp(
        () => makeApp({ workers: 64 }, Asleep.toLayer((_, task) => task.whileSleeping(Effect.never))),
        (app) => app.runPromise(Effect.andThen(fill(Asleep, size), Effect.sleep(50))),
        warm
      ),
    "finished, in the history": () =>
      inApp(
        () => makeApp({ workers: 64, history: size }),
        (app) => app.runPromise(Effect.andThen(fill(SyncJob, size), drained)),
        Effect.void
      ),
    "for comparison: a bare fiber on Effect.never": async () => {
      const fibers: Array<Fiber.Fiber<never>> = []
      const bytes = await grown(async () => {
        for (let n = 0; n < size; n++) fibers.push(Effect.runFork(Effect.never))
      })
      await Effect.runPromise(Fiber.interruptAll(fibers))
      return bytes
    }
  }
}

const perState = async (size: number): Promise<Table> => {
  const rows: Array<ReadonlyArray<string>> = []
  for (const [name, take] of Object.entries(states(size))) {
    const samples: Array<number> = []
    // the first one also pays for what is made once
    for (let i = 0; i < 4; i++) samples.push(await take() / size)
    rows.push([name, String(Math.round(estimate(samples.slice(1)).median))])
  }
  return {
    title: "Bytes per task, payload included",
    columns: ["state", "bytes"],
    rows,
    notes: [`${size.toLocaleString("en")} tasks, full collections before and after, median of 3`]
  }
}

/** Queues so many tasks, then drains them. */
const million = async (size: number): Promise<Table> => {
  const app = makeApp({ workers: 64 })
  const start = await liveBytes()
  const megabytes = (bytes: number) => String(Math.round(bytes / 1e6))
  const rows: Array<ReadonlyArray<string>> = []
  const phase = async (name: string, effect: Effect.Effect<unknown, any, any>) => {
    const from = performance.now()
    await app.runPromise(effect)
    const seconds = ((performance.now() - from) / 1e3).toFixed(1)
    const { heapUsed, rss } = process.memoryUsage()
    rows.push([name, seconds, megabytes(heapUsed), megabytes(rss), megabytes(await liveBytes() - start)])
  }
  await phase("dispatch", Effect.andThen(WorkerPool.use(({ pause }) => pause), fill(SyncJob, size)))
  await phase("drain", WorkerPool.use(({ drain, resume }) => Effect.andThen(resume, drain)))
  return {
    title: `${size.toLocaleString("en")} tasks queued, then drained`,
    columns: ["phase", "seconds", "heap MB", "RSS MB", "live MB after collection"],
    rows
  }
}

export const memory: Case = {
  name: "memory",
  about: "bytes per queued, running, sleeping and finished task; a million tasks queued and drained",
  run: async ({ full }) => ({ tables: [await perState(full ? 50_000 : 10_000), await million(1_000_000)] })
}
