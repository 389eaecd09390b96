/**
 * What may be kept, and what must be collectable. A test names the objects that nothing may keep, by `watch`; what its scenario
 * returns is kept meanwhile. Each scenario runs twice: first all that is watched is held on purpose, which the test must notice.
 */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Logger, Schema, Scope } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Watches an object, and gives it. */
export type Watch = <A>(name: string, object: A) => A

/** How many of a kind: a stack may keep one for a while, a leak keeps them all. */
export const many = 20

setFlagsFromString("--expose-gc")
const gc = runInNewContext("gc") as () => void

/** What is in use of the heap, in bytes. */
export const heap = Effect.promise(async () => {
  await collect()
  return process.memoryUsage().heapUsed
})

/** A weak reference that was made or read keeps its object until the current turn of the event loop has ended. */
export const collect = async (): Promise<void> => {
  for (let n = 0; n < 6; n++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise(setImmediate)
    gc()
  }
}

class Watcher {
  readonly held: Array<unknown> = []
  private readonly watched: Array<readonly [string, WeakRef<object>]> = []
  private readonly holds: boolean

  constructor(holds: boolean) {
    this.holds = holds
  }

  readonly watch: Watch = (name, object) => {
    this.watched.push([name, new WeakRef(object as object)])
    if (this.holds) this.held.push(object)
    return object
  }

  /** How many of each name there were, or still are. */
  counts(alive: boolean): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const [name, ref] of this.watched) {
      if (!alive || ref.deref() !== undefined) counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }
}

/** The layer of one test, and what happens in it. */
interface Scenario<R, E> {
  readonly layer: (watch: Watch) => Layer.Layer<R, E>
  readonly run: (watch: Watch) => Effect.Effect<unknown, unknown, R | Scope.Scope>
}

/** The scenario's Scope and layer stay open. */
const open = async <R, E>({ layer, run }: Scenario<R, E>, { watch }: Watcher) => {
  const scope = Scope.makeUnsafe()
  const quiet = Layer.fresh(layer(watch)).pipe(Layer.provide(Logger.layer([])))
  const context = await Effect.runPromise(Layer.buildWithScope(quiet, scope))
  const kept = await Effect.runPromise(
    Effect.provideContext(run(watch), Context.add(context, Scope.Scope, scope)) as Effect.Effect<unknown>
  )
  return { kept, context, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const closed = async <R, E>(scenario: Scenario<R, E>, watcher: Watcher) => {
  const { close, kept } = await open(scenario, watcher)
  await close()
  return { kept }
}

const look = async (start: (watcher: Watcher) => Promise<object>, end: (started: any) => Promise<void>) => {
  for (const holds of [true, false]) {
    const watcher = new Watcher(holds)
    const started = await start(watcher)
    await collect()
    const alive = watcher.counts(true)
    await end(started)
    if (holds) assert.deepStrictEqual(alive, watcher.counts(false), "the test notices what is held on purpose")
    else assert.deepStrictEqual(alive, {}, "kept")
    assert.isAbove(Object.keys(watcher.counts(false)).length, 0)
    watcher.held.length = 0
  }
}

/** A test: nothing that is watched is kept while the worker pool lives on. */
export const forgotten = <R, E>(
  title: string,
  layer: Scenario<R, E>["layer"],
  run: Scenario<R, E>["run"]
): void => it(title, () => look((watcher) => open({ layer, run }, watcher), ({ close }) => close()))

/** A test: nothing that is watched is kept once layer and Scope have closed, though somebody keeps what the scenario gives. */
export const forgottenOnceClosed = <R, E>(
  title: string,
  layer: Scenario<R, E>["layer"],
  run: Scenario<R, E>["run"]
): void =>
  it(
    title,
    () => look((watcher) => closed({ layer, run }, watcher), ({ kept }) => Promise.resolve(kept).then(() => {}))
  )

/** A job of which everything is an object. */
export class Holds extends Job.make("Holds", {
  payload: { n: Schema.Int, x: Schema.Unknown },
  success: Schema.Unknown,
  error: Schema.Unknown,
  progress: Schema.Unknown,
  message: Schema.Unknown,
  key: ({ n }) => `${n}`
}) {}

/** A worker pool with one worker and no history. */
export const pool = (options?: Parameters<typeof WorkerPool.layer>[0]) =>
  WorkerPool.layer({ workers: 1, history: 0, ...options })

/** Something to keep. */
export const thing = () => ({ of: "a test" })

/** Starts waiting and gives up; a fiber keeps whoever hangs on it, and what it waits with. */
export const giveUp = (watch: Watch, wait: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const seen = watch("what a waiting fiber sees", thing())
    const fiber = yield* Effect.forkChild(Effect.onExit(wait, () => Effect.sync(() => seen)))
    yield* settleTurns
    assert.isUndefined(fiber.pollUnsafe(), "it waits")
    yield* Fiber.interrupt(watch("waiting fiber", fiber))
  })

/** Lets everything run that can run without time passing. */
export const settleTurns = Effect.repeat(Effect.yieldNow, { times: 50 })
