import * as Threads from "@effect-tasks/threads/Threads"
import { WorkerPool } from "effect-tasks/WorkerPool"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Worker } from "node:worker_threads"
import { Double } from "./job.ts"

export const run = async (spawn: () => Worker): Promise<void> => {
  const ThreadsLive = Threads.layer<typeof import("./double.thread.ts")>(spawn)
  const Live = Threads.toLayer(Double).pipe(Layer.provide(ThreadsLive), Layer.provideMerge(WorkerPool.layer()))
  console.log(await Effect.runPromise(Double.run({ n: 21 }).pipe(Effect.provide(Live))))
}
