/** Which task, hook or finalizer a fiber is inside of. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { PoolRecord } from "./pool.ts"
import type { Run } from "./run.ts"
import type { Node } from "./source.ts"
import type { TaskRecord } from "./task.ts"

/** What a fiber can be inside of; `by` is what the fiber was inside of that registered a hook too late and so runs it. */
export type Inside =
  | Run
  | { readonly kind: "hook", readonly task: TaskRecord, by: Inside | undefined }
  | { readonly kind: "finalizer", readonly pool: PoolRecord, by: Inside | undefined }

export const CurrentTask = Context.Reference<Inside | undefined>("effect-tasks/CurrentTask", {
  defaultValue: () => undefined
})

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The task whose handler this fiber is inside of; none once the task has ended. */
export const runOf = (fiber: AnyFiber): Run | undefined => runAt(fiber.getRef(CurrentTask))

export const runAt = (inside: Inside | undefined): Run | undefined =>
  inside !== undefined && inside.kind === "handler" && inside.task.state !== "Exited" ? inside : undefined

/** The task that lends its slot when this fiber waits: a hook that a handler runs itself waits as the handler does. */
export const sleeperOf = (fiber: AnyFiber): Run | undefined => {
  let inside = fiber.getRef(CurrentTask)
  while (inside !== undefined && inside.kind !== "handler") inside = inside.by
  return inside === undefined || inside.task.state === "Exited" ? undefined : inside
}

/** Who waits when this fiber does. */
export const nodeOf = (fiber: AnyFiber): Node | undefined => nodeAt(fiber.getRef(CurrentTask))

const nodeAt = (inside: Inside | undefined): Node | undefined => {
  if (inside === undefined) return undefined
  if (inside.kind === "finalizer") return inside.pool.released ? nodeAt(inside.by) : inside.pool
  if (inside.kind === "hook") return inside.task.settled ? nodeAt(inside.by) : inside.task
  return inside.task.state === "Exited" ? undefined : inside.task
}

/** The unfinished task that who is inside of this works for, in its handler or in a hook. */
export const taskAt = (inside: Inside | undefined): TaskRecord | undefined => {
  const node = nodeAt(inside)
  return node !== undefined && "payload" in node ? node : undefined
}
