/**
 * `npm run soak [-- --tasks=1000000]`: does a worker pool that runs for long lose, miscount or keep anything?
 *
 * A million tasks run through nested pools in a heap of 256 MB, with every policy and every way to end. Each task must end
 * as its kind says, each pool must count what was dispatched below it, the machine must count what its callers did.
 * Then come things that live long while others come and go around them: a task that waits, a Scope that pools are made
 * in, a source that readers leave, timeouts that are set and cleared. No phase may leave the heap larger.
 */
import { Effect } from "effect"
import { WorkerPool } from "effect-tasks"
import { spawnSync } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { turn } from "./soak/leaves.ts"
import { expect, problems, ran, totals } from "./soak/ledger.ts"
import { app, forest, phases } from "./soak/phases.ts"

const { values } = parseArgs({ options: { tasks: { type: "string", default: "1000000" } } })
const heapLimit = 256
const allowedGrowth = 10

if (globalThis.gc === undefined) {
  const flags = ["--expose-gc", `--max-old-space-size=${heapLimit}`, import.meta.filename]
  process.exit(spawnSync(process.execPath, [...flags, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1)
}

const megabytes = (bytes: number): number => bytes / 1024 ** 2

/** The heap in use after everything that can be collected was. */
const heap = Effect.promise(async () => {
  for (let i = 0; i < 4; i++) {
    await sleep(20) // finalization and weak references take turns of their own
    globalThis.gc!()
  }
  return megabytes(process.memoryUsage().heapUsed)
})

const timers = (): number => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length

const checkCounts = Effect.gen(function*() {
  const { status } = yield* WorkerPool
  const { busy, canceled, complete, delayed, dispatched, failed, queued, sleeping } = yield* status
  const { canceled: toCancel, dispatched: all, failed: toFail, finalizers, hooks } = totals
  for (const [what, n] of Object.entries({ busy, delayed, queued, sleeping })) expect(`${what} at the end`, n, 0)
  expect("dispatched", dispatched, all)
  expect("complete", complete, all)
  expect("failed", failed, toFail)
  expect("canceled", canceled, toCancel)
  expect("successes", complete - failed - canceled, totals.success)
  expect("hooks run", ran.hooks, hooks)
  expect("finalizers run", ran.finalizers, finalizers)
  console.log(JSON.stringify(totals))
})

const phase = (name: string, effect: (typeof phases)[number][1], before: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { drain } = yield* WorkerPool
    const start = performance.now()
    const end = yield* effect
    const seconds = (performance.now() - start) / 1000
    const grown = (yield* heap) - before
    console.log(`${name}: ${seconds.toFixed(1)} s, heap ${grown < 0 ? "" : "+"}${grown.toFixed(2)} MB`)
    if (grown > allowedGrowth) problems.push(`${name}: the heap has grown by ${grown.toFixed(1)} MB`)
    yield* end
    yield* drain
    yield* turn // the turn that woke this fiber ends by letting go of its sleep
    expect(`timers after ${name}`, timers(), 0)
  }))

const program = Effect.gen(function*() {
  yield* forest(50_000)
  const before = yield* heap
  console.log(`after the warm-up: heap ${before.toFixed(2)} MB, timers ${timers()}`)
  const tasks = Number(values.tasks)
  yield* phase(`${tasks} tasks`, forest(tasks), before)
  for (const [name, effect] of phases) yield* phase(name, effect, before)
  yield* checkCounts
  const after = yield* heap
  console.log(`at the end: heap ${after.toFixed(2)} MB, timers ${timers()}`)
})

await Effect.runPromise(program.pipe(Effect.provide(app)) as Effect.Effect<void>)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
