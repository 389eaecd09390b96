/** The turn of a machine: tell what has happened, then start whoever is next, one at a time. */
import { wakeDrainers } from "./drain.ts"
import type { Machine } from "./machine.ts"
import type { Run } from "./records.ts"
import { give } from "./run.ts"
import { reclaim } from "./waiting.ts"

/** How long a turn may hold the thread, in milliseconds. */
const slice = 8
const checkEvery = 32

export const turn = (machine: Machine): void => {
  const end = Date.now() + slice
  for (let steps = 1; step(machine) || machine.tellNews(); steps++) {
    if (steps % checkEvery > 0 || Date.now() <= end) continue
    machine.tellNews()
    return machine.schedule()
  }
  watch(machine)
  machine.timers.sweep()
  wakeDrainers(machine)
}

/** Few enough for the buffer of a listener, and enough that waking it costs little. */
const mostUntold = 256

const step = (machine: Machine): boolean => {
  if (machine.untold > mostUntold) machine.tellNews()
  const message = machine.nextMessage()
  if (message !== undefined) {
    machine.tellNews() // who waits for a task goes on after those who read of its end
    message()
    return true
  }
  const next = machine.slots.available ? nextRun(machine) : undefined
  if (next !== undefined) {
    give(next)
    return true
  }
  return machine.admission.admitNext()
}

/** How long the awake fibers of a task hang before it lends the slot that others need, in milliseconds. */
const patience = 100

const watch = (machine: Machine): void => {
  const { timers } = machine
  const needed = machine.halfAsleep.size > 0 && !machine.slots.available && inNeed(machine)
  if (needed) {
    machine.watch ??= timers.set(patience, () => {
      machine.watch = undefined
      reclaim(machine)
      machine.schedule()
    })
  } else if (machine.watch !== undefined) {
    timers.clear(machine.watch)
    machine.watch = undefined
  }
}

const inNeed = ({ paused, ready, resuming }: Machine): boolean =>
  resuming.startable > 0 || (!paused && ready.startable > 0)

/** Resuming tasks go before queued ones; a pause holds back first starts only. */
const nextRun = (machine: Machine): Run | undefined =>
  // only runs are ever added to these queues
  (machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek())) as Run | undefined
