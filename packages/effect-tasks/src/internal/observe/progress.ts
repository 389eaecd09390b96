/** What a running task reports. */
import * as Option from "effect/Option"
import { Progress } from "../record/source.ts"
import { extrasOf, type TaskRecord, touchTask } from "../record/task.ts"
import * as event from "./event.ts"

/** The reports of a task, for a reader. */
export const progressOf = (task: TaskRecord): Progress => {
  const extras = extrasOf(task)
  if (extras.progress === undefined) {
    extras.progress = new Progress()
    extras.progress.ended = task.settled
  }
  return extras.progress
}

export const latestOf = ({ extras }: TaskRecord): Option.Option<unknown> =>
  extras?.progress === undefined || extras.progress.version === 0 ? Option.none() : Option.some(extras.progress.latest)

export const report = (task: TaskRecord, value: unknown): void => {
  const progress = progressOf(task)
  progress.latest = value
  if (progress.version++ === 0) progress.first = value
  task.machine.wakeAll(progress)
  touchTask(task)
  task.machine.emit(event.progressed, task)
}
