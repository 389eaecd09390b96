/** How the cost of one task develops when there is more of something. */
import { Effect, Layer, Scope } from "effect"
import { Job, TaskPool, type WorkerPool } from "effect-tasks"
import { bodies, items, randoms } from "../bodies.ts"
import { exponentOf } from "../fit.ts"
import { interleave, least, type Noise, seriesOf, type Subject, worstOf } from "../measure.ts"
import { Nested, nestedCancel, nestedLayer } from "../nested.ts"
import type { Case, Curve } from "../result.ts"
import {
  drained,
  fill,
  makeApp,
  type NumberJob,
  paused,
  payload,
  resumed,
  runAll,
  SyncJob,
  TimedJob
} from "../tasks.ts"
import { listen } from "./observers.ts"

/** What grows, and the subject with so much of it. */
interface Axis {
  readonly name: string
  readonly steps: ReadonlyArray<number>
  /** The exponent that is in the nature of the thing. */
  readonly allowed: number
  readonly at: (x: number) => Subject | Promise<Subject>
}

const size = 2_000
const priorities = randoms(1_000_000, 1_000)

const queued: Axis = {
  name: "queued tasks, 1,000 priorities: dispatch and drain",
  steps: [1_000, 4_000, 16_000, 64_000, 256_000],
  allowed: 0,
  at: (x) => {
    const app = makeApp({ workers: 64 })
    const run = paused.pipe(
      Effect.andThen(fill(SyncJob, x, (n) => ({ priority: priorities[n]! }))),
      Effect.andThen(resumed),
      Effect.andThen(drained)
    )
    return { name: "", size: x, run: () => app.runPromise(run) }
  }
}

const livePools: Axis = {
  name: "other live pools",
  steps: [1, 10, 100, 1_000, 10_000],
  allowed: 0,
  at: async (x) => {
    const app = makeApp({ workers: 64 })
    const scope = await Effect.runPromise(Scope.make())
    const open = Effect.flatMap(TaskPool.make(), (pool) => SyncJob.dispatch({ n: 0 }, { pool, delay: "1 day" }))
    await app.runPromise(Scope.provide(Effect.forEach(items(x), () => open, { discard: true }), scope))
    return { name: "", size, run: () => app.runPromise(runAll(SyncJob, size)) }
  }
}

const depth: Axis = {
  name: "depth of nesting",
  steps: [2, 8, 32, 128, 512],
  allowed: 0,
  at: (x) => {
    const app = makeApp({ workers: 64 }, nestedLayer(Effect.void))
    const chains = 1_024 / x
    const chain = TaskPool.use((pool) =>
      Effect.forEach(items(chains), () => Nested.dispatch({ n: x - 1 }, { pool }), { discard: true })
    )
    return { name: "", size: chains * x, run: () => app.runPromise(chain) }
  }
}

const nestedPools: Axis = {
  name: "depth of nested pools, 8,000 in all: cancel of them",
  steps: [1_000, 2_000, 4_000, 8_000],
  allowed: 0,
  at: (x) => nestedCancel(x, 8_000)
}

const history: Axis = {
  name: "finished tasks in the history",
  steps: [100, 1_000, 10_000, 100_000],
  allowed: 0,
  at: async (x) => {
    const app = makeApp({ workers: 64, history: x })
    await app.runPromise(Effect.andThen(fill(SyncJob, x), drained))
    return { name: "", size, run: () => app.runPromise(runAll(SyncJob, size)) }
  }
}

const manyJobs: Axis = {
  name: "jobs",
  steps: [1, 10, 100, 1_000],
  allowed: 0,
  at: (x) => {
    const all: ReadonlyArray<NumberJob> = items(x).map((i) => Job.make(`Job${i}`, { payload }))
    const layers = all.map((job): Layer.Layer<any, never, WorkerPool> => job.toLayer(() => bodies.sync.effect))
    const app = makeApp({ workers: 64 }, Layer.mergeAll(layers[0]!, ...layers.slice(1)))
    const run = TaskPool.use((pool) => Effect.forEach(items(size), (n) => all[n % x]!.dispatch({ n }, { pool })))
    return { name: "", size, run: () => app.runPromise(run) }
  }
}

const listeners: Axis = {
  name: "event listeners",
  steps: [1, 4, 16, 64],
  allowed: 1,
  at: (x) => {
    const app = makeApp({ workers: 64 })
    for (let i = 0; i < x; i++) app.runFork(listen)
    return { name: "", size, run: () => app.runPromise(runAll(SyncJob, size)) }
  }
}

const timeouts: Axis = {
  name: "other deadlines, while timeouts are set and cleared",
  steps: [100, 1_000, 10_000, 100_000],
  allowed: 0,
  at: async (x) => {
    const app = makeApp({ workers: 64 })
    await app.runPromise(fill(SyncJob, x, () => ({ delay: "1 day" })))
    return { name: "", size, run: () => app.runPromise(runAll(TimedJob, size)) }
  }
}

const axes: ReadonlyArray<Axis> = [queued, livePools, depth, nestedPools, history, manyJobs, listeners, timeouts]

/** All steps of an axis are interleaved; their minima make the curve, since noise only ever adds. */
const measureAxis = async (
  { allowed, at, name, steps }: Axis,
  rounds: number
): Promise<{ readonly curve: Curve, readonly noise: Noise }> => {
  const subjects = await Promise.all(steps.map(async (x) => ({ ...await at(x), name: String(x) })))
  const measured = await interleave(subjects, rounds)
  const points = steps.map((x) => ({ x, nanos: least(seriesOf(measured, String(x)).wall) }))
  return { curve: { name, allowed, points, exponent: exponentOf(points) }, noise: measured.noise }
}

export const growth: Case = {
  name: "growth",
  about: "how the cost of a task grows with queue, pools, depth, its cancel, history, jobs, listeners and deadlines",
  run: async ({ full, rounds }) => {
    const curves: Array<Curve> = []
    const noises: Array<Noise> = []
    for (const axis of axes) {
      const { steps } = axis
      const measured = await measureAxis({ ...axis, steps: full ? steps : steps.slice(0, 4) }, rounds)
      curves.push(measured.curve)
      noises.push(measured.noise)
    }
    return { curves, noise: worstOf(noises) }
  }
}
