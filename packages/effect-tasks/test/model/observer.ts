/** What must hold after every event, whatever the program: told from the events alone, without the model. */
import type { TaskEvent } from "effect-tasks"
import { policyOf } from "./jobs.ts"
import type { JobName } from "./jobs.ts"

const next: Readonly<Record<string, ReadonlyArray<string>>> = {
  TaskQueued: ["TaskStarted", "TaskExited"],
  TaskStarted: ["TaskSlept", "TaskStopping"],
  TaskResumed: ["TaskSlept", "TaskStopping"],
  TaskSlept: ["TaskResumed", "TaskStopping"],
  TaskStopping: ["TaskExited"],
  TaskExited: []
}

export class Observer {
  private workers: number
  private seq = 0
  private readonly last = new Map<string, string>()
  private readonly working = new Map<string, number>()
  private readonly pools = new Map<string, string>()
  /** The key of a task, for the jobs that are unique. */
  private readonly keyOf: (taskId: string) => string | undefined

  constructor(workers: number, keyOf: (taskId: string) => string | undefined) {
    this.workers = workers
    this.keyOf = keyOf
  }

  /** What is wrong with this event. */
  see(event: TaskEvent.TaskEvent): string | undefined {
    if (event._tag === "Missed") return "events were missed"
    if (event.seq <= this.seq) return `seq went from ${this.seq} to ${event.seq}`
    this.seq = event.seq
    if (event._tag === "WorkersChanged") this.workers = event.workers
    else if (event._tag === "PoolOpened" || event._tag === "PoolSealed" || event._tag === "PoolDone") {
      return this.pool(event)
    } else if (event._tag in next) return this.task(event)
    return undefined
  }

  private task(event: Extract<TaskEvent.TaskEvent, { readonly taskId: string }>): string | undefined {
    const { _tag, taskId } = event
    const before = this.last.get(taskId)
    const isLegal = before === undefined ? _tag === "TaskQueued" : next[before]!.includes(_tag)
    if (!isLegal) return `${taskId}: ${_tag} after ${before}`
    this.last.set(taskId, _tag)
    if (_tag === "TaskStarted" || _tag === "TaskResumed") return this.starts(event, event.worker)
    // a stopping task may give its slot away unseen, so it counts no longer
    if (_tag !== "TaskQueued") this.working.delete(taskId)
    return undefined
  }

  private starts(
    { job, taskId }: { readonly job: string, readonly taskId: string },
    worker: number
  ): string | undefined {
    if (this.working.size >= this.workers) return `${taskId} runs beside ${[...this.working.keys()].join(", ")}`
    if ([...this.working.values()].includes(worker)) return `${taskId} got worker ${worker}, which is taken`
    this.working.set(taskId, worker)
    if (policyOf(job as JobName).unique === undefined) return undefined
    const key = this.keyOf(taskId)
    const twin = [...this.last].find(([other, state]) =>
      other !== taskId && state !== "TaskQueued" && state !== "TaskExited" && other.startsWith(`${job}-`) &&
      this.keyOf(other) === key
    )
    return twin && `${taskId} and ${twin[0]} have the same key and run at once`
  }

  private pool(
    { _tag, poolId }: Extract<TaskEvent.TaskEvent, { readonly _tag: "PoolOpened" | "PoolSealed" | "PoolDone" }>
  ): string | undefined {
    const before = this.pools.get(poolId)
    this.pools.set(poolId, _tag)
    const isLegal = _tag === "PoolOpened" ? before === undefined : before !== undefined && before !== "PoolDone"
    return isLegal ? undefined : `${poolId}: ${_tag} after ${before}`
  }
}
