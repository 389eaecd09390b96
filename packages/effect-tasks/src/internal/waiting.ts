/**
 * Waiting. A task that waits lends its slot and claims one before it goes on; everything in this library that can
 * suspend goes through here.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { WaitCycle } from "../TaskError.ts"
import { transition } from "./counting.ts"
import type { Machine } from "./machine.ts"
import type { WaitingFor } from "./model.ts"
import { nodeOf, runOf, sleeperOf } from "./place.ts"
import {
  type Claimant,
  type PoolRecord,
  type Run,
  type Source,
  type Stoppable,
  type TaskRecord,
  type Waiter,
  Waiting
} from "./records.ts"
import { checkRing, dependents } from "./ring.ts"
import * as told from "./told.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

const interrupted = Exit.failCause(Cause.interrupt())

/** Gives the slot, and the permit with it, to others. */
export const releaseSlot = (run: Run): void => {
  const { execution } = run
  if (execution === undefined || execution.slot < 0) return
  const { machine } = run.task
  machine.slots.release(execution.slot)
  execution.slot = -1
  if (run.task.state !== "Exited") run.task.worker = undefined
  run.gate?.release()
  machine.schedule()
}

const lend = (run: Run, waiting: Waiting, reason: WaitingFor): void => {
  const { task } = run
  if (task.state === "Running") {
    waiting.for = reason
    transition(run, "Sleeping")
    releaseSlot(run)
    task.machine.emit(told.slept, task, reason)
  } else if (task.state === "Stopping") {
    releaseSlot(run)
  }
}

/** Goes on with a slot: at once, unless the task sleeps. */
const claim = (run: Run, claimant: Claimant): void => {
  if (run.task.state !== "Sleeping") return claimant.proceed()
  const waiting = run.waiting! // it sleeps
  waiting.claimants.push(claimant)
  if (waiting.claiming) return
  waiting.claiming = true
  const { machine } = run.task
  run.order = machine.nextOrder()
  machine.resuming.add(run, run.task.priority, run.task.pool.depth)
  machine.schedule()
}

/** The pump gives a claiming task its slot. */
export const grant = (run: Run, waiting: Waiting): void => {
  const { task } = run
  const { awake, claimants } = waiting
  waiting.claiming = false
  waiting.for = undefined
  transition(run, "Running")
  task.machine.emit(told.resumed, task)
  for (const { fiber } of claimants) awake.add(fiber)
  proceedAll(run)
  if (waiting.waits.size === 0) return awake.clear()
  for (const { fiber } of claimants) watchEnd(run, waiting, fiber)
  if (awake.size > 0) task.machine.halfAsleep.set(run, undefined)
}

/**
 * Finds a slot for those in need of one: a task whose awake fibers hang, while others of its fibers wait, lends it again.
 * It may hang on those very fibers (by `Fiber.join`, say), which would otherwise be a deadlock.
 */
export const reclaim = (machine: Machine): void => {
  for (const [run, before] of machine.halfAsleep) {
    const waiting = run.waiting! // it has waited
    const { awake } = waiting
    const [pending] = waiting.waits
    if (run.task.state !== "Running" || pending === undefined || awake.size === 0) {
      machine.halfAsleep.delete(run)
      continue
    }
    const now = [...awake].map(suspension)
    machine.halfAsleep.set(run, now)
    if (before === undefined || now.length !== before.length || now.some((each, i) => each !== before[i])) continue
    machine.halfAsleep.delete(run)
    awake.clear()
    lend(run, waiting, pending.reason)
  }
}

/** What a fiber hangs on; another one each time it suspends. Effect has no public view of this. */
const suspension = (fiber: AnyFiber): unknown => (fiber as { readonly _yielded?: unknown })._yielded

/** Once for each fiber, however often it goes on: it may live long. */
const watchEnd = (run: Run, waiting: Waiting, fiber: AnyFiber): void => {
  waiting.watched ??= new WeakSet()
  if (waiting.watched.has(fiber)) return
  waiting.watched.add(fiber)
  fiber.addObserver(() => rest(run, waiting, fiber))
}

/** A fiber that went on waits again or has ended: when none is left, the task sleeps on with those that still wait. */
const rest = (run: Run, waiting: Waiting, fiber: AnyFiber): void => {
  if (!waiting.awake.delete(fiber) || waiting.awake.size > 0 || run.task.state !== "Running") return
  const [pending] = waiting.waits
  if (pending !== undefined) lend(run, waiting, pending.reason)
}

/** All fibers that stand behind the claim go on together. */
export const proceedAll = ({ waiting }: Run): void => {
  if (waiting === undefined) return
  const { claimants } = waiting
  waiting.claimants = []
  for (const { proceed } of claimants) proceed()
}

class Wait implements Waiter, Stoppable {
  readonly from: TaskRecord | PoolRecord | undefined
  private readonly options: ParkOptions
  private readonly run: Run | undefined
  private readonly fiber: AnyFiber
  private readonly resume: (effect: Effect.Effect<void>) => void

  constructor(
    options: ParkOptions,
    run: Run | undefined,
    fiber: AnyFiber,
    resume: (effect: Effect.Effect<void>) => void
  ) {
    this.options = options
    this.run = run
    this.fiber = fiber
    this.from = nodeOf(fiber)
    this.resume = resume
  }

