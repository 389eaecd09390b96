/** What runs on the main side for a handler elsewhere: on a thread, or in place as if it were on one. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { ThreadCrashed } from "../ThreadError.ts"
import { afterwards, Asked, type Jobs } from "./asked.ts"
import type { JobCodec } from "./codec.ts"
import { type AnyTaskContext, call } from "./forwarding.ts"
import { Peer } from "./peer.ts"
import { type Served, servedKey } from "./served.ts"
import { answering } from "./serving.ts"
import { after, Lease, type Thread, type ThreadPool } from "./threadPool.ts"

type Handler = (payload: unknown, task: AnyTaskContext) => Effect.Effect<unknown, unknown>

interface Threads {
  readonly pool: ThreadPool
  readonly gracePeriod: number
}

export const onThread = (codec: JobCodec, error: Schema.Top, { gracePeriod, pool }: Threads, jobs: Jobs): Handler => {
  const isTyped = Schema.is(error)
  const outside = afterwards(jobs)
  return (payload, task) =>
    Effect.withFiber((fiber) => {
      const lease = new Lease()
      const asked = new Asked(task, jobs, fiber.context)
      const ended = Effect.andThen(asked.stop, Effect.sync(() => pool.release(lease)))
      return Effect.orDie(pool.acquire(lease)).pipe(
        Effect.flatMap((thread) => {
          thread.peer.host = outside
          // interrupted, the call cancels and waits for the handler's end; a handler that blocks never hears of it
          const onCancel = () => after(gracePeriod, () => thread.terminate())
          const called = call(thread.peer, codec, payload, task, {}, { host: asked, onCancel })
          return Effect.flatMap(called, (exit) => exit ?? crashed(thread, codec.tag, task, isTyped))
        }),
        Effect.ensuring(ended)
      )
    })
}

const crashed = (thread: Thread, job: string, task: AnyTaskContext, isTyped: (error: unknown) => boolean) => {
  const reason = thread.reason ?? "it was closed"
  const error = new ThreadCrashed({ taskId: task.id, job, thread: thread.id, reason })
  return isTyped(error) ? Effect.fail(error) : Effect.die(error)
}

/** Through the same codecs and copies as on a thread, in the task's own context and without a turn of the event loop. */
export const inPlace = (codec: JobCodec, served: Served, jobs: Jobs): Handler => {
  const services = Context.make(servedKey(codec.tag), served)
  return (payload, task) =>
    Effect.withFiber((fiber) => {
      const asked = new Asked(task, jobs, fiber.context)
      const here: Peer = new Peer((message, transfer) => there.receive(copy(message, transfer)))
      const there: Peer = new Peer((message, transfer) => here.receive(copy(message, transfer)))
      there.host = { answer: answering(services, there), fork: asked.fork, log: asked.log }
      const called = call(here, codec, payload, task, {}, { host: asked })
      return Effect.flatMap(
        Effect.ensuring(called, asked.stop),
        (exit) => exit as Exit.Exit<unknown, unknown> // this port does not close
      )
    })
}

const copy = <A>(message: A, transfer: Array<globalThis.Transferable> = []): A => structuredClone(message, { transfer })
