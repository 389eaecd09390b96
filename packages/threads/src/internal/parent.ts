/** What handlers of a thread dispatch runs on the main side. */
import { WorkerPool } from "effect-tasks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { JobCodec } from "./codec.ts"
import { type AnyTaskContext, call } from "./forwarding.ts"
import type { Peer } from "./peer.ts"

/** The peer of this thread. */
export const Parent = Context.Reference<Peer | undefined>("@effect-tasks/threads/Parent", {
  defaultValue: () => undefined
})

/** The priority of a dispatch that gave none. */
export const unset = Number.MIN_SAFE_INTEGER

/** The handler of a job whose tasks run on the main side. */
export const forwarded = (codec: JobCodec) =>
  Effect.gen(function*() {
    const peer = yield* Parent
    const workerPool = yield* WorkerPool
    return Effect.fnUntraced(function*(payload: unknown, task: AnyTaskContext) {
      if (peer === undefined) throw new Error(`Job "${codec.tag}" has no parent to go to outside of a thread`)
      const by = peer.newest
      const self = Option.getOrThrow(yield* workerPool.task(task.id))
      const { priority } = yield* self.status
      const given = priority === unset ? undefined : priority
      const exit = yield* call(peer, codec, payload, task, { by, priority: given, detached: task.pool.isGlobal }, {})
      if (exit === undefined) return yield* Effect.never // the thread closes, and so ends its own tasks
      if (Exit.isFailure(exit)) yield* Effect.yieldNow // a cancel that came just now is what ends it
      return yield* exit
    })
  })
