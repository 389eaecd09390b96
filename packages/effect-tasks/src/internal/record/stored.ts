/** The part of a task whose job has a backend: see `Backend.ts`. */
import * as Option from "effect/Option"
import type { Placed, Stop, StoredTask } from "../../Backend.ts"
import type { TaskRecord, Verdict } from "./task.ts"

export class Stored implements StoredTask {
  readonly id: string
  readonly task: TaskRecord
  restarts: number
  here: boolean
  /** Whether its outcome is on the way to the store. */
  recording = false

  constructor(task: TaskRecord, { here, id, restarts }: Placed) {
    this.task = task
    this.id = id
    this.here = here
    this.restarts = restarts
  }

  get job(): string {
    return this.task.job.tag
  }

  get key(): string | undefined {
    return this.task.key
  }

  get payload(): unknown {
    return this.task.payload
  }

  get attempt(): number {
    return this.task.attempt
  }

  get stop(): Stop | undefined {
    return this.task.run?.stop
  }

  get isStopping(): boolean {
    return this.recording || this.task.state === "Stopping" || this.hasEnded
  }

  get outcome(): Verdict | undefined {
    return this.task.verdict
  }

  get hasStarted(): boolean {
    return this.task.startedAt !== undefined
  }

  get hasEnded(): boolean {
    return this.task.state === "Exited"
  }

  get progress(): Option.Option<unknown> {
    const progress = this.task.extras?.progress
    return progress === undefined || progress.version === 0 ? Option.none() : Option.some(progress.latest)
  }
}

/** Whether somebody else runs the task. */
export const isParked = ({ extras }: TaskRecord): boolean => extras?.stored?.here === false
