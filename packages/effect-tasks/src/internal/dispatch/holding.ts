/** Who dispatches with `run` holds the task until it has settled, or lets go of it. */
import * as Effect from "effect/Effect"
import { nodeOf } from "../record/currentTask.ts"
import type { Run, Ticket } from "../record/run.ts"
import type { Node } from "../record/source.ts"
import { recordOf, type TaskRecord } from "../record/task.ts"
import { letGo } from "../transition/tickets.ts"
import { cancelTask } from "../wait/closing.ts"
import { dependents } from "../wait/graph.ts"
import { until } from "../wait/wait.ts"
import type { Circumstances, Dispatched } from "./accept.ts"

/** Suspends until the task has settled. */
export const settled = (task: TaskRecord): Effect.Effect<void> =>
  until(task, { reason: "task", target: task, sees: true })

/** Lets an effect name the ticket that it owns a hold of, which it gives up at its end, unless the task has settled. */
export const owning = <A, E, R>(
  effect: (own: NonNullable<Circumstances["accepted"]>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let owned: Ticket | undefined
    const own = (ticket: Ticket | undefined) => {
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
  if (run.rare?.sharing !== undefined && run.rare.sharing.tickets.size > 1) {
    letGo(ticket)
    return Effect.void
  }
  return cancelTask(run, "interrupted", true)
}

type Submit = (run: Run, how: Circumstances) => Dispatched

/**
 * A dispatch that returns when its task has ended, and owns it until then. One that joins or supersedes a task that waits for
 * the dispatcher would wait for itself: it returns the live task, which its pool holds on.
 */
export const inline = (run: Run, how: Circumstances, submit: Submit): Dispatched =>
  owning((accepted) =>
    Effect.withFiber((fiber) => {
      const waiting = dependents(nodeOf(fiber)) // before the dispatch stops one of them
      return Effect.tap(submit(run, { ...how, accepted }), (task) => {
        const record = recordOf(task)
        return isBehind(record, waiting) ? Effect.sync(() => accepted(undefined)) : settled(record)
      })
    })
  )

/** Whether the task is one of these, or queued for its key behind one. */
const isBehind = (task: TaskRecord, nodes: ReadonlySet<Node>): boolean => {
  const ahead = task.run?.rare?.keyPlace?.queue.backwards() ?? []
  return nodes.has(task) || [...ahead].some(({ task }) => nodes.has(task))
}
