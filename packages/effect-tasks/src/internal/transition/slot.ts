/**
 * Slots and waiting. A task that waits lends its slot; a slot is the right to go on from a wait.
 *
 * What a task has once it has waited: `waits`, its fibers that wait, and `claimants`, its fibers whose wait has ended and
 * that go on as soon as the task may. Its state, and whether it stands in `machine.resuming` (it claims), say the rest:
 *
 *   | where              | slot | what happens                                   | then                                      |
 *   | ------------------ | ---- | ---------------------------------------------- | ----------------------------------------- |
 *   | Running            | yes  | a wait begins                                  | Sleeping: slot and permits are lent       |
 *   |                    |      | a wait ends                                    | its fiber goes on                         |
 *   |                    |      | the turn after a grant, some of its waits last | Sleeping: slot and permits are lent again |
 *   |                    |      | the verdict falls                              | Stopping: with waits the slot is released |
 *   | Sleeping           | no   | a wait begins                                  | -                                         |
 *   |                    |      | a wait ends                                    | Sleeping, claiming                        |
 *   |                    |      | the verdict falls                              | Stopping                                  |
 *   | Sleeping, claiming | no   | a wait begins                                  | -                                         |
 *   |                    |      | a wait ends                                    | its fiber stands behind the same claim    |
 *   |                    |      | the turn grants slot and permits               | Running: all claimants go on together     |
 *   |                    |      | the verdict falls                              | Stopping: no claim, all claimants go on   |
 *   | Stopping           | y/n  | a wait begins                                  | the slot, if any, is released for good    |
 *   | Stopping, Exited   |      | a wait ends                                    | its fiber goes on                         |
 *
 * "A wait ends": what it waited for is ready, or its fiber was interrupted. Fibers go on in the turn alone.
 */
import type { WaitingFor } from "../../Task.ts"
import * as event from "../observe/event.ts"
import type { Limits } from "../queue/limits.ts"
import type { Machine } from "../record/machine.ts"
import { Execution, type PendingWait, type Run, type Waiting, waitingOf } from "../record/run.ts"
import { extrasOf, touchTask } from "../record/task.ts"
import { transition } from "./counting.ts"

/** A task gets its slot, and takes from all limits of the lane in which it stands. */
export const takeSlot = (run: Run): Execution => {
  const { task } = run
  const execution = run.execution ??= new Execution()
  execution.slot = task.worker = task.machine.slots.take()
  const limits = run.lane!.limits
  if (limits !== undefined) {
    if (limits.isTimed) execution.takenAt = task.machine.timers.moment()
    limits.take(execution.takenAt)
  }
  return execution
}

/** Gives the slot, and what it holds of its limits, to others. */
export const releaseSlot = (run: Run): void => {
  const { execution } = run
  if (execution === undefined || execution.slot < 0) return
  const { machine } = run.task
  machine.slots.release(execution.slot)
  execution.slot = -1
  if (run.task.state !== "Exited") run.task.worker = undefined
  run.limits?.held?.release()
  machine.schedule()
}

/** A fiber of the task waits. */
export const beginWait = (run: Run, wait: PendingWait): void => {
  waitingOf(run).waits.add(wait)
  lend(run, wait.reason)
}

/** Its wait has ended; whether the fiber may go on at once. */
export const endWait = (run: Run, wait: PendingWait): boolean => {
  const waiting = run.waiting! // it has waited
  waiting.waits.delete(wait)
  if (run.task.state !== "Sleeping") return true
  claim(run, waiting, wait)
  return false
}

const claim = (run: Run, waiting: Waiting, wait: PendingWait): void => {
  const { machine } = run.task
  waiting.claimants.push(wait)
  if (run.lane === undefined) run.order = machine.nextOrder()
  else if (!wait.starts) return
  else machine.resuming.remove(run)
  machine.resuming.add(run, run.task.priority, run.task.pool.depth, neededBy(run))
  touchTask(run.task)
  machine.schedule()
}

/** What a task in a queue needs beside a slot: another attempt as much as the first start. */
export const neededBy = ({ limits, task, waiting }: Run): Limits | undefined =>
  task.state === "Queued" || waiting?.claimants.some(({ starts }) => starts) ? limits : limits?.held

/** A claiming task has its slot. */
export const grant = (run: Run): void => {
  const { task } = run
  const waiting = run.waiting! // it has waited
  const news = isNews(waiting)
  task.machine.inStep++
  wakeUp(run, waiting)
  transition(run, "Running", news)
  task.machine.emit(event.resumed, task, task.worker!, undefined, news) // it has its slot
  goOn(run, waiting)
  task.machine.inStep--
}

/** The verdict has fallen, from this state: no wait of the task needs a slot any more. */
export const endClaim = (run: Run, slept: boolean): void => {
  const { machine } = run.task
  const { waiting } = run
  if (waiting === undefined) return
  if (slept) wakeUp(run, waiting)
  if (run.lane !== undefined) machine.resuming.remove(run)
  if (waiting.waits.size > 0) releaseSlot(run)
  if (run.marked) return // a stop ends them all
  if (waiting.claimants.length > 0) goOn(run, waiting)
  waiting.waits.forEach((wait) => wait.outlast())
}

/** All fibers that stand behind the claim go on together. */
const goOn = (run: Run, waiting: Waiting): void => {
  run.task.machine.tell({ _tag: "goOn", run, waits: takeClaimants(waiting) })
}

export const takeClaimants = (waiting: Waiting): ReadonlyArray<PendingWait> => {
  const { claimants } = waiting
  waiting.claimants = []
  return claimants
}

/** Those that went on in the last turn have ended or suspended: their tasks sleep on with the fibers that still wait. */
export const lendAgain = (machine: Machine): void => {
  if (machine.granted.length === 0) return
  for (const run of machine.granted.splice(0)) {
    const [pending] = run.waiting!.waits
    if (pending !== undefined && run.task.state === "Running") lend(run, pending.reason)
  }
}

const lend = (run: Run, reason: WaitingFor): void => {
  const { task } = run
  if (task.state === "Running") {
    const waiting = run.waiting! // it waits
    const news = isNews(waiting)
    task.machine.inStep++
    waiting.since = task.machine.timers.now()
    transition(run, "Sleeping", news)
    releaseSlot(run)
    task.machine.emit(event.slept, task, reason, waiting.since, news)
    task.machine.inStep--
  } else if (task.state === "Stopping") {
    releaseSlot(run)
  }
}

const wakeUp = ({ task }: Run, { since }: Waiting): void => {
  extrasOf(task).slept += Math.max(0, task.machine.timers.now() - since)
}

/** That a reader falls asleep or wakes is no news to readers. */
const isNews = ({ reading }: Waiting): boolean => reading === 0