  get reason(): WaitingFor {
    return this.options.reason
  }

  wake(): void {
    if (this.run === undefined) return this.resume(Effect.void)
    claim(this.run, { fiber: this.fiber, proceed: () => this.finish() })
  }

  withdraw(): void {
    if (!this.options.evenMarked) this.options.detach(this)
  }

  stop(): void {
    if (this.options.evenMarked) return
    this.options.detach(this)
    this.finish()
  }

  /** In a marked task no wait returns normally, though what it waits for may have ended. */
  private finish(): void {
    this.run!.waiting!.waits.delete(this)
    this.resume(this.run!.marked && !this.options.evenMarked ? interrupted : Effect.void)
  }

  /** The waiting fiber was interrupted: it too needs a slot before it goes on. */
  readonly abandon: Effect.Effect<void> = Effect.suspend(() => {
    this.options.detach(this)
    this.run?.waiting?.waits.delete(this)
    return this.run === undefined ? Effect.void : claimed(this.run)
  })
}

const claimed = (run: Run): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    run.task.state === "Sleeping"
      ? Effect.callback<void>((resume) => claim(run, { fiber, proceed: () => resume(Effect.void) }))
      : Effect.void
  )

interface ParkOptions {
  readonly reason: WaitingFor
  /** What the wait ends with when it need not begin; asked in the step that attaches, so that no wake-up is missed. */
  readonly over: (fiber: AnyFiber) => Effect.Effect<void> | undefined
  readonly attach: (waiter: Waiter) => void
  readonly detach: (waiter: Waiter) => void
  /** Closing what is below a cancelled task waits although the task is marked. */
  readonly evenMarked?: boolean | undefined
}

/** Suspends until the waiter is woken, lending the slot meanwhile. */
export const park = (options: ParkOptions): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    Effect.callback<void>((resume) => {
      const over = options.over(fiber)
      if (over !== undefined) return resume(over)
      const run = sleeperOf(fiber)
      // a hook is not interrupted with the task whose handler runs it
      const evenMarked = options.evenMarked === true || runOf(fiber) === undefined
      if (run?.marked && !evenMarked) return resume(interrupted)
      const wait = new Wait({ ...options, evenMarked }, run, fiber, resume)
      options.attach(wait)
      const machine = wait.from?.machine
      if (machine !== undefined && machine.drainers.size > 0) machine.schedule() // they leave out what waits for them
      if (run !== undefined) {
        const waiting = run.waiting ??= new Waiting()
        waiting.waits.add(wait)
        waiting.awake.delete(fiber)
        lend(run, waiting, options.reason)
      }
      return wait.abandon
    })
  )

interface UntilOptions {
  readonly reason: WaitingFor
  readonly target?: TaskRecord | PoolRecord
  /** The defect of waiting here, where it takes more than the target to tell. */
  readonly check?: ((from: TaskRecord | PoolRecord | undefined) => WaitCycle | undefined) | undefined
  readonly evenMarked?: boolean
  /** What a cancelling call, which never dies, does instead of waiting, given those that wait for the caller. */
  readonly instead?: (dependents: ReadonlySet<TaskRecord | PoolRecord>) => Effect.Effect<void> | undefined
}

/** Suspends until the source is ready; dies when that could never be. */
export const until = (source: Source, options: UntilOptions): Effect.Effect<void> =>
  Effect.suspend(() =>
    source.ready ? Effect.void : park({
      reason: options.reason,
      evenMarked: options.evenMarked,
      over: (fiber) => {
        if (source.ready) return Effect.void
        const from = nodeOf(fiber)
        if (options.instead !== undefined) return options.instead(dependents(from))
        const ring = ringOf(from, options)
        return ring === undefined ? undefined : Effect.die(ring)
      },
      attach: (waiter) => (source.waiters ??= new Set()).add(waiter),
      detach: (waiter) => source.waiters?.delete(waiter)
    })
  )

const ringOf = (from: TaskRecord | PoolRecord | undefined, options: UntilOptions): WaitCycle | undefined => {
  if (options.check !== undefined) return options.check(from)
  return options.target === undefined ? undefined : checkRing(from, options.target)
}

/**
 * Runs the effect with the slot of the task lent to others. It has a fiber of its own, so that a cancel ends the wait
 * for it even where interruption is masked.
 */
export const whileSleeping = <A, E, R>(
  run: Run,
  reason: WaitingFor,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    if (run.task.state === "Exited") return effect
    if (run.marked) return interrupted
    return Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
      const done = fiber.pollUnsafe()
      if (done !== undefined) return done
      let detach: (() => void) | undefined
      const ended = park({
        reason,
        over: () => fiber.pollUnsafe() === undefined ? undefined : Effect.void,
        attach: (waiter) => {
          detach = fiber.addObserver(() => waiter.wake())
        },
        detach: () => detach?.()
      })
      return Effect.flatMap(Effect.onExit(ended, () => Fiber.interrupt(fiber)), () => fiber.pollUnsafe()!)
    })
  })

/** Runs the effect, which may suspend; inside a task the slot is lent meanwhile. */
export const lending = <A, E, R>(reason: WaitingFor, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const run = sleeperOf(fiber)
    return run === undefined ? effect : whileSleeping(run, reason, effect)
  })
