import * as Context from "effect/Context"
import type { TaskEvent } from "../../TaskEvent.ts"
import * as event from "../observe/event.ts"
import { Listener, type MakeEvent } from "../record/listener.ts"
import type { Machine } from "../record/machine.ts"
import type { TaskRecord } from "../record/task.ts"

/** Everything that has happened in a worker pool, and every dispatch that it accepted. */
export class EventLog extends Listener {
  private readonly taken: Array<TaskEvent> = []
  /** The task of each dispatch: a joining or reusing one names the same task again. */
  readonly dispatches: Array<TaskRecord> = []
  readonly machine: Machine

  constructor(machine: Machine) {
    super(Infinity)
    this.machine = machine
    machine.listeners.add(this)
  }

  get events(): ReadonlyArray<TaskEvent> {
    this.taken.push(...this.takeAll())
    return this.taken
  }

  override get ready(): boolean {
    return true
  }

  override offer<A, B>(
    make: MakeEvent<A, B>,
    subject: A & TaskRecord,
    ...rest: [seq: number, moment: number, detail: B, news: boolean]
  ): void {
    super.offer(make, subject, ...rest)
    if (dispatches.has(make)) this.dispatches.push(subject)
  }
}

const dispatches = new Set<unknown>([event.queued, event.joined, event.reused])

/** The proof that a worker pool keeps a log. */
export interface KeepsLog {
  readonly "~effect-tasks/testing/EventLog": EventLog
}

export const EventLogKey = Context.Service<KeepsLog, EventLog>("effect-tasks/testing/EventLog")
