/**
 * Waiting: everything in this library that can suspend goes through here. What a wait does to the task is a transition
 * (`transition/slot.ts`); this is the fiber's side of it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { WaitingFor } from "../../Task.ts"
import type { WaitCycle } from "../../TaskError.ts"
import { nodeOf, runOf, sleeperOf } from "../record/currentTask.ts"
import type { Machine } from "../record/machine.ts"
import { PoolRecord } from "../record/pool.ts"
import { type PendingWait, type Run, waitingOf } from "../record/run.ts"
import type { Node, Source, Waiter } from "../record/source.ts"
import { beginWait, endWait } from "../transition/slot.ts"
import { checkRing, dependents } from "./graph.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Resume = (effect: Effect.Effect<void>) => void

const interrupted = Exit.failCause(Cause.interrupt())

interface WaitOptions {
  readonly reason: WaitingFor
  /** What it waits for. */
  readonly target?: Node | undefined
  /** Whether it gets to see how the task ends. */
  readonly sees?: boolean | undefined
  /** Whether another attempt follows. */
  readonly starts?: boolean | undefined
  /** It ends something, this pool perhaps: a cancel of the waiter leaves it alone. */
  readonly closing?: PoolRecord | boolean | undefined
  /** Takes it from what it waits for; none where it waits for an effect that its own fiber runs. */
  readonly detach?: ((waiter: Waiter) => void) | undefined
}

class Wait implements Waiter, PendingWait {
  readonly reason: WaitingFor
  readonly target: Node | undefined
  readonly from: Node | undefined
  private readonly run: Run | undefined
  private readonly fiber: AnyFiber
  /** Whether it waits for nobody but what is below the waiter. */
  private readonly downward: boolean
  readonly evenMarked: boolean
  readonly sees: boolean | undefined
  readonly starts: boolean
  private readonly detach: ((waiter: Waiter) => void) | undefined
  private resume: Resume | undefined
  /** Its fiber has gone on by itself, and needs but a slot. */
  private left = false
  private over = false
  private late = false

  constructor(run: Run | undefined, fiber: AnyFiber, options: WaitOptions, resume?: Resume) {
    this.run = run
    this.fiber = fiber
    this.from = nodeOf(fiber)
    this.reason = options.reason
    this.target = options.target
    const { closing = false } = options
    this.downward = typeof closing === "object" && closing.maker !== undefined && closing.maker === this.from
    this.evenMarked = closing !== false || isSpared(fiber)
    this.sees = options.sees
    this.starts = options.starts ?? false
    this.detach = options.detach
    this.resume = resume
  }

  begin(): void {
    const { from, run } = this
    if (this.evenMarked || run?.task.state === "Stopping") this.outlast()
    if (run !== undefined) beginWait(run, this)
    if (from !== undefined && from.machine.drainers.size > 0) from.machine.schedule() // a drain may wait for this one no more
  }

  outlast(): void {
    if (this.downward || this.late || this.from === undefined) return
    this.late = true
    this.from.machine.lateWaits++
  }

  wake(): void {
    const { run } = this
    if (this.over || this.left || (run !== undefined && !run.waiting!.waits.has(this))) return // it has ended otherwise
    this.detach?.(this)
    if (run === undefined || endWait(run, this)) this.goOn()
  }

  /** Its fiber was interrupted, or has run what it waited for: it too needs a slot before it goes on. */
  readonly leave: Effect.Effect<void> = Effect.callback((resume) => {
    const { run } = this
    // one that ended interrupted looks to Effect as if it had been interrupted from outside
    if (this.over) return resume(Effect.void)
    this.detach?.(this)
    this.left = true
    this.resume = resume
    const claims = run !== undefined && (!run.waiting!.waits.has(this) || !endWait(run, this))
    if (!claims) this.goOn()
  })

  withdraw(): void {
    if (!this.evenMarked) this.detach?.(this)
  }

  stop(): void {
    if (this.evenMarked) return
    if (this.detach === undefined) return this.fiber.interruptUnsafe() // where that is masked it runs to its end
    this.detach(this)
    this.run!.waiting!.waits.delete(this)
    this.goOn()
  }

  /** In a marked task no wait returns normally, though what it waits for may have ended. */
  goOn(): void {
    const { run } = this
    if (run?.task.machine.inStep) throw new Error(`${run.task.id} goes on inside a transition`)
    this.over = true
    if (this.late) this.from!.machine.lateWaits--
    this.late = false
    const stopped = run !== undefined && run.marked && !this.evenMarked
    if (stopped) this.fiber.interruptUnsafe()
    this.resume!(stopped && !this.left ? interrupted : Effect.void)
  }
}

