/**
 * Do threads that run for long lose, miscount or keep anything? Many small tasks; then tasks of every kind, with cancels,
 * timeouts and crashes at random moments; then threads that are terminated one after the other. Each task must end as its
 * kind allows, no thread may be left, and no phase may leave the heap or the handles larger.
 */
import { Threads } from "@effect-tasks/threads"
import { Cause, Effect, Exit, Layer, Logger, Queue } from "effect"
import { JobRegistry, type Task, WorkerPool } from "effect-tasks"
import { build } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Worker } from "node:worker_threads"
import { Act, Burn, Leaf, Once, Tree } from "../fixtures/jobs.ts"

export interface Amounts {
  readonly tasks: number
  readonly mixed: number
  readonly terminated: number
  readonly seed: number
}

const allowedGrowth = 10 // MB
const most = 12 // tasks at once, and so threads at the end

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const heap = Effect.promise(async () => {
  for (let i = 0; i < 4; i++) {
    await sleep(20)
    collect()
  }
  return process.memoryUsage().heapUsed / 1024 ** 2
})

/** A bundled thread starts ten times as fast. */
const bundled = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "threads-soak-"))
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
    const entryPoints = [join(import.meta.dirname, "../fixtures/acts.thread.ts")]
    await build({ bundle: true, platform: "node", format: "esm", entryPoints, outdir: folder })
    return { folder, file: join(folder, "acts.thread.js") }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const randomOf = (seed: number) => () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648

/** How a task may end: by its own work, or by what was done to it. */
interface Kind {
  readonly share: number
  readonly ends: ReadonlyArray<string>
  readonly dispatch: (random: () => number) => Effect.Effect<Task.Any, any, any>
}

const kinds: ReadonlyArray<Kind> = [
  { share: 40, ends: ["ok"], dispatch: (random) => Burn.dispatch({ millis: random() * 3 }) },
  { share: 10, ends: [], dispatch: () => Act.dispatch({ act: "finalizer" }) },
  {
    share: 8,
    ends: ["TaskTimeout"],
    dispatch: (random) => Act.dispatch({ act: "spin", n: 60_000 }, { timeout: 20 + random() * 60 })
  },
  { share: 5, ends: ["ThreadCrashed"], dispatch: () => Act.dispatch({ act: "exit" }) },
  { share: 3, ends: ["ThreadCrashed"], dispatch: () => Act.dispatch({ act: "throw" }) },
  { share: 8, ends: ["ok"], dispatch: (random) => Act.dispatch({ act: "sleep", n: random() * 30 }) },
  { share: 8, ends: ["ok"], dispatch: () => Act.dispatch({ act: "flood", n: 300 }) },
  { share: 6, ends: ["ok"], dispatch: () => Act.dispatch({ act: "talk" }) },
  { share: 4, ends: ["ok"], dispatch: () => Tree.dispatch({ depth: 2 }) },
  { share: 4, ends: ["ok"], dispatch: () => Act.dispatch({ act: "slow finalizer", n: 5 }) },
  { share: 4, ends: ["Refused"], dispatch: () => Act.dispatch({ act: "refuse" }) }
]

const kindOf = (random: () => number): Kind => {
  let at = random() * kinds.reduce((sum, { share }) => sum + share, 0)
  return kinds.find(({ share }) => (at -= share) < 0) ?? kinds[0]!
}

const nameOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const error = Cause.squash(exit.cause)
  return (error as { readonly _tag?: string })._tag ?? String(error)
}

const LeafLive = Leaf.toLayer(
  Effect.fnUntraced(function*({ act }, task) {
    if (act !== "talk") return null
    yield* task.report(7)
    return (yield* Queue.take(task.inbox)).length
  })
)

