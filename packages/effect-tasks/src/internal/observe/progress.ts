/** What a running task reports. */
import * as Option from "effect/Option"
import { progressOf, type TaskRecord, touchTask } from "../record/task.ts"
import * as event from "./event.ts"

export const latestOf = ({ extras }: TaskRecord): Option.Option<unknown> =>
  extras?.progress === undefined || extras.progress.version === 0 ? Option.none() : Option.some(extras.progress.latest)

export const report = (task: TaskRecord, value: unknown): void => {
  const progress = progressOf(task)
  progress.latest = value
  if (progress.version++ === 0) progress.first = value
  task.machine.wakeAll(progress)
  touchTask(task)
  task.machine.emit(event.progressed, task, value)
}
