/** What a running task reports. */
import * as Option from "effect/Option"
import { Progress, type TaskRecord } from "./records.ts"
import * as told from "./told.ts"

/** The reports of a task, for a reader. */
export const progressOf = (task: TaskRecord): Progress => {
  if (task.progress === undefined) {
    task.progress = new Progress()
    task.progress.ended = task.settled
  }
  return task.progress
}

export const latestOf = ({ progress }: TaskRecord): Option.Option<unknown> =>
  progress === undefined || progress.version === 0 ? Option.none() : Option.some(progress.latest)

export const report = (task: TaskRecord, value: unknown): void => {
  const progress = progressOf(task)
  progress.latest = value
  if (progress.version++ === 0) progress.first = value
  task.machine.wakeAll(progress)
  task.machine.emit(told.progressed, task)
}
