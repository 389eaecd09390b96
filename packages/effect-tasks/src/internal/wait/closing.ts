/** Stopping and waiting until all has stopped: never for what waits for the caller. */
import * as Effect from "effect/Effect"
import type { WaitingFor } from "../../Task.ts"
import type { Deadline } from "../queue/timers.ts"
import { nodeOf } from "../record/currentTask.ts"
import type { Machine } from "../record/machine.ts"
import { PoolRecord, runsOf } from "../record/pool.ts"
import type { Execution, Run } from "../record/run.ts"
import type { Node } from "../record/source.ts"
import { countsOf } from "../transition/rollUp.ts"
import { cancelPool, cancelPools, stopTask } from "../transition/stop.ts"
import { letGo, ticketOf } from "../transition/tickets.ts"
import { dependents } from "./graph.ts"
import { park, until } from "./wait.ts"

/** Cancels a task here and now; the effect waits until it has stopped. */
export const cancelTask = (run: Run, reason: string | undefined, closing = false): Effect.Effect<void> => {
  if (run.task.state === "Exited") return Effect.void
  stopTask(run, { _tag: "cancel", reason })
  return awaitTask(run, { reason: "task", closing })
}

/** Cancels a pool at once, then waits until all of it has stopped. */
export const stopAndAwait = (pool: PoolRecord, reason: string | undefined, closing = false): Effect.Effect<void> =>
  Effect.suspend(() => {
    cancelPool(pool, reason)
    const wait = { reason: "children", closing: closing && pool } as const
    if (pool.isGlobal) return awaitEach(pool, wait)
    return until(pool, {
      ...wait,
      instead: (dependents, from) => {
        if (closing && isSelfContained(pool, from)) return undefined
        if (closing && cutOff(pool, from, dependents(), reason)) return stopAndAwait(pool, reason, closing)
        if (pool.ready) return Effect.void
        return isHeldUp(pool, dependents()) ? awaitEach(pool, wait) : undefined
      }
    })
  })

/** Ends a pool with its Scope or its task. */
export const closePool = (pool: PoolRecord, reason: string): Effect.Effect<void> =>
  Effect.suspend(() => (pool.released ? Effect.void : stopAndAwait(pool, reason, true)))

interface Awaiting {
  readonly reason: WaitingFor
  readonly closing: PoolRecord | boolean
}

const awaitTask = ({ task }: Run, wait: Awaiting): Effect.Effect<void> =>
  until(task, { ...wait, instead: (dependents) => dependents().has(task) ? Effect.void : undefined })

/** Waits for each task that has been stopped, or ends by itself. */
const awaitEach = (pool: PoolRecord, wait: Awaiting): Effect.Effect<void> =>
  Effect.suspend(() => {
    const stopped = runsOf(pool).filter(({ marked, task }) => marked || task.state === "Stopping")
    return Effect.forEach(stopped, (run) => awaitTask(run, wait), { discard: true })
  })

/** Whether what is left of a cancelled pool, which its maker closes, can wait for nobody but what is below it. */
const isSelfContained = (pool: PoolRecord, from: Node | undefined): boolean => {
  const { machine: { lateWaits, sharedTickets }, maker } = pool
  return maker !== undefined && maker === from && lateWaits === 0 && sharedTickets === 0 &&
    countsOf(pool).sleeping === 0
}

/** Whether this cannot end before one of those has. */
const isHeldUp = (node: Node, dependents: ReadonlySet<Node>): boolean =>
  dependents.has(node) || (node instanceof PoolRecord && runsOf(node).some(({ task }) => dependents.has(task)))

/**
 * A closing cannot wait for tasks of its pool that wait for the closer. A cancel leaves those alone whose verdict has
 * fallen: it ends their waits (then look again); what cannot be ended the pool lets go of.
 */
const cutOff = (
  pool: PoolRecord,
  closer: Node | undefined,
  dependents: ReadonlySet<Node>,
  reason: string | undefined
): boolean => {
  const held = runsOf(pool).filter(({ task }) => dependents.has(task))
  const byResult = held.filter(({ marked, task, waiting }) =>
    !marked && task.state === "Stopping" && task !== closer &&
    [...waiting?.waits ?? []].some(({ evenMarked }) => !evenMarked)
  )
  for (const run of byResult) stopTask(run, { _tag: "cancel", reason }, true)
  if (byResult.length > 0) return true
  for (const run of held) letGo(ticketOf(pool, run)!)
  return false
}

/** The pools of a task that have not been closed yet. */
export const openPools = ({ pools }: Execution, closed?: ReadonlySet<PoolRecord>): Array<PoolRecord> =>
  pools === undefined ? [] : [...pools].filter((pool) => closed?.has(pool) !== true)

/** Ends all pools of a task; each once, though one whose tasks wait for this very task may last. */
export const closePools = (execution: Execution, reason: string, closed: Set<PoolRecord>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const open = openPools(execution, closed)
    if (open.length === 0) return Effect.void
    for (const pool of open) closed.add(pool)
    cancelPools(open, reason)
    const all = Effect.forEach(open, (pool) => closePool(pool, reason), { discard: true })
    return Effect.andThen(all, closePools(execution, reason, closed))
  })

/** Waits until nothing is left but what waits for the caller, or the time is up; whether the former. */
export const awaitAll = (
  machine: Machine,
  live: () => ReadonlyArray<Node>,
  millis: number
): Effect.Effect<boolean> =>
  Effect.withFiber((fiber) => {
    const end = machine.timers.ticks() + millis
    const waiting = () => dependents(nodeOf(fiber))
    const round: Effect.Effect<boolean> = Effect.suspend(() => {
      const seen = waiting()
      const left = live().filter((node) => !node.ready && !isHeldUp(node, seen))
      if (left.length === 0) return Effect.succeed(true)
      if (machine.timers.ticks() >= end) return Effect.succeed(false)
      // looks again when all that it saw have ended: others may have come
      const all = Effect.forEach(left, (node) => awaitUntil(machine, node, end, waiting), { discard: true })
      return Effect.andThen(all, round)
    })
    return round
  })

const awaitUntil = (
  machine: Machine,
  node: Node,
  end: number,
  waiting: () => ReadonlySet<Node>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { timers } = machine
    let deadline: Deadline | undefined
    return park({
      reason: node instanceof PoolRecord ? "children" : "task",
      closing: true,
      over: () => node.ready || timers.ticks() >= end || isHeldUp(node, waiting()) ? Effect.void : undefined,
      attach: (waiter) => {
        ;(node.waiters ??= new Set()).add(waiter)
        deadline = timers.set(end - timers.ticks(), () => machine.tell({ _tag: "wake", waiters: [waiter] }))
      },
      detach: (waiter) => {
        node.waiters?.delete(waiter)
        timers.clear(deadline!)
      }
    })
  })
