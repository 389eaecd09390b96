/** Why a task does not run: what it stands behind, and whom it waits for. */
import * as Option from "effect/Option"
import type { Explanation, LimitStatus } from "../../WorkerPool.ts"
import { type Limit, Permits } from "../queue/limit.ts"
import { Hold, Rate } from "../queue/rate.ts"
import { unsettled } from "../record/lookup.ts"
import { handleOf, PoolRecord } from "../record/pool.ts"
import type { Run } from "../record/run.ts"
import type { Node } from "../record/source.ts"
import type { TaskRecord } from "../record/task.ts"
import { statusOf, toTask } from "./task.ts"

const most = 100

export const explain = (task: TaskRecord): Explanation => {
  const { run } = task
  const targets = run === undefined ? [] : targetsOf(run)
  return {
    task: toTask(task),
    status: statusOf(task),
    place: Option.fromUndefinedOr(run?.lane?.queue.placeOf(run)),
    limits: run === undefined ? [] : limitsOf(run).map((limit) => limitStatus(task, limit)),
    tasks: targets.filter((node): node is TaskRecord => !(node instanceof PoolRecord)).map(toTask),
    pools: targets.filter((node) => node instanceof PoolRecord).map(handleOf),
    paused: {
      workerPool: task.machine.paused,
      job: task.job.hold?.hasRoom === false,
      key: run !== undefined && limitsOf(run).some((limit) => limit instanceof Rate && limit.waitingFor === "paused")
    }
  }
}

const limitsOf = ({ limits }: Run): ReadonlyArray<Limit> => limits?.all ?? []

/** The tasks of its key before it, else what its fibers wait for. */
const targetsOf = (run: Run): ReadonlyArray<Node> => {
  const { rare, task, waiting } = run
  if (task.state === "Queued") {
    const behind = [...rare?.keyPlace?.queue.backwards() ?? []].map((each) => each.task)
    return behind.slice(behind.indexOf(task) + 1, most).toReversed()
  }
  const targets = Array.from(waiting?.waits ?? [], ({ target }) => target)
  return [...new Set(targets.filter((node) => node !== undefined))].slice(0, most)
}

const limitStatus = ({ machine }: TaskRecord, limit: Limit): LimitStatus => {
  const shared = { isFull: !limit.hasRoom, waitingFor: limit.waitingFor }
  if (limit instanceof Permits) {
    const holders = unsettled(machine).filter(({ run }) => holds(run, limit)).slice(0, most).map(toTask)
    return { _tag: "Permits", ...shared, limit: limit.limit, used: limit.taken, holders }
  }
  const { timers } = machine
  const opensAt = limit instanceof Hold && shared.isFull && limit.opensAt < Infinity
    ? Option.some(timers.date() + limit.opensAt - timers.moment())
    : Option.none()
  return limit instanceof Rate
    ? { _tag: "Rate", ...shared, limit: limit.limit, window: limit.window, used: limit.used, opensAt }
    : { _tag: "Hold", ...shared, opensAt }
}

const holds = (run: Run | undefined, limit: Limit): boolean =>
  run !== undefined && (run.execution?.slot ?? -1) >= 0 && run.limits?.held?.all.includes(limit) === true
