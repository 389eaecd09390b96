/** Starting the queued tasks of a paused machine, when a test says so. */
import * as Effect from "effect/Effect"
import { Cursor } from "../dispatch/cursor.ts"
import type { Machine } from "../record/machine.ts"
import type { Run } from "../record/run.ts"
import type { TaskRecord } from "../record/task.ts"
import { give, turn } from "../run/turn.ts"
import type { EventLog } from "./eventLog.ts"
import { quiet, somethingHappens } from "./waits.ts"

/** Starts the task that is next, if a slot is free for it. Those that resume get theirs first. */
export const start = ({ machine }: EventLog): TaskRecord | undefined => {
  turn(machine)
  const next = machine.slots.available ? nextRun(machine) : undefined
  if (next !== undefined) give(next)
  return next?.task
}

/** Cursors before it make their tasks. */
const nextRun = (machine: Machine): Run | undefined => {
  let next = machine.ready.peek()
  for (; next instanceof Cursor; next = machine.ready.peek()) next.pull()
  return next as Run | undefined // nothing else is in the queue
}

/**
 * Goes on until the condition holds or nothing more can happen: tasks that wait for time stay where they are. Other tasks
 * start as slots are free (`eager`), or only when nothing else can go on.
 */
export const runUntil = (
  log: EventLog,
  done: () => boolean,
  eager: boolean
): Effect.Effect<ReadonlyArray<TaskRecord>> =>
  Effect.gen(function*() {
    const started: Array<TaskRecord> = []
    while (true) {
      yield* quiet
      if (done()) return started
      const next = eager || active(log.machine) === 0 ? start(log) : undefined
      if (next !== undefined) started.push(next)
      else if (active(log.machine) === 0 || !(yield* somethingHappens(log))) return started
    }
  })

/** How many tasks run, or their hooks do. */
const active = ({ counts, live }: Machine): number => live - counts.queued - counts.sleeping
