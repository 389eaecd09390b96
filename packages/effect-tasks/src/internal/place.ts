/** Which task, hook or finalizer a fiber is inside of. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { Place, PoolRecord, Run, TaskRecord } from "./records.ts"

export const CurrentPlace = Context.Reference<Place | undefined>("effect-tasks/CurrentPlace", {
  defaultValue: () => undefined
})

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The task that this fiber is inside of; none once the task has ended. */
export const runOf = (fiber: AnyFiber): Run | undefined => runAt(fiber.getRef(CurrentPlace))

export const runAt = (place: Place | undefined): Run | undefined =>
  place !== undefined && place.kind === "handler" && place.task.state !== "Exited" ? place : undefined

/** The task that lends its slot when this fiber waits: a hook that a handler runs itself waits as the handler does. */
export const sleeperOf = (fiber: AnyFiber): Run | undefined => {
  let place = fiber.getRef(CurrentPlace)
  while (place !== undefined && place.kind !== "handler") place = place.by
  return place === undefined || place.task.state === "Exited" ? undefined : place
}

/** Who waits when this fiber does. */
export const nodeOf = (fiber: AnyFiber): TaskRecord | PoolRecord | undefined => nodeAt(fiber.getRef(CurrentPlace))

const nodeAt = (place: Place | undefined): TaskRecord | PoolRecord | undefined => {
  if (place === undefined) return undefined
  if (place.kind === "finalizer") return place.pool.released ? nodeAt(place.by) : place.pool
  if (place.kind === "hook") return place.task.settled ? nodeAt(place.by) : place.task
  return place.task.state === "Exited" ? undefined : place.task
}

/** The unfinished task that who stands here works for, in its handler or in a hook. */
export const taskAt = (place: Place | undefined): TaskRecord | undefined => {
  if (place === undefined) return undefined
  const node = nodeAt(place)
  return node !== undefined && "payload" in node ? node : undefined
}
