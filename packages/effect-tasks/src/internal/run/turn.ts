/** The turn of a machine: deliver what transitions have left, then start whoever is next, one at a time. */
import * as Queue from "effect/Queue"
import { admitNext } from "../dispatch/admission.ts"
import { Cursor } from "../dispatch/cursor.ts"
import { labelOfFailed } from "../observe/label.ts"
import { logUnseen } from "../observe/unseen.ts"
import type { Machine } from "../record/machine.ts"
import type { Message } from "../record/message.ts"
import type { PendingWait, Run } from "../record/run.ts"
import { settle } from "../transition/lifecycle.ts"
import { grant, lendAgain, takeClaimants, takeSlot } from "../transition/slot.ts"
import { cancelPool } from "../transition/stop.ts"
import { releasePool } from "../transition/tickets.ts"
import { wakeDrainers } from "../wait/drain.ts"
import { attemptAgain, startRun } from "./attempt.ts"
import { runEach, runHooks } from "./hooks.ts"

/** How long a turn may hold the thread, in milliseconds. */
const slice = 4
const checkEvery = 32

export const turn = (machine: Machine): void => {
  const end = Date.now() + slice
  machine.timers.age()
  lendAgain(machine)
  for (let steps = 1; step(machine) || machine.tellNews(); steps++) {
    if (steps % checkEvery > 0 || Date.now() <= end) continue
    machine.tellNews()
    return machine.schedule()
  }
  machine.onTurn?.()
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
    deliver(message)
    machine.timers.age()
    return true
  }
  const next = machine.slots.available ? nextRun(machine) : undefined
  if (next instanceof Cursor) {
    next.pull()
    machine.timers.age()
    return true
  }
  if (next !== undefined) {
    give(next)
    if (!next.task.settled) machine.timers.age() // what ends at once has read the clock at its end
    return true
  }
  const admitted = admitNext(machine)
  machine.timers.age() // the dispatcher has gone on
  return admitted
}

const deliver = (message: Message): void => {
  switch (message._tag) {
    case "wake":
      for (const waiter of message.waiters) waiter.wake()
      return
    case "goOn":
      return goOn(message.run, message.waits)
    case "interrupt":
      return message.runs.forEach(interrupt)
    case "cancel":
      return cancelPool(message.pool, message.reason)
    case "attempt":
      return attemptAgain(message.run, message.failed)
    case "hooks":
      return runHooks(message.run.task, () => settle(message.run))
    case "finalizers": {
      const { pool } = message
      return runEach(pool.machine, () => pool.finalizers.shift(), () => releasePool(pool))
    }
    case "label":
      labelOfFailed(message.failed)
      return
    case "unseen":
      return logUnseen(message.task)
    case "close":
      return closeIterator(message.items)
    case "shutdown":
      Queue.shutdownUnsafe(message.inbox)
      return
    case "admit":
      for (const dispatch of message.dispatches) dispatch.admit(false)
  }
}

/** As a loop that breaks does: it is the user's, and nobody is left to tell what it throws. */
const closeIterator = (items: Iterator<unknown>): void => {
  try {
    items.return?.()
  } catch {}
}

const goOn = (run: Run, waits: ReadonlyArray<PendingWait>): void => {
  for (const wait of waits) wait.goOn()
  if (run.waiting!.waits.size === 0 || run.task.state !== "Running") return
  run.task.machine.granted.push(run)
  run.task.machine.schedule()
}

/** Those that stood in line for a slot, then the handler, then its fibers that wait. */
const interrupt = ({ execution, waiting }: Run): void => {
  if (waiting !== undefined) { for (const wait of takeClaimants(waiting)) wait.goOn() }
  execution?.fiber?.interruptUnsafe()
  // a stopped wait leaves the set, which iterates on over what is left
  waiting?.waits.forEach((wait) => wait.stop())
}

/** Resuming tasks go before queued ones; a pause holds back first starts only. */
const nextRun = (machine: Machine): Run | Cursor | undefined =>
  // nothing else is ever added to these queues
  (machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek())) as Run | Cursor | undefined

/** Gives a task its slot: it starts, or goes on from where it slept. */
export const give = (run: Run): void => {
  const { machine, state } = run.task
  const resumes = state === "Sleeping"
  const queue = resumes ? machine.resuming : machine.ready
  takeSlot(run)
  queue.remove(run)
  if (resumes) grant(run)
  else startRun(run)
}
