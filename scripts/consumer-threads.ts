/** The program of a consumer of threads, and the module that they load. */
import { Thread, Threads } from "@effect-tasks/threads"
import { toLayer } from "@effect-tasks/threads/Threads"
import { Effect, Layer, Schema } from "effect"
import { Job, WorkerPool } from "effect-tasks"
import { isMainThread, threadId, Worker } from "node:worker_threads"

class Double extends Job.make("Double", {
  payload: { n: Schema.Int },
  success: Schema.Struct({ n: Schema.Int, thread: Schema.Int })
}) {}

const served = Thread.serve(Thread.handler(Double, ({ n }) => Effect.succeed({ n: n * 2, thread: threadId })))
export default served

const ThreadsLive = Threads.layer<{ readonly default: typeof served }>(() => new Worker(new URL(import.meta.url)))
const Live = toLayer(Double).pipe(Layer.provide(ThreadsLive), Layer.provideMerge(WorkerPool.layer()))

const program = Effect.gen(function*() {
  const { n, thread } = yield* Double.run({ n: 21 })
  console.log(`${n} from ${thread === threadId ? "this" : "another"} thread`)
})

if (isMainThread) await Effect.runPromise(program.pipe(Effect.provide(Live)))