/** What went wrong, in lines; nothing when all is well. */
export const soak = ({ mixed, seed, tasks, terminated }: Amounts, say: (line: string) => void) =>
  Effect.gen(function*() {
    const problems: Array<string> = []
    const { file } = yield* bundled
    let [made, alive] = [0, 0]
    const spawn = () => {
      const worker = new Worker(file, { stdout: true, stderr: true })
      worker.stdout.resume()
      worker.stderr.resume()
      made++
      alive++
      worker.on("exit", () => alive--)
      return worker
    }
    const ThreadsLive = Threads.layer<typeof import("../fixtures/acts.thread.ts")>(spawn, {
      size: 3,
      gracePeriod: 20
    })
    const onThreads = Layer.mergeAll(Threads.toLayer(Burn), Threads.toLayer(Act), Threads.toLayer(Tree)).pipe(
      Layer.provide(ThreadsLive)
    )
    const Live = JobRegistry.layer(LeafLive, Once.toLayer(({ n }) => Effect.succeed(n)), onThreads).pipe(
      Layer.provideMerge(WorkerPool.layer({ workers: 6, history: 100, unhandled: { defect: "None", failure: "None" } }))
    )

    const one = (random: () => number) =>
      Effect.gen(function*() {
        const { dispatch, ends } = kindOf(random)
        const task = yield* dispatch(random)
        const cancels = ends.length === 0 || random() < 0.15
        if (cancels) {
          yield* Effect.sleep(random() * 80)
          yield* task.cancel()
        }
        const name = nameOf(yield* task.exit)
        const isAllowed = ends.includes(name) || (cancels && name === "TaskCanceled")
        if (!isAllowed) problems.push(`${task.id} ended as ${name}, not as ${ends.join()}`)
      })

    const terminate = Effect.gen(function*() {
      const task = yield* Act.dispatch({ act: "tell and spin" })
      yield* task.firstProgress
      yield* task.cancel()
    })

    const phase = (name: string, work: Effect.Effect<unknown, any, any>) =>
      Effect.gen(function*() {
        const start = performance.now()
        yield* work
        yield* (yield* WorkerPool).drain
        const grown = (yield* heap) - before
        const seconds = (performance.now() - start) / 1000
        const { busy, complete, dispatched } = yield* (yield* WorkerPool).status
        say(`${name}: ${seconds.toFixed(1)} s, ${made} threads made, ${alive} alive, heap +${grown.toFixed(1)} MB`)
        if (grown > allowedGrowth) problems.push(`${name}: the heap has grown by ${grown.toFixed(1)} MB`)
        if (busy !== 0 || complete !== dispatched) problems.push(`${name}: ${complete} of ${dispatched}, ${busy} busy`)
        if (alive > most) problems.push(`${name}: ${alive} threads live`)
      })

    const handles = () => process.getActiveResourcesInfo().length
    const handlesBefore = handles()
    let before = 0
    const program = Effect.gen(function*() {
      yield* Effect.forEach(Array.from({ length: 500 }), () => Burn.run({ millis: 0 }), { concurrency: 8 })
      before = yield* heap
      const small = Effect.forEach(Array.from({ length: tasks }), () => Burn.run({ millis: 0 }), {
        concurrency: most,
        discard: true
      })
      yield* phase(`${tasks} small tasks`, small)
      const random = randomOf(seed)
      const all = Effect.forEach(Array.from({ length: mixed }), () => one(random), { concurrency: most, discard: true })
      yield* phase(`${mixed} tasks of every kind`, all)
      const ends = Effect.forEach(Array.from({ length: terminated }), () => terminate, {
        concurrency: 3,
        discard: true
      })
      yield* phase(`${terminated} terminated threads`, ends)
    })
    const silent = Layer.provide(Live, Logger.layer([]))
    yield* Effect.provide(program, silent) as Effect.Effect<void>
    yield* Effect.promise(() => sleep(50))
    if (alive > 0) problems.push(`${alive} threads are left`)
    if (handles() > handlesBefore + 2) problems.push(`${handles()} handles, ${handlesBefore} before`)
    return problems
  }).pipe(Effect.scoped)
