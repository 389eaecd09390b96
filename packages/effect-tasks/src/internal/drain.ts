/** Waiting until nothing is live. */
import * as Effect from "effect/Effect"
import type { Machine } from "./machine.ts"
import { nodeOf } from "./place.ts"
import type { PoolRecord, TaskRecord, Waiter } from "./records.ts"
import { heldUpBy } from "./ring.ts"
import { park } from "./waiting.ts"

/** Waits until nothing is live but tasks that drain too, what is above them and what waits for them. */
export const drain = (machine: Machine): Effect.Effect<void> =>
  park({
    reason: "children",
    over: (fiber) => isOver(machine, [nodeOf(fiber), ...inside(machine)]) ? Effect.void : undefined,
    attach: (waiter) => machine.drainers.add(waiter),
    detach: (waiter) => machine.drainers.delete(waiter)
  })

/** Wakes those for whom nothing is left, in a turn in which nothing else was left to do. */
export const wakeDrainers = (machine: Machine): void => {
  if (machine.drainers.size === 0) return
  const over = isOver(machine, inside(machine))
  for (const waiter of machine.drainers) {
    if (!(over && (waiter.from !== undefined || machine.live === 0))) continue
    machine.drainers.delete(waiter)
    machine.tell(() => waiter.wake())
  }
}

type Node = NonNullable<Waiter["from"]>

const inside = (machine: Machine): Array<Node> =>
  [...machine.drainers].flatMap(({ from }) => from === undefined ? [] : [from])

const isOver = (machine: Machine, drainers: ReadonlyArray<TaskRecord | PoolRecord | undefined>): boolean => {
  if (machine.live === 0) return true
  const nodes = drainers.filter((node) => node !== undefined)
  return heldUpBy(nodes).filter((task) => task.machine === machine).length >= machine.live
}
