import * as Context from "effect/Context"
import type { TaskEvent } from "../../TaskEvent.ts"
import { Listener } from "../record/listener.ts"
import { find } from "../record/lookup.ts"
import type { Machine } from "../record/machine.ts"
import type { TaskRecord } from "../record/task.ts"

/** Everything that has happened in a worker pool, and every dispatch that it accepted. */
export class EventLog extends Listener {
  readonly events: Array<TaskEvent> = []
  /** The task of each dispatch: a joining or reusing one names the same task again. */
  readonly dispatches: Array<TaskRecord> = []
  readonly machine: Machine

  constructor(machine: Machine) {
    super()
    this.machine = machine
    machine.listeners.add(this)
  }

  override get ready(): boolean {
    return true
  }

  override offer(event: TaskEvent): void {
    this.events.push(event)
    if (event._tag === "TaskQueued" || event._tag === "TaskJoined" || event._tag === "TaskReused") {
      this.dispatches.push(find(this.machine, event.taskId)!) // a task that is dispatched is visible
    }
  }
}

/** The proof that a worker pool keeps a log. */
export interface KeepsLog {
  readonly "~effect-tasks/testing/EventLog": EventLog
}

export const EventLogKey = Context.Service<KeepsLog, EventLog>("effect-tasks/testing/EventLog")
