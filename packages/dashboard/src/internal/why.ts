/** Why a task does not run. */
import type { LimitStatus, Task } from "effect-tasks"
import * as Option from "effect/Option"
import type { Limit, TaskRef, Why } from "../Inspection.ts"
import type { TaskRow } from "../Rows.ts"
import { inspection, text } from "./limits.ts"
import * as pools from "./pools.ts"
import type { Runtime } from "./runtime.ts"
import { bounded, finite } from "./text.ts"

/** Who has paused the worker pool here, last. */
export interface Pauses {
  latest: { readonly who: string, readonly at: number } | undefined
}

const sentences: Record<NonNullable<TaskRow["waitingFor"]>, string> = {
  slot: "All workers are busy: it starts when one is free and nothing more urgent waits",
  "job-concurrency": "As many tasks run as its job's concurrency allows",
  "pool-concurrency": "As many tasks of a pool above it run as its concurrency allows",
  rate: "As many tasks have started as the rate allows",
  key: "Others with the same key come before it",
  paused: "What it needs is paused: it does not start until that is resumed",
  delay: "Its delay has not passed yet",
  retry: "An attempt failed, and the next one is due later",
  children: "It waits for its children",
  task: "It waits for another task, a message or an event",
  elsewhere: "It is stored, and another process is to run it",
  effect: "It waits in whileSleeping, for what its handler runs there"
}

/** Nothing while it runs, or after its end. */
export const whyOf = (
  runtime: Runtime,
  task: Task.Any,
  pausedBy: Pauses["latest"],
  lastError: string | null,
  now: number
): Why | null => {
  const found = runtime.explain(task.id)
  const waitingFor = found === undefined ? null : Option.getOrNull(found.status.waitingFor)
  if (found === undefined || waitingFor === null) return null
  const { limits, paused, place, status, tasks } = found
  return {
    waitingFor,
    text: sentences[waitingFor],
    place: Option.getOrNull(place),
    until: Option.getOrNull(status.waitingUntil),
    limits: [...waitingFor === "slot" ? [workersOf(runtime)] : [], ...limits.map((limit) => limitOf(runtime, limit))],
    tasks: refsOf(runtime, tasks),
    pools: found.pools.slice(0, inspection.waits).map((pool) => pools.rowOf(runtime, pool, now)),
    paused,
    pausedBy: paused.workerPool ? pausedBy ?? null : null,
    attempt: status.attempt,
    lastError
  }
}

/** The worker pool is a limit, too. */
const workersOf = (runtime: Runtime): Limit => {
  const { busy, workers } = runtime.status()
  const tasks = runtime.tasks()
  const statuses = runtime.taskStatuses(tasks)
  const running = tasks.filter((_, i) => statuses[i].state === "Running" && Option.isSome(statuses[i].worker))
  return {
    kind: "workers",
    waitingFor: "slot",
    isFull: busy >= workers,
    limit: finite(workers),
    used: busy,
    window: null,
    opensAt: null,
    holders: refsOf(runtime, running)
  }
}

const limitOf = (runtime: Runtime, status: LimitStatus): Limit => {
  const shared = { waitingFor: status.waitingFor, isFull: status.isFull, window: null, opensAt: null, holders: [] }
  switch (status._tag) {
    case "Permits": {
      const { holders, limit, used } = status
      return { kind: "permits", ...shared, limit: finite(limit), used, holders: refsOf(runtime, holders) }
    }
    case "Rate": {
      const { limit, opensAt, used, window } = status
      return { kind: "rate", ...shared, limit, used, window, opensAt: Option.getOrNull(opensAt) }
    }
    case "Hold":
      return { kind: "hold", ...shared, limit: null, used: null, opensAt: Option.getOrNull(status.opensAt) }
  }
}

const refsOf = ({ payloads }: Runtime, tasks: ReadonlyArray<Task.Any>): ReadonlyArray<TaskRef> =>
  tasks.slice(0, inspection.waits).map((task) => ({
    id: task.id,
    job: bounded(task.job, text.name),
    key: payloads.key(task, task.key)
  }))
