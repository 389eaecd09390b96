/**
 * The regression guard of the hot path: counts and bytes, no time. What is counted is the same on every machine and in
 * every run but for a few per cent; bounds of bytes are about twice what there was when they were written, those of steps
 * a tenth more.
 *
 * Everything runs on the real event loop and under V8's coverage, which counts the steps.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Scope } from "effect"
import { allocatedBy, Counters, objectsLeftBy, StepCounter } from "../src/count.ts"
import { exposeCollector, growth } from "../src/heap.ts"

exposeCollector()
const steps = await StepCounter.start()
// only code that is loaded from here on has counters
const { TaskPool, WorkerPool } = await import("effect-tasks")
const { drained, fill, makeApp, paused, resumed, runAll, SyncJob, TimedJob, TurnJob } = await import("../src/tasks.ts")
const { openPools } = await import("../src/cases/crowds.ts")
const { mostUnfinished } = await import("../src/flood.ts")
const { nestedCancel } = await import("../src/nested.ts")

type App = ReturnType<typeof makeApp>

/** Runs a test with an app of its own. */
const withApp = async <A>(make: () => App, use: (app: App) => Promise<A>): Promise<A> => {
  const app = make()
  try {
    return await use(app)
  } finally {
    await app.dispose()
  }
}

interface Cost {
  readonly bytes: number
  readonly steps: number
}

/**
 * Bytes and steps per task, the least of some runs after a first one: a call that the compiler inlines is not counted, so
 * steps vary by a tenth.
 */
const costOf = async (size: number, run: () => Promise<unknown>, before?: () => Promise<unknown>): Promise<Cost> => {
  await before?.()
  await run()
  const costs: Array<Cost> = []
  for (let i = 0; i < 4; i++) {
    let counted = 0
    await before?.()
    const bytes = await allocatedBy(async () => {
      counted = await steps.of(run)
    })
    costs.push({ bytes: bytes / size, steps: counted / size })
  }
  return { bytes: Math.min(...costs.map(({ bytes }) => bytes)), steps: Math.min(...costs.map(({ steps }) => steps)) }
}

const assertCost = (cost: Cost, bound: Cost): void => {
  assert.isAtMost(cost.bytes, bound.bytes, "bytes per task")
  assert.isAtMost(cost.steps, bound.steps, "steps per task")
}

/** What there is more of must not make a task cost more. */
const assertFlat = (few: Cost, many: Cost): void => {
  assert.isAtMost(many.steps / few.steps, 1.5, "steps per task")
  assert.isAtMost(many.bytes / few.bytes, 1.5, "bytes per task")
}

/** Far more than it takes: a busy machine fails no test. */
const patience = { timeout: 300_000 }

describe("a task", patience, () => {
  const size = 2_000

  for (const job of [SyncJob, TurnJob, TimedJob]) {
    it(`starts one fiber, reads the clock a few times and sets no timer of its own (${job.tag})`, async () => {
      const counters = new Counters()
      await withApp(() => makeApp({ workers: 64 }, undefined, counters.layer), async (app) => {
        await app.runPromise(runAll(job, size))
        counters.reset()
        await app.runPromise(runAll(job, size))
        assert.isAtMost(counters.fibers / size, 1.1)
        assert.isAtMost(counters.clockReads / size, 7)
        // deadlines share one sleep, which may be armed again now and then
        assert.isAtMost(counters.sleeps, 20)
        assert.isAtMost(counters.turns / size, 0.2)
      })
    })
  }

  it("shares readings of Effect's own clock with other starts and dispatches of its turn", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      const now = vi.spyOn(Date, "now")
      await app.runPromise(runAll(SyncJob, size))
      const reads = now.mock.calls.length
      now.mockRestore()
      assert.isAtMost(reads / size, 2.5)
    }))

  it("allocates and steps no more than it used to, with a sync body", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      assertCost(await costOf(size, () => app.runPromise(runAll(SyncJob, size))), { bytes: 6_200, steps: 300 })
    }))

  it("allocates and steps no more than it used to, with an asynchronous body", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      assertCost(await costOf(size, () => app.runPromise(runAll(TurnJob, size))), { bytes: 8_000, steps: 300 })
    }))

  it("costs the same with 5,000 other live pools as with none", async () => {
    const costWith = (pools: number) =>
      withApp(() => makeApp({ workers: 64 }), async (app) => {
        const scope = Scope.makeUnsafe()
        await app.runPromise(Scope.provide(openPools(pools), scope))
        return await costOf(size, () => app.runPromise(runAll(SyncJob, size)))
      })
    assertFlat(await costWith(0), await costWith(5_000))
  })
})

