/** Waiting until nothing is live. */
import * as Effect from "effect/Effect"
import { nodeOf } from "../record/currentTask.ts"
import type { BulkEntry } from "../record/cursor.ts"
import type { Machine } from "../record/machine.ts"
import type { Node } from "../record/source.ts"
import type { TaskRecord } from "../record/task.ts"
import { heldUpBy } from "./graph.ts"
import { park } from "./wait.ts"

/** Waits until nothing is live but tasks that drain too, what is above them and what waits for them. */
export const drain = (machine: Machine): Effect.Effect<void> =>
  park({
    reason: "children",
    over: (fiber) => {
      const from = nodeOf(fiber)
      return isOver(machine, from === undefined ? [] : [from, ...inside(machine)]) ? Effect.void : undefined
    },
    attach: (waiter) => machine.drainers.add(waiter),
    detach: (waiter) => machine.drainers.delete(waiter)
  })

/** Wakes those for whom nothing is left, in a turn in which nothing else was left to do. */
export const wakeDrainers = (machine: Machine): void => {
  if (machine.drainers.size === 0) return
  const drainers = inside(machine)
  const over = isOver(machine, drainers)
  const waiters = [...machine.drainers].filter(({ from }) => from === undefined ? isIdle(machine) : over)
  for (const waiter of waiters) machine.drainers.delete(waiter)
  if (waiters.length > 0) machine.tell({ _tag: "wake", waiters })
}

const inside = (machine: Machine): Array<Node> =>
  [...machine.drainers].flatMap(({ from }) => from === undefined ? [] : [from])

const isIdle = ({ cursors, live }: Machine): boolean => live === 0 && cursors.size === 0

/** Whether all that is live waits for these. */
const isOver = (machine: Machine, drainers: ReadonlyArray<Node>): boolean => {
  if (isIdle(machine)) return true
  const held = heldUpBy(drainers).filter((task) => task.machine === machine)
  let count = held.length
  for (const cursor of machine.cursors) {
    if (!isHeldUp(cursor, held)) return false
    count += cursor.counted
  }
  return count >= machine.live
}

/** One that is full goes on when one of its tasks starts, one without items when who dispatches brings more. */
const isHeldUp = (cursor: BulkEntry, held: ReadonlyArray<TaskRecord>): boolean =>
  cursor.isFull
    ? held.filter(({ run }) => run?.rare?.cursor === cursor).length >= cursor.unstarted
    : cursor.lane === undefined && held.some((task) => task === cursor.from)
