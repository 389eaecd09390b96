/** Room in the queue: who has to wait for it, and what else ends that wait. */
import * as Effect from "effect/Effect"
import { QueueFull } from "../../TaskError.ts"
import { Hold } from "../queue/rate.ts"
import type { Deadline } from "../queue/timers.ts"
import { keyConcern } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { Run } from "../record/run.ts"
import { limitKeysOf, limitsFor } from "../transition/limits.ts"
import { accept, type Circumstances, type Dispatched, refused } from "./accept.ts"

/** Accepts a task now, or when there is room. */
export const submit = (run: Run, how: Circumstances): Dispatched => {
  const { settings: { capacity, onFull }, suspended } = run.task.machine
  const outcome = accept(run, how, suspended.size === 0 && hasRoom(run, how))
  if (outcome !== undefined) return outcome
  return onFull === "fail" ? refused(run, new QueueFull({ capacity })) : suspend(run, how)
}

/** A queue may be longer than its capacity by what the free slots are about to take. */
const hasRoom = (run: Run, { limitKeys }: Circumstances): boolean => {
  const { paused, ready, resuming, settings, slots } = run.task.machine
  if (ready.size < settings.capacity) return true
  if (paused || !slots.available) return false
  const free = slots.limit - slots.busy - resuming.startable(slots.limit - slots.busy).count
  const { count, taken } = ready.startable(free)
  if (ready.size - count < settings.capacity) return true
  return count < free && [...limitsFor(run, limitKeys)].every((limit) => limit.room > (taken.get(limit) ?? 0))
}

/** Admits the first that waits, when there is room; whether there was one. */
export const admitNext = (machine: Machine): boolean => {
  const next = machine.suspended.peek()
  if (next === undefined) return false
  const millis = next.opensIn() // asked first: time goes on meanwhile
  if (next.hasRoom()) return next.admit(true)
  next.lookAgain(millis)
  return false
}

/** In how many milliseconds time alone gives room to a limit that has none: nothing else would call for a turn then. */
const opensIn = (run: Run, { limitKeys }: Circumstances): number => {
  const full = limitsFor(run, limitKeys).find((limit) => !limit.hasRoom)
  return full instanceof Hold ? full.opensAt - run.task.machine.timers.moment() : Infinity
}

const suspend = (run: Run, how: Circumstances): Dispatched =>
  Effect.callback((resume) => {
    const { machine, priority } = run.task
    const { suspended } = machine
    let renewed = how
    let alarm: Deadline | undefined
    const disarm = () => {
      if (alarm !== undefined) machine.timers.clear(alarm)
    }
    const leave = () => {
      disarm()
      suspended.remove(dispatch)
    }
    const admit = (hasRoom: boolean): boolean => {
      if (dispatch.heapIndex < 0) return true
      const outcome = orDie(() => accept(run, renewed = renew(run, renewed), hasRoom))
      if (outcome === undefined) return false
      leave()
      resume(outcome)
      return true
    }
    const dispatch = {
      priority,
      order: machine.nextOrder(),
      concerns: concernsOf(run),
      heapIndex: -1,
      hasRoom: () => hasRoom(run, renewed),
      opensIn: () => opensIn(run, renewed),
      lookAgain: (millis: number) => {
        disarm()
        alarm = machine.timers.set(Math.ceil(millis), () => machine.schedule())
      },
      admit
    }
    suspended.add(dispatch)
    machine.schedule()
    return Effect.sync(() => {
      leave()
      machine.schedule() // the next one may have room
    })
  })

/** What may refuse it without room, or accept it without any. */
const concernsOf = ({ registration: { definition, job }, task }: Run): ReadonlyArray<unknown> => {
  const { key, machine, pool } = task
  const concerns = [machine, pool, job]
  const needsKey = (definition.unique ?? definition.kept) !== undefined
  return key === undefined || !needsKey ? concerns : [...concerns, keyConcern(job, key)]
}

/** Takes the newest handler of the job, which may have come while the dispatcher waited. */
const renew = (run: Run, how: Circumstances): Circumstances => {
  const { definition, job } = run.registration
  const newest = job.registrations.findLast(({ phase }) => phase === "open")
  if (newest === undefined || newest === run.registration || newest.definition !== definition) return how
  run.registration = newest
  return { ...how, limitKeys: limitKeysOf(newest, run.task.payload) }
}

/** The key functions of a new layer's limits are the user's. */
const orDie = (accepting: () => Dispatched | undefined): Dispatched | undefined => {
  try {
    return accepting()
  } catch (defect) {
    return Effect.die(defect)
  }
}
