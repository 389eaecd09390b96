/** Handler layers: registration, and a shutdown in which a handler's resources outlive its tasks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import type { Definition } from "./definition.ts"
import { logSafely } from "./hooks.ts"
import type { Machine } from "./machine.ts"
import { runOf } from "./place.ts"
import type { JobState, PoolRecord, Registration, TaskRecord } from "./records.ts"
import { Kept } from "./retention.ts"
import { stopTask } from "./stop.ts"
import { Tasks } from "./tasks.ts"
import { until } from "./waiting.ts"

export const register = (
  machine: Machine,
  definition: Definition,
  handler: Registration["handler"],
  context: Context.Context<never>
): Registration => {
  const job = jobState(machine, definition)
  const annotations = Object.defineProperties(
    { ...Context.get(context, References.CurrentLogAnnotations) },
    taskAnnotations
  )
  const annotated = Context.add(context, References.CurrentLogAnnotations, annotations)
  const registration: Registration = { job, definition, handler, context: annotated, phase: "open" }
  job.registrations.push(registration)
  // a layer that is built while others close is part of their shutdown
  if (machine.closings === 0) machine.graceEnd = undefined
  return registration
}

/** Log annotations that are read from the current task when something is logged. */
const taskAnnotations = (() => {
  const read = (f: (task: TaskRecord) => string) => ({
    enumerable: true,
    get: () => {
      const fiber = Fiber.getCurrent()
      const run = fiber === undefined ? undefined : runOf(fiber)
      return run === undefined ? undefined : f(run.task)
    }
  })
  return {
    task: read((task) => task.id),
    job: read((task) => task.job.tag),
    pool: read((task) => task.pool.id)
  }
})()

/** The state of a tag, made when it is first needed. */
export const jobState = (machine: Machine, definition: Definition): JobState => {
  const { tag } = definition
  const existing = machine.jobs.get(tag)
  if (existing !== undefined) {
    if (existing.definition === definition) return existing
    if (existing.registrations.length > 0) {
      throw new Error(`Two different jobs are named "${tag}": rename one of them`)
    }
    existing.kept.clear()
    existing.definition = definition
    existing.kept = keptOf(definition, existing.tasks)
    return existing
  }
  const tasks = new Tasks(machine.numbers)
  const job: JobState = {
    tag,
    definition,
    registrations: [],
    tasks,
    lines: new Map(),
    gates: new Map(),
    kept: keptOf(definition, tasks),
    metrics: undefined
  }
  machine.jobs.set(tag, job)
  return job
}

const keptOf = ({ kept }: Definition, tasks: Tasks): Kept =>
  new Kept(kept?.capacity ?? 0, kept?.timeToLive ?? 0, (task) => {
    if (task.extras?.outOfHistory) tasks.delete(task)
  })

/** Refuses new tasks, lets live ones use what is left of the grace, cancels and awaits them. */
export const unregister = (machine: Machine, registration: Registration): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { job } = registration
    registration.phase = "closing"
    const live = () => [...job.tasks].filter(({ run }) => run?.registration === registration)
    const close = () => {
      registration.phase = "closed"
    }
    return Effect.tap(shutDown(machine, live, close), () =>
      Effect.sync(() => job.registrations.splice(job.registrations.indexOf(registration), 1)))
  })

/** Everything that is left of a machine ends the same way. */
export const shutDown = (
  machine: Machine,
  live: () => ReadonlyArray<TaskRecord>,
  refuse: () => void
): Effect.Effect<void> =>
  Effect.gen(function*() {
    machine.closings++
    machine.graceEnd ??= machine.timers.now() + machine.gracePeriod
    const grace = machine.graceEnd - machine.timers.now()
    if (grace > 0 && live().length > 0) yield* firstOf(allReady(live), Effect.sleep(grace))
    refuse()
    for (const { run } of live()) if (run !== undefined) stopTask(run, { _tag: "cancel", reason: "shutdown" })
    yield* awaitAll(live)
    machine.closings--
  })

type Live = () => ReadonlyArray<TaskRecord | PoolRecord>

/** Waits for all, with a warning that names them every 10 seconds. */
export const awaitAll = (live: Live): Effect.Effect<void> =>
  Effect.suspend(() => {
    const warn = Effect.suspend(() => {
      const names = live().map(({ id }) => id).join(", ")
      return logSafely(Effect.logWarning(`Shutdown waits for ${names}, which cannot be interrupted`))
    })
    return live().length === 0
      ? Effect.void
      : firstOf(allReady(live), Effect.forever(Effect.delay(warn, "10 seconds")))
  })

/** Looks again when all it saw are ready: others may have come. */
const allReady = (live: Live): Effect.Effect<void> =>
  Effect.suspend(() => {
    const seen = live()
    if (seen.length === 0) return Effect.void
    const wait = Effect.forEach(seen, (each) => until(each, { reason: "task" }), { discard: true })
    return Effect.andThen(wait, allReady(live))
  })

/** Whichever ends first, also where interruption is masked. */
const firstOf = (a: Effect.Effect<void>, b: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const fibers = [yield* Effect.forkDetach(a), yield* Effect.forkDetach(b)]
    yield* Effect.callback<void>((resume) => {
      for (const fiber of fibers) fiber.addObserver(() => resume(Effect.void))
    })
    yield* Fiber.interruptAll(fibers)
  })
