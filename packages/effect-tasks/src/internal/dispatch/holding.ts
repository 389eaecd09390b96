/** Who dispatches with `run` holds the task until it has settled, or lets go of it. */
import * as Effect from "effect/Effect"
import type { DispatchError } from "../../TaskError.ts"
import type { Ticket } from "../record/run.ts"
import type { TaskRecord } from "../record/task.ts"
import { letGo } from "../transition/tickets.ts"
import { cancelTask } from "../wait/closing.ts"
import { until } from "../wait/wait.ts"
import type { Accepted, Request } from "./accept.ts"

/** Suspends until the task has settled. */
export const settled = (task: TaskRecord): Effect.Effect<void> => until(task, { reason: "task", target: task })

/** Lets an effect name the ticket that it owns a hold of, which it gives up at its end, unless the task has settled. */
export const owning = <A, E, R>(
  effect: (own: NonNullable<Request["accepted"]>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let owned: Ticket | undefined
    const own = ({ ticket }: Accepted) => {
      owned = ticket
    }
    return Effect.onExit(effect(own), () => Effect.suspend(() => (owned === undefined ? Effect.void : disown(owned))))
  })

/**
 * A dispatch holds the task no longer. With the last one of a pool the pool lets go of it; with the last one of all it is
 * cancelled. One step: who joins it comes before or after.
 */
const disown = (ticket: Ticket): Effect.Effect<void> => {
  const { holds, run } = ticket
  if (holds > 1) ticket.holds--
  if (holds !== 1) return Effect.void // held on, or settled before
  if (run.sharing !== undefined && run.sharing.tickets.size > 1) {
    letGo(ticket)
    return Effect.void
  }
  return cancelTask(run, "interrupted", true)
}

type Submit = (request: Request) => Effect.Effect<Accepted, DispatchError>

/** A dispatch that returns when its task has ended, and owns it until then. */
export const inline = (request: Request, submit: Submit): ReturnType<Submit> => {
  const run = (owned: Request) => Effect.tap(submit(owned), ({ task }) => settled(task))
  return request.accepted === undefined ? owning((accepted) => run({ ...request, accepted })) : run(request)
}
