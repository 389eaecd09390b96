/** What a task holds in each state, and what a million of them need. */
import { Effect, Fiber } from "effect"
import { Job } from "effect-tasks"
import { items } from "../bodies.ts"
import { mostUnfinished } from "../flood.ts"
import { growth, liveBytes, sampled } from "../heap.ts"
import type { Case, Table } from "../result.ts"
import { type App, drained, fill, makeApp, paused, payload, resumed, SyncJob } from "../tasks.ts"
import { finished, flooded, queued } from "./bytes.ts"

class Stuck extends Job.make("Stuck", { payload }) {}
class Asleep extends Job.make("Asleep", { payload }) {}

/** Bytes by which the heap of an app grows, with what the effect gives. */
const inApp = async (app: App, effect: Effect.Effect<unknown, any, any>, first: Effect.Effect<void, never, any>) => {
  await app.runPromise(fill(SyncJob, 1_000).pipe(Effect.andThen(drained), Effect.andThen(first)))
  const bytes = await growth(() => app.runPromise(effect))
  await app.dispose()
  return bytes
}

/** Dispatches and gives the handles. */
const handles = (size: number) => Effect.forEach(items(size), (n) => SyncJob.dispatch({ n }))

const states = (size: number) => {
  const started = Effect.sleep(50)
  return {
    "queued": () => queued(size),
    "queued, handle held": () => inApp(makeApp({ workers: 64 }), handles(size), paused),
    "running (a suspended fiber)": () =>
      inApp(
        makeApp({ workers: size }, Stuck.toLayer(() => Effect.never)),
        Effect.andThen(fill(Stuck, size), started),
        Effect.void
      ),
    "sleeping": () =>
      inApp(
        makeApp({ workers: 64 }, Asleep.toLayer((_, task) => task.whileSleeping(Effect.never))),
        Effect.andThen(fill(Asleep, size), started),
        Effect.void
      ),
    "finished, in the history": () => finished(size, size),
    "finished, handle held": () =>
      inApp(makeApp({ workers: 64 }), Effect.tap(handles(size), () => drained), Effect.void),
    "for comparison: a bare fiber on Effect.never": async () => {
      const fibers: Array<Fiber.Fiber<never>> = []
      const bytes = await growth(async () => {
        for (let n = 0; n < size; n++) fibers.push(Effect.runFork(Effect.never))
      })
      await Effect.runPromise(Fiber.interruptAll(fibers))
      return bytes
    }
  }
}

const perState = async (size: number): Promise<Table> => ({
  title: "Bytes per task, payload included",
  columns: ["state", "bytes"],
  rows: Object.entries(await sampled(states(size))).map(([name, { median }]) => [name, (median / size).toFixed(0)]),
  notes: [`${size.toLocaleString("en")} tasks, full collections before and after, median of 3`]
})

const secondsOf = async <A>(run: () => Promise<A>): Promise<readonly [A, string]> => {
  const start = performance.now()
  const value = await run()
  return [value, ((performance.now() - start) / 1e3).toFixed(1)]
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** Dispatched while workers run, one after the other by one fiber: it gives way to the tasks. */
const flood = async (name: string, size: number, keep: boolean): Promise<ReadonlyArray<string>> => {
  const [most, seconds] = await secondsOf(() => mostUnfinished(makeApp({ workers: 64 }), size, keep))
  return [name, seconds, most.toLocaleString("en"), megabytes(await flooded(size, keep))]
}

/** Dispatched while no task starts: what a flood would hold if it did not give way. Then drained. */
const dammed = async (size: number): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const app = makeApp({ workers: 64 })
  await app.runPromise(paused)
  const before = await liveBytes()
  const row = async (name: string, most: number, effect: Effect.Effect<void, any, any>) => {
    const [, seconds] = await secondsOf(() => app.runPromise(effect))
    return [name, seconds, most.toLocaleString("en"), megabytes(await liveBytes() - before)]
  }
  return [
    await row("dispatched into a paused worker pool", size, fill(SyncJob, size)),
    await row("then drained", 0, Effect.andThen(resumed, drained))
  ]
}

const million = async (size: number): Promise<Table> => ({
  title: `${size.toLocaleString("en")} no-op tasks, dispatched by one fiber`,
  columns: ["", "seconds", "unfinished at the peak", "live MB at the peak"],
  rows: [
    await flood("no handle kept", size, false),
    await flood("all handles kept", size, true),
    ...await dammed(size)
  ],
  notes: ["of the last two: at their end"]
})

export const memory: Case = {
  name: "memory",
  about: "bytes per queued, running, sleeping and finished task; a million tasks in a flood, queued and drained",
  run: async ({ full }) => ({ tables: [await perState(full ? 50_000 : 10_000), await million(1_000_000)] })
}
