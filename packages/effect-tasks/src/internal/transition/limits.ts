/** Which limits a task stands behind: its job's hold, what its job and its layer name, then those of its pools. */
import type { LimitDefinition } from "../job/limit.ts"
import { Family } from "../queue/family.ts"
import { type Limit, Permits } from "../queue/limit.ts"
import type { Limits } from "../queue/limits.ts"
import { Hold, Rate } from "../queue/rate.ts"
import type { JobState, Registration } from "../record/job.ts"
import { unsettled } from "../record/lookup.ts"
import type { Machine } from "../record/machine.ts"
import { chain, type PoolRecord, runsBelow } from "../record/pool.ts"
import type { Run } from "../record/run.ts"
import { neededBy } from "./slot.ts"

/** By which of their keys this payload stands behind the limits of a registration; none where none has keys. */
export const limitKeysOf = ({ limits }: Registration, payload: unknown): ReadonlyArray<string> | undefined =>
  limits.some(({ keyOf }) => keyOf !== undefined) ? limits.map(({ keyOf }) => keyOf?.(payload) ?? "") : undefined

type Keys = ReadonlyArray<string> | undefined

/** The list of a new task's limits; none where nothing limits it. */
export const limitsOf = (run: Run, keys: Keys): Limits | undefined => {
  const { job, limits } = run.registration
  const { machine } = run.task
  if (limits.length === 0 && job.hold === undefined && machine.limitedPools === 0) return undefined
  return machine.limits.of(limitsBy(run, keys, limitIn))
}

/** The limits that a task would stand behind, as far as there are any yet. */
export const limitsFor = (run: Run, keys: Keys): ReadonlyArray<Limit> => limitsBy(run, keys, knownIn)

type Find = (family: Family, key: string) => Limit | undefined

const limitIn: Find = (family, key) => family.get(key)
const knownIn: Find = (family, key) => family.find(key)

const limitsBy = (
  { registration: { job, limits }, task: { machine, pool } }: Run,
  keys: Keys,
  find: Find
): ReadonlyArray<Limit> => {
  const found: Array<Limit> = []
  if (job.hold !== undefined) found.push(job.hold)
  for (let i = 0; i < limits.length; i++) {
    if (limits[i].window !== undefined && machine.settings.inline) continue // where delays take no time
    const limit = find(familyOf(machine, limits[i]), keys === undefined ? "" : keys[i])
    if (limit !== undefined) found.push(limit)
  }
  if (machine.limitedPools > 0) found.push(...limitsAbove(pool))
  return found
}

const familyOf = (machine: Machine, definition: LimitDefinition): Family => {
  let family = machine.families.get(definition)
  if (family === undefined) machine.families.set(definition, family = new Family(definition, machine))
  return family
}

const limitsAbove = function*(pool: PoolRecord): Generator<Limit> {
  for (const { permits } of chain(pool)) if (permits !== undefined) yield permits
}

/** A task that has not ended stands behind other limits from now on; what it holds of those that stay, it keeps. */
export const regate = (run: Run, limits: Limits | undefined): void => {
  const { limits: before, task } = run
  if (limits === before) return
  limits?.retain()
  const queue = run.lane?.queue
  queue?.remove(run)
  if (run.execution !== undefined && run.execution.slot >= 0) {
    limits?.held?.take(0) // what is held asks for no time
    before?.held?.release()
  }
  run.limits = limits
  queue?.add(run, task.priority, task.pool.depth, neededBy(run))
  before?.forget()
  task.machine.schedule()
}

/** One whose hooks run stands behind no limit any more. */
const isUnended = (run: Run | undefined): run is Run => run !== undefined && run.task.state !== "Exited"

const isOfPool = (limit: Limit): boolean => limit instanceof Permits && limit.waitingFor === "pool-concurrency"

/** So many tasks of the pool and of all below it run at once from now on. */
export const limitPool = (pool: PoolRecord, limit: number): void => {
  const { machine, permits } = pool
  if (permits !== undefined) {
    permits.resize(limit)
    return machine.schedule()
  }
  if (limit === Infinity || pool.released) return
  pool.permits = new Permits(limit, "pool-concurrency", () => {})
  machine.limitedPools++
  regateBelow([pool])
}

/** These pools, or those above them, have other limits. */
export const regateBelow = (pools: Iterable<PoolRecord>): void => {
  for (const run of runsBelow(pools)) {
    if (!isUnended(run)) continue
    const own = (run.limits?.all ?? []).filter((limit) => !isOfPool(limit))
    regate(run, run.task.machine.limits.of([...own, ...limitsAbove(run.pool)]))
  }
}

/** No attempt of the job starts before this moment; those that run go on. */
export const holdJob = (machine: Machine, job: JobState, until: number): void => {
  const { hold } = job
  if (hold !== undefined) hold.hold(until)
  else if (until > machine.timers.moment()) {
    const made = job.hold = new Hold(machine, () => {})
    made.hold(until)
    for (const { job: of, run } of unsettled(machine)) {
      if (of === job && isUnended(run)) regate(run, machine.limits.of([made, ...run.limits?.all ?? []]))
    }
  }
  machine.schedule()
}

/** As a task's answer to a peer that asks for patience: its keys wait, or the whole job where its rates have no keys. */
export const holdBack = ({ limits, task: { job, machine } }: Run, millis: number): void => {
  const until = machine.timers.moment() + millis
  const keyed = (limits?.all ?? []).filter((limit): limit is Rate => limit instanceof Rate && limit.isKeyed)
  if (keyed.length === 0) return holdJob(machine, job, Math.max(until, job.hold?.until ?? -Infinity))
  for (const rate of keyed) rate.hold(Math.max(until, rate.until))
}
