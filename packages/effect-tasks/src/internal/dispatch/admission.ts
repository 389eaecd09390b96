/** Room in the queue: who has to wait for it, and what else ends that wait. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DispatchError, type DispatchErrorReason, QueueFull } from "../../TaskError.ts"
import { keyConcern } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import { accept, type Accepted, type Request } from "./accept.ts"

/** Accepts a request now, or when there is room. */
export const submit = (request: Request): Effect.Effect<Accepted, DispatchError> => {
  const { machine } = request
  const outcome = attempt(request, machine.suspended.size === 0 && hasRoom(request))
  if (outcome !== "full") return outcome
  const { capacity, onFull } = machine.settings
  return onFull === "fail" ? refused(request, new QueueFull({ capacity })) : suspended(request)
}

/** A queue may be longer than its capacity by what the free slots are about to take. */
const hasRoom = (request: Request): boolean => {
  const { paused, ready, resuming, settings, slots } = request.machine
  const free = paused ? 0 : Math.max(0, slots.limit - slots.busy - resuming.startable)
  const taken = Math.min(ready.startable, free)
  return ready.size - taken < settings.capacity || (taken < free && !isHeldBack(request))
}

const isHeldBack = ({ limitKey = "", registration: { job } }: Request): boolean =>
  job.limits.get(limitKey)?.hasRoom === false

/** Admits the first that waits, when there is room; whether there was one. */
export const admitNext = (machine: Machine): boolean => {
  const next = machine.suspended.peek()
  return next !== undefined && next.hasRoom() && next.admit(true)
}

const suspended = (request: Request): Effect.Effect<Accepted, DispatchError> =>
  Effect.callback((resume) => {
    const { machine, priority } = request
    const { suspended } = machine
    const admit = (hasRoom: boolean): boolean => {
      if (dispatch.heapIndex < 0) return true
      const outcome = attempt(renewed(request), hasRoom)
      if (outcome === "full") return false
      suspended.remove(dispatch)
      resume(outcome)
      return true
    }
    const dispatch = {
      priority,
      order: machine.nextOrder(),
      concerns: concernsOf(request),
      heapIndex: -1,
      hasRoom: () => hasRoom(request),
      admit
    }
    suspended.add(dispatch)
    machine.schedule()
    return Effect.sync(() => suspended.remove(dispatch))
  })

/** What may refuse it without room, or accept it without any. */
const concernsOf = ({ key, machine, pool, registration: { definition, job } }: Request): ReadonlyArray<unknown> => {
  const concerns = [machine, pool, job]
  const needsKey = (definition.unique ?? definition.kept) !== undefined
  return key === undefined || !needsKey ? concerns : [...concerns, keyConcern(job, key)]
}

/** With the newest handler of the job, which may have come while the dispatcher waited. */
const renewed = (request: Request): Request => {
  const { definition, job } = request.registration
  const newest = job.registrations.findLast(({ phase }) => phase === "open")
  return newest?.definition === definition ? { ...request, registration: newest } : request
}

const refused = ({ registration }: Request, reason: DispatchErrorReason): Effect.Effect<never, DispatchError> =>
  Effect.fail(new DispatchError({ job: registration.job.tag, reason }))

/** Accepts as an effect: a ring that a joining dispatch would close is a defect. */
const attempt = (request: Request, hasRoom: boolean): Effect.Effect<Accepted, DispatchError> | "full" => {
  try {
    const outcome = accept(request, hasRoom)
    if (outcome === "full") return outcome
    if (!("task" in outcome)) return refused(request, outcome)
    request.accepted?.(outcome)
    return Exit.succeed(outcome)
  } catch (defect) {
    return Effect.die(defect)
  }
}
