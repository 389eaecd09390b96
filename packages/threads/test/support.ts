/** Threads for tests: the layers of the fixtures, and the proof that nothing is left of a test. */
import { ThreadCrashed, Threads } from "@effect-tasks/threads"
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Option, Queue, References, Stream } from "effect"
import { JobRegistry, type Task, WorkerPool, type WorkerPoolOptions } from "effect-tasks"
import { expectNoLeaks } from "effect-tasks/testing"
import { Worker, type WorkerOptions } from "node:worker_threads"
import * as jobs from "./fixtures/jobs.ts"
import { Leaf, Once, Refused } from "./fixtures/jobs.ts"

/** A thread's start takes a second where the machine is busy. */
export const long = 30_000

const workers: Array<Worker> = []

/** How many threads have been made since the last test. */
export const made = (): number => workers.length

/** How many of them live. */
export const alive = (): number => workers.filter(({ threadId }) => threadId !== -1).length

export const spawn = (url = new URL("./fixtures/acts.thread.ts", import.meta.url), options?: WorkerOptions) => () => {
  // what a thread says in the end, when its port has closed, is not for the reader of tests
  const worker = new Worker(url, { resourceLimits: { maxOldGenerationSizeMb: 128 }, stdout: true, ...options })
  worker.stdout.resume()
  workers.push(worker)
  return worker
}

export type Acts = typeof import("./fixtures/acts.thread.ts")

/** The children of the fixtures, on the main side. */
const LeafLive = Leaf.toLayer(Effect.gen(function*() {
  const workerPool = yield* WorkerPool
  return Leaf.of(Effect.fnUntraced(function*({ act, n = 0 }, task) {
    const [word, id] = act.split(" ")
    switch (word) {
      case "never":
        return yield* Effect.never
      case "wait":
        return yield* Effect.as(Effect.sleep(n), n)
      case "refuse":
        return yield* new Refused({ why: "leaf" })
      case "die":
        return yield* Effect.die(new Error("leaf"))
      case "timeout":
        yield* task.setTimeout(10)
        return yield* Effect.never
      case "talk": {
        yield* task.report(7)
        const { length } = yield* Queue.take(task.inbox)
        yield* task.report(8)
        return length
      }
      case "await": {
        const asker = Option.getOrThrow(yield* workerPool.task(id!))
        return yield* Effect.orDie(asker.await)
      }
      default:
        return null
    }
  }))
}))

const OnceLive = Once.toLayer(({ n }) => n < 0 ? Effect.never : Effect.as(Effect.sleep(n), n))

interface Options extends Threads.Options {
  readonly pool?: WorkerPoolOptions
  readonly spawn?: () => Worker
}

/** All jobs of the fixtures on threads, and their children beside them. */
export const live = ({ pool = { workers: 2 }, spawn: make = spawn(), ...options }: Options = {}) => {
  const ThreadsLive = Threads.layer<Acts>(make, { gracePeriod: 100, ...options })
  const { Act, Again, Burn, Bytes, Echo, Fragile, Increment, Moved, Opaque, Tree, Unfit } = jobs
  const onThreads = Layer.mergeAll(
    Threads.toLayer(Act),
    Threads.toLayer(Again),
    Threads.toLayer(Burn),
    Threads.toLayer(Bytes),
    Threads.toLayer(Echo),
    Threads.toLayer(Fragile),
    Threads.toLayer(Increment),
    Threads.toLayer(Moved),
    Threads.toLayer(Opaque),
    Threads.toLayer(Tree),
    Threads.toLayer(Unfit)
  ).pipe(Layer.provide(ThreadsLive))
  return JobRegistry.layer(LeafLive, OnceLive, onThreads).pipe(
    Layer.provideMerge(WorkerPool.layer({ unhandled: { defect: "None", failure: "None" }, ...pool }))
  )
}

export type Live = Layer.Success<ReturnType<typeof live>>

/** Nothing is left of a test: no task, no fiber, no thread. */
export const clean = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tap(expectNoLeaks(effect), () =>
    Effect.sync(() => {
      for (const worker of workers.splice(0)) assert.strictEqual(worker.threadId, -1, "a thread lives on")
    }))

export const onThreads = <A, E>(effect: Effect.Effect<A, E, Live>, options?: Options): Effect.Effect<A, E> =>
  clean(Effect.provide(effect, live(options)))

/** Suspends until it holds; a fact on a thread tells nobody here. */
export const until = <R = never>(
  holds: () => boolean | Effect.Effect<boolean, never, R>
): Effect.Effect<void, never, R> =>
  Effect.suspend(() => {
    const now = holds()
    return Effect.flatMap(
      Effect.isEffect(now) ? now : Effect.succeed(now),
      (now) => now ? Effect.void : Effect.andThen(Effect.sleep(2), until(holds))
    )
  })

export const state = (task: Task.Any, wanted: Task.State): Effect.Effect<void> =>
  until(() => Effect.map(task.status, ({ state }) => state === wanted))

/** Two threads have started. */
export const bothUp: Effect.Effect<void, never, Live> = Effect.gen(function*() {
  const { Burn } = jobs
  const ids = yield* Effect.all([Burn.run({ millis: 50 }), Burn.run({ millis: 50 })], { concurrency: 2 })
  if (ids[0] === ids[1]) yield* bothUp
}).pipe(Effect.orDie)

export const defectOf = (exit: Exit.Exit<unknown, unknown>): Error => {
  assert.isTrue(Exit.hasDies(exit), `a defect: ${exit}`)
  return Cause.squash((exit as Exit.Failure<unknown, unknown>).cause) as Error
}

export const crashOf = (exit: Exit.Exit<unknown, unknown>): ThreadCrashed => {
  const defect = defectOf(exit)
  assert.instanceOf(defect, ThreadCrashed)
  return defect
}

interface Line {
  readonly message: ReadonlyArray<unknown>
  readonly level: string
  readonly cause: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly spans: ReadonlyArray<string>
}

/** What is logged here. */
export const logging = () => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    lines.push({
      message: Array.isArray(message) ? message : [message],
      level: logLevel,
      cause: Cause.pretty(cause),
      annotations: { ...fiber.getRef(References.CurrentLogAnnotations) },
      spans: fiber.getRef(References.CurrentLogSpans).map(([label]) => label)
    })
  })
  const texts = () => lines.map(({ message }) => message[0])
  return { lines, texts, layer: Logger.layer([logger]) }
}

/** The names of the events of a task, until it has exited. */
export const eventsOf = (id: string): Effect.Effect<ReadonlyArray<string>, never, WorkerPool> =>
  Effect.flatMap(WorkerPool, ({ events }) =>
    events.pipe(
      Stream.filter((event) => "taskId" in event && event.taskId === id),
      Stream.map(({ _tag }) => _tag),
      Stream.takeUntil((tag) => tag === "TaskExited"),
      Stream.runCollect
    ))
