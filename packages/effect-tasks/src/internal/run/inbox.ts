/** Messages to a running task. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { nodeOf } from "../record/currentTask.ts"
import type { Waiter } from "../record/source.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"
import { checkRing } from "../wait/graph.ts"
import { park } from "../wait/wait.ts"

const capacity = 16

export const inboxOf = (task: TaskRecord): Queue.Queue<any> => extrasOf(task).inbox ??= makeInbox(task)

const makeInbox = ({ state }: TaskRecord): Queue.Queue<any> => {
  const inbox = Effect.runSync(Queue.bounded<any>(capacity))
  // whoever carries the context of an ended task would wait forever
  if (state === "Exited") Queue.shutdownUnsafe(inbox)
  return inbox
}

/** Whether the task took the message; suspends while its inbox is full, which is a wait for the task. */
export const send = (task: TaskRecord, message: unknown): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const inbox = inboxOf(task)
    return Queue.offerUnsafe(inbox, message) ? Effect.succeed(true) : offer(task, inbox, message)
  })

const offer = (task: TaskRecord, inbox: Queue.Queue<any>, message: unknown): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const { machine } = task
    // in a fiber of the library: a cancel ends the wait where the sender's interruption is masked, too
    let offering: Fiber.Fiber<boolean> | undefined
    let edge: Waiter | undefined
    const taken = (): boolean => {
      const exit = offering?.pollUnsafe()
      return exit !== undefined && Exit.isSuccess(exit) && exit.value
    }
    const wait = park({
      reason: "task",
      target: task,
      over: (fiber) => {
        const ring = checkRing(nodeOf(fiber), task)
        return ring === undefined ? undefined : Effect.die(ring)
      },
      attach: (waiter) => {
        edge = { from: waiter.from, wake: () => {} } // the end of the task ends the offer
        ;(task.waiters ??= new Set()).add(edge)
        offering = machine.fork(Queue.offer(inbox, message))
        offering.addObserver(() => machine.tell({ _tag: "wake", waiters: [waiter] }))
      },
      detach: () => {
        task.waiters?.delete(edge!)
        offering?.interruptUnsafe()
      }
    })
    return Effect.map(wait, taken)
  })