describe("a queue of 100,000", patience, () => {
  const size = 1_000
  const mixed = (n: number) => ({ priority: (n * 7_919) % 1_000 })

  /** What a dispatch costs, and a dispatch with its cancel, while so many are queued. */
  const costsIn = (queued: number) =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      await app.runPromise(Effect.andThen(paused, fill(SyncJob, queued, mixed)))
      const dispatch = await costOf(size, () => app.runPromise(fill(SyncJob, size, mixed)))
      const ended = TaskPool.use((pool) =>
        Effect.andThen(fill(SyncJob, size, (n) => ({ ...mixed(n), pool })), pool.cancel())
      )
      const cancel = await costOf(size, () => app.runPromise(Effect.exit(ended)))
      await app.runPromise(WorkerPool.use(({ global }) => global.cancel()))
      return { dispatch, cancel }
    })

  it("makes a dispatch and a cancel of any priority cost what they cost in a queue of 1,000", async () => {
    const [few, many] = [await costsIn(1_000), await costsIn(100_000)]
    assertFlat(few.dispatch, many.dispatch)
    assertFlat(few.cancel, many.cancel)
  })

  it("drains at a cost per task that its length does not change", async () => {
    const costOfAll = (queued: number) =>
      withApp(
        () => makeApp({ workers: 64 }),
        (app) =>
          costOf(queued, () =>
            app.runPromise(paused.pipe(
              Effect.andThen(fill(SyncJob, queued, mixed)),
              Effect.andThen(resumed),
              Effect.andThen(drained)
            )))
      )
    assertFlat(await costOfAll(1_000), await costOfAll(10_000))
  })
})

describe("a cancel of nested pools", patience, () => {
  it("costs the same for each, however deep they are", async () => {
    const costAt = (depth: number) => {
      const { before, run } = nestedCancel(depth)
      return costOf(depth, run, before)
    }
    const [few, many] = [await costAt(200), await costAt(2_000)]
    assertFlat(few, many)
    assertCost(many, { bytes: 23_000, steps: 350 })
  })
})

describe("a flood of 100,000", patience, () => {
  it("holds about 600 tasks at its peak", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      assert.isAtMost(await mostUnfinished(app, 100_000), 1_200)
    }))
})

describe("what stays", patience, () => {
  const size = 10_000
  const queue = (app: App) => () => app.runPromise(fill(SyncJob, size))
  const finish = (app: App) => () => app.runPromise(Effect.andThen(fill(SyncJob, size), drained))

  it("is bounded for a queued task", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      await finish(app)()
      await app.runPromise(paused)
      assert.isAtMost(await growth(queue(app)) / size, 700, "bytes")
      assert.isAtMost(await objectsLeftBy(queue(app)) / size, 3.5, "objects: task, run, payload")
      await app.runPromise(WorkerPool.use(({ global }) => global.cancel()))
    }))

  it("is bounded for a finished task in the history", () =>
    withApp(() => makeApp({ workers: 64, history: 2 * size }), async (app) => {
      assert.isAtMost(await growth(finish(app)) / size, 550, "bytes")
      assert.isAtMost(await objectsLeftBy(finish(app)) / size, 3.5, "objects")
    }))
})

describe("the counters", patience, () => {
  it("see a loop over the queue", () =>
    withApp(() => makeApp({ workers: 64 }), async (app) => {
      await app.runPromise(Effect.andThen(paused, fill(SyncJob, 1_000)))
      const look = () => app.runPromise(WorkerPool.use(({ tasks }) => tasks))
      const few = await costOf(1, look)
      await app.runPromise(fill(SyncJob, 9_000))
      const many = await costOf(1, look)
      assert.isAtLeast(few.steps, 1_000)
      assert.isAbove(many.steps / few.steps, 5)
      await app.runPromise(WorkerPool.use(({ global }) => global.cancel()))
    }))
})
