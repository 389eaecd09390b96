/** What a worker pool has left behind. */
import * as Context from "effect/Context"
import type { FiberRuntimeMetricsService } from "effect/Metric"
import type { Machine } from "../machine.ts"
import { CurrentPlace } from "../place.ts"
import type { Place } from "../records.ts"
import { EventLog } from "./eventLog.ts"

/** Counts the fibers that have started and not ended, by what they work for. */
export class FiberCensus implements FiberRuntimeMetricsService {
  private readonly alive = new Map<string, number>()

  recordFiberStart = (context: Context.Context<never>): void => this.add(context, 1)
  recordFiberEnd = (context: Context.Context<never>): void => this.add(context, -1)

  /** The fibers of tasks, hooks and finalizers; others belong to the test. */
  get left(): ReadonlyArray<string> {
    return [...this.alive].filter(([, count]) => count > 0).map(([owner, count]) => `${count} fiber(s) of ${owner}`)
  }

  private add(context: Context.Context<never>, change: number): void {
    const place = Context.get(context, CurrentPlace)
    if (place === undefined) return
    const owner = nameOf(place)
    this.alive.set(owner, (this.alive.get(owner) ?? 0) + change)
  }
}

const nameOf = (place: Place): string =>
  place.kind === "finalizer" ? `a finalizer of ${place.pool.id}` : `${place.task.id} (${place.kind})`

export const leaksOf = (machine: Machine): ReadonlyArray<string> => {
  const left: Array<string> = []
  const check = (count: number, what: string) => {
    if (count !== 0) left.push(`${count} ${what}`)
  }
  check(machine.closed ? 0 : 1, "worker pool still open")
  check(machine.live, "unsettled task(s)")
  check(machine.slots.busy, "slot(s) taken")
  check(machine.timers.size, "timer(s)")
  check(machine.timers.isArmed ? 1 : 0, "armed sleep")
  check([...machine.listeners].filter((listener) => !(listener instanceof EventLog)).length, "listener(s) of events")
  check(machine.ready.size + machine.resuming.size, "queued task(s)")
  check(machine.admission.size, "suspended dispatch(es)")
  check(machine.halfAsleep.size, "task(s) half asleep")
  check(machine.drainers.size, "drain(s) waiting")
  check(machine.idleChecks.size, "look(s) at the next event")
  check([...machine.pools.values()].filter((pool) => !pool.isGlobal && !pool.released).length, "unfinished pool(s)")
  for (const { gates, lines, registrations, tag } of machine.jobs.values()) {
    check(registrations.length, `handler registration(s) of ${tag}`)
    check(lines.size, `held key(s) of ${tag}`)
    check(gates.size, `concurrency gate(s) of ${tag}`)
  }
  return left
}
