/** What handle and handler have in common. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { toMillis, toReason } from "./checks.ts"
import { clearDeadline } from "./lifecycle.ts"
import type { CancelOptions } from "./model.ts"
import { extrasOf, type TaskRecord } from "./records.ts"
import { armTimeout, stopTask } from "./stop.ts"
import { until } from "./waiting.ts"

export const setTimeout = (task: TaskRecord, duration: Duration.Input): Effect.Effect<void> =>
  Effect.sync(() => {
    const { run } = task
    const timeout = toMillis(duration, "timeout", task.job.tag)
    if (run === undefined || task.state === "Stopping" || task.state === "Exited") return
    run.timeouts = { ...run.timeouts, timeout }
    if (task.state === "Queued") return
    clearDeadline(run)
    armTimeout(run)
  })

export const clearTimeout = (task: TaskRecord): Effect.Effect<void> => setTimeout(task, Infinity)

export const settled = (task: TaskRecord): Effect.Effect<void> => until(task, { reason: "task", target: task })

/** Acts at once, then waits until the task has stopped; not for what waits for the caller. */
export const cancel = (task: TaskRecord, options: CancelOptions = {}, evenMarked = false): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { run } = task
    const reason = toReason(options)
    if (run === undefined || task.state === "Exited") return Effect.void
    stopTask(run, { _tag: "cancel", reason })
    return until(task, {
      reason: "task",
      evenMarked,
      instead: (dependents) => dependents.has(task) ? Effect.void : undefined
    })
  })

/** Lets an effect name the task that it owns: interrupted, it cancels the task and waits, unless others hold it too. */
export const owning = <A, E, R>(
  effect: (own: (task: TaskRecord) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let owned: TaskRecord | undefined
    const own = (task: TaskRecord) => {
      owned = task
    }
    return Effect.onInterrupt(effect(own), () => (owned === undefined ? Effect.void : disown(owned)))
  })

const disown = (task: TaskRecord): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { run } = task
    if (run === undefined || --run.holds > 0 || (run.sharing?.guestOf.size ?? 0) > 0) return Effect.void
    return cancel(task, { reason: "interrupted" }, true)
  })

const inboxCapacity = 16

export const inboxOf = (task: TaskRecord): Queue.Queue<any> => extrasOf(task).inbox ??= makeInbox(task)

const makeInbox = ({ state }: TaskRecord): Queue.Queue<any> => {
  const inbox = Effect.runSync(Queue.bounded<any>(inboxCapacity))
  // whoever carries the context of an ended task would wait forever
  if (state === "Exited") Queue.shutdownUnsafe(inbox)
  return inbox
}
