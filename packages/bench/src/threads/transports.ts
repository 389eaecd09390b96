/** The same orders to two threads, by everybody who can bring them there. */
import * as Threads from "@effect-tasks/threads/Threads"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import { Effect, Layer, ManagedRuntime } from "effect"
import { JobRegistry, WorkerPool } from "effect-tasks"
import { Worker as EffectWorker } from "effect/workers"
import { Worker } from "node:worker_threads"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import { items } from "../bodies.ts"
import { carry, computing } from "./handlers.ts"
import { Carry, Compute, Flood } from "./jobs.ts"
import type { Order } from "./work.ts"

export interface Transport {
  readonly run: (order: Order) => Promise<unknown>
  /** The same many times, at once. */
  readonly runAll: (size: number, order: Order) => Promise<unknown>
  readonly close: () => Promise<unknown>
}

export const threads = 2

const file = (name: string): URL => new URL(`./${name}.ts`, import.meta.url)

type Send = (order: Order, answered: (result: unknown) => void) => void

const manyOf = (run: Transport["run"]): Pick<Transport, "run" | "runAll"> => ({
  run,
  runAll: (size, order) => Promise.all(items(size).map(() => run(order)))
})

/** First come, first served, one order a thread. */
const queued = (senders: ReadonlyArray<Send>): Transport["run"] => {
  const idle = [...senders]
  const waiting: Array<() => void> = []
  return (order) =>
    new Promise((resolve) => {
      const start = () => {
        const send = idle.pop()!
        send(order, (result) => {
          idle.push(send)
          resolve(result)
          waiting.shift()?.()
        })
      }
      if (idle.length > 0) start()
      else waiting.push(start)
    })
}

export const raw = async (): Promise<Transport> => {
  const workers = Array.from({ length: threads }, () => new Worker(file("raw.worker")))
  const run = queued(workers.map((worker): Send => {
    let answer: (result: unknown) => void
    worker.on("message", (result) => answer(result))
    return (order, answered) => {
      answer = answered
      worker.postMessage(order, [])
    }
  }))
  return { ...manyOf(run), close: () => Promise.all(workers.map((worker) => worker.terminate())) }
}

export const effectWorkers = async (): Promise<Transport> => {
  const workers = Array.from({ length: threads }, () => new Worker(file("effect.worker")))
  const runtime = ManagedRuntime.make(NodeWorker.layer((id) => workers[id]!))
  const senders = await Promise.all(workers.map(async (_, id): Promise<Send> => {
    const platform = await runtime.runPromise(EffectWorker.WorkerPlatform)
    const worker = await runtime.runPromise(platform.spawn<unknown, Order>(id))
    let answer: (result: unknown) => void
    runtime.runFork(worker.run((result) => Effect.sync(() => answer(result))))
    return (order, answered) => {
      answer = answered
      Effect.runSync(worker.send(order))
    }
  }))
  return {
    ...manyOf(queued(senders)),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()))
      await runtime.dispose()
    }
  }
}

export const piscina = async (): Promise<Transport> => {
  const pool = new Piscina({ filename: file("pool.worker").href, minThreads: threads, maxThreads: threads })
  return { ...manyOf((order) => pool.run(order)), close: () => pool.destroy() }
}

export const tinypool = async (): Promise<Transport> => {
  const pool = new Tinypool({ filename: file("pool.worker").href, minThreads: threads, maxThreads: threads })
  return { ...manyOf((order) => pool.run(order)), close: () => pool.destroy() }
}

const ThreadsLive = Threads.layer<typeof import("./tasks.thread.ts")>(() => new Worker(file("tasks.thread")), {
  size: threads,
  warm: threads
})

const onThreads = JobRegistry.layer(Threads.toLayer(Compute), Threads.toLayer(Carry), Threads.toLayer(Flood)).pipe(
  Layer.provide(ThreadsLive)
)

const here = JobRegistry.layer(Compute.toLayer(computing), Carry.toLayer(carry))

const Live = onThreads.pipe(Layer.provideMerge(WorkerPool.layer({ workers: threads })))

export const makeTasks = () => ManagedRuntime.make(Live)

const overTasks = (runtime: ManagedRuntime.ManagedRuntime<Layer.Success<typeof here> | WorkerPool, never>) => ({
  run: ({ bytes, turns }: Order) =>
    bytes === undefined
      ? runtime.runPromise(Compute.run({ turns }))
      : runtime.runPromise(Carry.run({ bytes })),
  runAll: (size: number, { turns }: Order) =>
    runtime.runPromise(
      Effect.forEach(items(size), () => Compute.dispatch({ turns })).pipe(
        Effect.flatMap((all) => Effect.forEach(all, (task) => task.await, { discard: true }))
      )
    ),
  close: () => runtime.dispose()
})

export const tasks = async (): Promise<Transport> => overTasks(makeTasks())

export const inPlace = async (): Promise<Transport> =>
  overTasks(ManagedRuntime.make(here.pipe(Layer.provideMerge(WorkerPool.layer({ workers: threads })))))
