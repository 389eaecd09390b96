/** Handlers on threads beside whatever else brings work to threads. */
import { Effect, Stream } from "effect"
import { WorkerPool } from "effect-tasks"
import { build } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { estimate, interleave, least, type Measured, median, ratio, seriesOf, type Subject } from "../measure.ts"
import type { Case, Table, Target } from "../result.ts"
import { Flood } from "../threads/jobs.ts"
import {
  effectWorkers,
  inPlace,
  makeTasks,
  piscina,
  raw,
  tasks,
  threads,
  tinypool,
  type Transport
} from "../threads/transports.ts"
import { type Order, turnsOfMillisecond } from "../threads/work.ts"

const [base, transport, ours, home] = ["raw postMessage", "effect/workers", "tasks on threads", "tasks in place"]

const makers: Readonly<Record<string, () => Promise<Transport>>> = {
  [base]: raw,
  [transport]: effectWorkers,
  piscina,
  tinypool,
  [ours]: tasks,
  [home]: inPlace
}

interface Load {
  readonly title: string
  readonly size: number
  readonly order: Order
  readonly together: boolean
}

const loads = (): ReadonlyArray<Load> => {
  const turns = turnsOfMillisecond()
  const bytes = new Uint8Array(1 << 20)
  return [
    {
      title: "no-ops, all at once",
      size: 2_000,
      order: { turns: 0 },
      together: true
    },
    { title: "no-ops, one after the other", size: 500, order: { turns: 0 }, together: false },
    { title: "1 ms of computing", size: 100, order: { turns }, together: true },
    { title: "5 ms of computing", size: 30, order: { turns: 5 * turns }, together: true },
    { title: "1 MB there and back, one after the other", size: 30, order: { turns: 0, bytes }, together: false }
  ]
}

const oneByOne = async (size: number, run: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < size; i++) await run()
}

const measureLoad = (
  { order, size, together }: Load,
  made: ReadonlyArray<readonly [string, Transport]>,
  rounds: number
) =>
  interleave(
    made.map(([name, { run, runAll }]): Subject => ({
      name,
      size,
      run: () => together ? runAll(size, order) : oneByOne(size, () => run(order))
    })),
    rounds,
    3
  )

const tableOf = ({ size, title }: Load, measured: Measured): Table => ({
  title: `${title}, ${threads} threads, N = ${size}`,
  columns: ["", `of ${base}`, "CPU, of it", "µs", "least µs", "CPU µs"],
  rows: measured.series.map((series) => [
    series.name,
    `${ratio(series, seriesOf(measured, base)).median.toFixed(2)} ×`,
    `${ratio(series, seriesOf(measured, base), "cpu").median.toFixed(2)} ×`,
    (median(series.wall) / 1e3).toFixed(1),
    (least(series.wall) / 1e3).toFixed(1),
    (median(series.cpu) / 1e3).toFixed(1)
  ])
})

/** How many progress events a turn of the main side's event loop sees, while a handler reports as fast as it can. */
const flood = async (): Promise<Target> => {
  const app = makeTasks()
  const sample = Effect.gen(function*() {
    const { events } = yield* WorkerPool
    let [progressed, turns, over] = [0, 0, false]
    const turn = () => {
      turns++
      if (!over) setImmediate(turn)
    }
    const listening = yield* Effect.forkChild(
      Stream.runForEach(events, ({ _tag }) => Effect.sync(() => progressed += _tag === "TaskProgressed" ? 1 : 0)),
      { startImmediately: true }
    )
    turn()
    yield* Flood.run({ reports: 1_000 })
    over = true
    void listening
    return progressed / turns
  })
  const samples: Array<number> = []
  for (let i = 0; i < 20; i++) samples.push(await app.runPromise(sample))
  await app.dispose()
  const name = "a flood of 1,000 reports: progress events a turn of the event loop"
  return { name, unit: "count", value: estimate(samples), bound: { atMost: 2 } }
}

const thread = new URL("../threads/tasks.thread.ts", import.meta.url)

/** Milliseconds from `new Worker` to the thread that is ready, at best. */
const bootOf = async (url: URL | string): Promise<number> => {
  const samples: Array<number> = []
  for (let i = 0; i < 10; i++) {
    const start = performance.now()
    const worker = new Worker(url)
    // the first message is that of effect/workers, the second says that the handlers are built
    await new Promise<void>((resolve) => {
      worker.once("message", () => worker.once("message", () => resolve()))
    })
    samples.push(performance.now() - start)
    await worker.terminate()
  }
  return least(samples)
}

const starts = async (): Promise<Table> => {
  const folder = mkdtempSync(join(tmpdir(), "bench-threads-"))
  try {
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
    const outfile = join(folder, "tasks.thread.js")
    const options = { bundle: true, platform: "node", format: "esm", minify: true, logLevel: "silent" } as const
    await build({ ...options, entryPoints: [thread.pathname], outfile })
    return {
      title: "Start of a thread",
      columns: ["", "least ms"],
      rows: [["from sources", (await bootOf(thread)).toFixed(0)], ["bundled", (await bootOf(outfile)).toFixed(0)]]
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const onThreads: Case = {
  name: "threads",
  about: "handlers on threads beside raw postMessage, effect/workers, piscina and tinypool; floods; start-up",
  target: true,
  run: async ({ rounds }) => {
    const made = await Promise.all(
      Object.entries(makers).map(async ([name, make]) => [name, await make()] as const)
    )
    const measured: Array<Measured> = []
    const all = loads()
    for (const load of all) measured.push(await measureLoad(load, made, rounds))
    await Promise.all(made.map(([, { close }]) => close()))
    const within = (i: number, above: string, below: string, clock: "wall" | "cpu") =>
      ratio(seriesOf(measured[i]!, above), seriesOf(measured[i]!, below), clock)
    const noise = measured.map(({ noise }) => noise).reduce((a, b) => a.mean > b.mean ? a : b)
    const targets: ReadonlyArray<Target> = [
      {
        name: `CPU of a no-op on a thread, of ${transport}`,
        unit: "times",
        value: within(0, ours, transport, "cpu"),
        bound: { atMost: 3 }
      },
      {
        name: `1 ms on a thread, of ${base}`,
        unit: "times",
        value: within(2, ours, base, "wall"),
        bound: { atMost: 1.05 }
      },
      {
        name: `5 ms on a thread, of ${base}`,
        unit: "times",
        value: within(3, ours, base, "wall"),
        bound: { atMost: 1.05 }
      },
      await flood()
    ]
    return { targets, tables: [...measured.map((one, i) => tableOf(all[i]!, one)), await starts()], noise }
  }
}
