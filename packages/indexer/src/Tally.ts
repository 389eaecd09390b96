/**
 * Counts a run from the events of its worker pool.
 */
import type { Job, TaskEvent } from "effect-tasks"
import { IndexFile, MakeThumbnail, ScanFolder } from "./Jobs.ts"
import type { JobCounts, ViewState } from "./TerminalView.ts"

export interface Tally {
  readonly jobs: Map<string, { -readonly [Count in keyof JobCounts]: JobCounts[Count] }>
  readonly live: Map<string, LiveTask>
  found: number
  bytes: number
  /** The moment when every file was found, and how many were done by then. */
  allFound: { readonly at: number, readonly done: number } | undefined
}

interface LiveTask {
  phase: "queued" | "running" | "waiting"
  since: number
}

export const make = (): Tally => ({
  jobs: new Map([ScanFolder, IndexFile, MakeThumbnail].map(({ tag }) => [
    tag,
    { name: tag, queued: 0, running: 0, waiting: 0, done: 0, failed: 0, canceled: 0 }
  ])),
  live: new Map(),
  found: 0,
  bytes: 0,
  allFound: undefined
})

export const count = (tally: Tally, event: TaskEvent.TaskEvent): void => {
  apply(tally, event)
  if (tally.allFound !== undefined || event._tag === "Missed") return
  const { discovering, done } = overall(tally)
  if (!discovering) tally.allFound = { at: event.at, done }
}

const apply = (tally: Tally, event: TaskEvent.TaskEvent): void => {
  switch (event._tag) {
    case "TaskQueued":
      return enter(tally, event, "queued")
    case "TaskStarted":
    case "TaskResumed":
      return enter(tally, event, "running")
    case "TaskSlept":
      return enter(tally, event, "waiting")
    case "TaskProgressed":
      return add(tally, event)
    case "TaskExited":
      return exit(tally, event)
  }
}

/** How far the run is, in files. */
export const overall = (tally: Tally): Pick<ViewState, "discovering" | "total" | "done" | "bytes"> => {
  const scans = tally.jobs.get(ScanFolder.tag)!
  const files = tally.jobs.get(IndexFile.tag)!
  const scansSoFar = scans.queued + scans.running + scans.waiting + scans.done + scans.failed + scans.canceled
  return {
    discovering: scansSoFar === 0 || scans.queued + scans.running > 0,
    total: tally.found,
    done: files.done + files.failed,
    bytes: tally.bytes
  }
}

interface OfTask {
  readonly taskId: string
  readonly job: string
  readonly at: number
}

const enter = (tally: Tally, task: OfTask, phase: LiveTask["phase"]): void => {
  leave(tally, task)
  tally.jobs.get(task.job)![phase]++
  tally.live.set(task.taskId, { phase, since: task.at })
}

const leave = (tally: Tally, { taskId, job }: OfTask): void => {
  const before = tally.live.get(taskId)
  if (before === undefined) return
  tally.jobs.get(job)![before.phase]--
  tally.live.delete(taskId)
}

const exit = (tally: Tally, event: typeof TaskEvent.TaskExited.Type): void => {
  leave(tally, event)
  if (event.exitStatus === "success") tally.jobs.get(event.job)!.done++
  if (event.exitStatus === "error") tally.jobs.get(event.job)!.failed++
  if (event.exitStatus === "canceled") tally.jobs.get(event.job)!.canceled++
}

const add = (tally: Tally, { job, progress }: typeof TaskEvent.TaskProgressed.Type): void => {
  if (job === ScanFolder.tag) tally.found += (progress as Job.Progress<typeof ScanFolder>).files
  if (job === IndexFile.tag) tally.bytes += (progress as Job.Progress<typeof IndexFile>).bytes
}