/** A hook is not interrupted with the task whose handler runs it. */
const isSpared = (fiber: AnyFiber): boolean => runOf(fiber) === undefined

interface ParkOptions extends WaitOptions {
  /** What the wait ends with when it need not begin; asked in the step that attaches, so that no wake-up is missed. */
  readonly over: (fiber: AnyFiber) => Effect.Effect<void> | undefined
  readonly attach: (waiter: Waiter) => void
  readonly detach: (waiter: Waiter) => void
}

/** Suspends until the waiter is woken, lending the slot meanwhile. */
export const park = (options: ParkOptions): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    Effect.callback<void>((resume) => {
      const over = options.over(fiber)
      if (over !== undefined) return resume(over)
      const run = sleeperOf(fiber)
      if (run?.marked && (options.closing ?? false) === false && !isSpared(fiber)) return resume(interrupted)
      const wait = new Wait(run, fiber, options, resume)
      options.attach(wait)
      wait.begin()
      return wait.leave
    })
  )

interface UntilOptions {
  readonly reason: WaitingFor
  readonly sees?: boolean
  /** Whose end would have to come first, unless `check` tells more. */
  readonly target?: Node | undefined
  /** The defect of waiting here, where it takes more than the target to tell. */
  readonly check?: ((from: Node | undefined) => WaitCycle | undefined) | undefined
  readonly closing?: PoolRecord | boolean
  /** It reads what goes on as long as the worker pool: for who is inside of what closes, that has ended. */
  readonly reads?: boolean | undefined
  /** What a cancelling call, which never dies, does instead of waiting, given those that wait for the caller. */
  readonly instead?: (
    dependents: () => ReadonlySet<Node>,
    from: Node | undefined
  ) => Effect.Effect<void> | undefined
}

/** Suspends until the source is ready; dies when that could never be. */
export const until = (source: Source, options: UntilOptions): Effect.Effect<void> =>
  Effect.suspend(() =>
    source.ready ? Effect.void : park({
      reason: options.reason,
      target: options.target,
      sees: options.sees,
      closing: options.closing,
      over: (fiber) => {
        if (source.ready) return Effect.void
        const from = nodeOf(fiber)
        if (options.reads === true && isClosing(from)) return Effect.void
        if (options.instead !== undefined) return options.instead(() => dependents(from), from)
        const ring = ringOf(from, options)
        return ring === undefined ? undefined : Effect.die(ring)
      },
      attach: (waiter) => (source.waiters ??= new Set()).add(waiter),
      detach: (waiter) => source.waiters?.delete(waiter)
    })
  )

/** Whether the closing of a handler layer, or of the worker pool, waits for this. */
const isClosing = (from: Node | undefined): boolean =>
  from !== undefined &&
  (from.machine.closed || (from.machine.closings > 0 && [...dependents(from)].some(isOfClosed)))

const isOfClosed = (node: Node): boolean => !(node instanceof PoolRecord) && node.run?.registration.phase === "closed"

/** Ends the readers that a closing would wait for. */
export const endReaders = (machine: Machine): void => {
  const reports = [...machine.pools.values(), machine].map(({ changes }) => changes)
  const waiters = [...machine.listeners, ...reports].flatMap(({ waiters }) => [...waiters ?? []])
  machine.tell({ _tag: "wake", waiters: waiters.filter(({ from }) => isClosing(from)) })
}

const ringOf = (from: Node | undefined, options: UntilOptions): WaitCycle | undefined => {
  if (options.check !== undefined) return options.check(from)
  return options.target === undefined ? undefined : checkRing(from, options.target)
}

/** Runs the effect, which may suspend; inside a task slot and permits are lent meanwhile. */
export const whileSleeping = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const run = sleeperOf(fiber)
      if (run === undefined) return restore(effect)
      if (run.marked && !isSpared(fiber)) {
        fiber.interruptUnsafe() // where that is masked the effect runs to its end
        return restore(effect)
      }
      const wait = new Wait(run, fiber, { reason: "effect" })
      wait.begin()
      return Effect.onExit(restore(effect), () => wait.leave)
    })
  )

/** A stream whose reader, when it is a task, falls asleep and wakes unnoticed by readers: they would wake one another. */
export const reading = <A>(stream: Stream.Stream<A>): Stream.Stream<A> =>
  Stream.unwrap(Effect.as(
    Effect.acquireRelease(
      Effect.withFiber((fiber) => {
        const run = sleeperOf(fiber)
        const waiting = run && waitingOf(run)
        if (waiting !== undefined) waiting.reading++
        return Effect.succeed(waiting)
      }),
      (waiting) => Effect.sync(() => waiting !== undefined && waiting.reading--)
    ),
    stream
  ))
