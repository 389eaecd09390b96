/** What handle and handler have in common. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { toMillis, toReason } from "./checks.ts"
import { clearDeadline } from "./lifecycle.ts"
import type { CancelOptions } from "./model.ts"
import { nodeOf } from "./place.ts"
import type { Run, TaskRecord } from "./records.ts"
import { dependents } from "./ring.ts"
import { armTimeout, stopTask } from "./stop.ts"
import { until } from "./waiting.ts"

export const setTimeout = (task: TaskRecord, duration: Duration.Input): Effect.Effect<void> =>
  Effect.sync(() => {
    const { run } = task
    const timeout = toMillis(duration, "timeout", task.job.tag)
    if (run === undefined || task.state === "Stopping" || task.state === "Exited") return
    run.timeout = timeout
    if (task.state === "Queued") return
    clearDeadline(run)
    armTimeout(run)
  })

export const clearTimeout = (task: TaskRecord): Effect.Effect<void> => setTimeout(task, Infinity)

export const settled = (task: TaskRecord): Effect.Effect<void> => until(task, { reason: "task", target: task })

/** Acts at once, then waits until the task has stopped; not for what waits for the caller. */
export const cancel = (task: TaskRecord, options: CancelOptions = {}, evenMarked = false): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { run } = task
    const reason = toReason(options)
    if (run === undefined || task.state === "Exited") return Effect.void
    const left = dependents(nodeOf(fiber))
    stopTask(run, { _tag: "cancel", reason })
    return left.has(task) ? Effect.void : until(task, { reason: "task", evenMarked, cancelling: true, target: task })
  })

/** Waits for a task as its owner does: interrupted, it cancels the task and waits, unless others hold it too. */
export const owning = <A, E>(task: TaskRecord, wait: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.onInterrupt(wait, () =>
    Effect.suspend(() => {
      const { run } = task
      if (run === undefined || --run.holds > 0 || (run.guestOf?.size ?? 0) > 0) return Effect.void
      return cancel(task, { reason: "interrupted" }, true)
    }))

const inboxCapacity = 16

export const inboxOf = (run: Run): Queue.Queue<any> => run.inbox ??= Effect.runSync(Queue.bounded<any>(inboxCapacity))
