/** Handler layers: registration, and a shutdown in which a handler's resources outlive its tasks. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Backend } from "../../Backend.ts"
import type { Definition } from "../job/definition.ts"
import type { LimitDefinition } from "../job/limit.ts"
import { annotated, logSafely } from "../observe/log.ts"
import { Kept } from "../record/history.ts"
import type { JobState, Registration } from "../record/job.ts"
import { unsettled } from "../record/lookup.ts"
import type { Machine } from "../record/machine.ts"
import type { Node } from "../record/source.ts"
import type { TaskRecord } from "../record/task.ts"
import { stopTask } from "../transition/stop.ts"
import { holdersOf } from "../transition/tickets.ts"
import { awaitAll } from "../wait/closing.ts"
import { heldUpBy, waitersOf } from "../wait/graph.ts"
import { endReaders } from "../wait/wait.ts"

export const register = (
  machine: Machine,
  definition: Definition,
  handler: Registration["handler"],
  context: Context.Context<never>,
  limits: ReadonlyArray<LimitDefinition>,
  backend?: Backend
): Registration => {
  const job = jobState(machine, definition)
  const registration: Registration = {
    job,
    definition,
    handler,
    context: annotated(context),
    limits: [...new Set([...definition.limits, ...limits])], // one that is named twice is taken once
    backend,
    phase: "open"
  }
  job.registrations.push(registration)
  job.wasRegistered = true
  // a layer that is built while others close is part of their shutdown
  if (machine.closings === 0) machine.graceEnd = undefined
  return registration
}

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
    existing.kept = keptOf(machine, definition)
    return existing
  }
  const job: JobState = {
    tag,
    definition,
    registrations: [],
    wasRegistered: false,
    keys: new Map(),
    hold: undefined,
    kept: keptOf(machine, definition),
    metrics: undefined
  }
  machine.jobs.set(tag, job)
  return job
}

const nothing = { capacity: 0, timeToLive: 0 }

const keptOf = (machine: Machine, { kept = nothing }: Definition): Kept =>
  new Kept(kept, machine.timers, (task) => {
    if (task.extras?.outOfHistory) machine.index?.delete(task)
  })

/** Refuses new tasks, lets live ones use what is left of the grace, cancels and awaits them. */
export const unregister = (machine: Machine, registration: Registration): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { job } = registration
    registration.phase = "closing"
    machine.reconsider(job)
    const live = () => unsettled(machine).filter(({ run }) => run?.registration === registration)
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
    machine.graceEnd ??= machine.timers.now() + machine.settings.gracePeriod
    const grace = machine.graceEnd - machine.timers.now()
    if (grace > 0) {
      const forgone = new Set(machine.settings.shutdown === "finish-running" ? live().filter(isForgone) : [])
      yield* cancelAll([...forgone])
      const waited = live().filter((task) => !forgone.has(task))
      yield* tell(waited, (count) => `Shutdown waits up to ${Duration.format(Duration.millis(grace))} for ${count}`)
      yield* awaitAll(machine, live, grace)
    }
    refuse()
    endReaders(machine)
    yield* cancelAll(live())
    yield* awaitEnd(machine, live)
    machine.closings--
  })

/** Whether it waits for its start and no task that goes on needs it. */
const isForgone = (task: TaskRecord): boolean =>
  task.state === "Queued" && [task, ...holdersOf(task)].every((node) => waitersOf(node).length === 0)

const cancelAll = (tasks: ReadonlyArray<TaskRecord>): Effect.Effect<void> => {
  for (const { run } of [...dependentOn(tasks), ...tasks]) {
    if (run !== undefined) stopTask(run, { _tag: "cancel", reason: "shutdown", shutdown: true }, true)
  }
  return tell(tasks, (count) => `Shutdown cancels ${count}`)
}

/**
 * A stored task that is let go of has no outcome to wait for: the stored tasks that wait for it, or have dispatched it, are
 * let go of too.
 */
const dependentOn = (tasks: ReadonlyArray<TaskRecord>): ReadonlyArray<TaskRecord> => {
  const stored = tasks.filter(({ extras }) => extras?.stored !== undefined)
  const parents = stored.flatMap(({ machine, parentId = "" }) => machine.stored.get(parentId) ?? [])
  return heldUpBy([...stored, ...parents]).filter(({ extras }) => extras?.stored?.here === true)
}

const tell = ({ length }: ReadonlyArray<Node>, text: (count: string) => string): Effect.Effect<void> =>
  length === 0 ? Effect.void : logSafely(Effect.logInfo(text(length === 1 ? "1 task" : `${length} tasks`)))

const warnEvery = 10_000
const named = 10

/** Waits for all, with a warning every 10 seconds that names some of them. */
export const awaitEnd = (machine: Machine, live: () => ReadonlyArray<Node>): Effect.Effect<void> =>
  Effect.flatMap(awaitAll(machine, live, warnEvery), (done) => {
    if (done) return Effect.void
    const left = live()
    const names = left.slice(0, named).map(({ id }) => id).join(", ")
    const more = left.length > named ? ` and ${left.length - named} more` : ""
    const warn = logSafely(Effect.logWarning(`Shutdown waits for ${names}${more}, which cannot be interrupted`))
    return Effect.andThen(warn, awaitEnd(machine, live))
  })
