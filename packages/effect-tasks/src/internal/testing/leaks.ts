/** What a worker pool, its tasks and the effect around them have left behind. */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { CurrentTask, type Inside } from "../record/currentTask.ts"
import type { Directory } from "../record/directory.ts"
import type { Waited } from "../record/source.ts"
import type { TaskRecord } from "../record/task.ts"
import { EventLog } from "./eventLog.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Who has started something: a handler, a hook, a finalizer, or the watched effect itself. */
interface Owner {
  readonly watch: Watch
  readonly inside: Inside | undefined
}

/** What is started while an effect is watched. */
export class Watch {
  readonly workerPools = new Set<Directory>()
  /** The timers of JavaScript that are set. */
  readonly timers = new Map<unknown, Owner>()
  private readonly fibers = new Map<AnyFiber, Owner>()
  /** Those that are still being made. */
  private made: Array<readonly [AnyFiber, Owner]> = []

  addFiber(fiber: AnyFiber, owner: Owner): void {
    if (this.made.push([fiber, owner]) === 1) queueMicrotask(() => this.follow())
  }

  /** Keeps those that have not ended, until they have. */
  private follow(): void {
    const { fibers, made } = this
    this.made = []
    for (const [fiber, owner] of made) {
      if (fiber.pollUnsafe() !== undefined) continue
      fibers.set(fiber, owner)
      fiber.addObserver(() => fibers.delete(fiber))
    }
  }

  /** What is left; fibers of that Scope end with it. */
  left(scope: Scope.Scope | undefined): ReadonlyArray<string> {
    this.follow()
    const fibers = [...this.fibers].filter(([fiber]) => !belongsTo(scope, fiber))
    const timers = [...this.timers].filter(([timer]) => !isOver(timer))
    return [
      ...[...this.workerPools].flatMap(leaksOf),
      ...byOwner("fiber(s)", fibers),
      ...byOwner("JavaScript timer(s)", timers)
    ]
  }
}

/** The watch that a fiber is under. */
export const CurrentWatch = Context.Reference<Watch | undefined>("effect-tasks/testing/CurrentWatch", {
  defaultValue: () => undefined
})

const belongsTo = (scope: Scope.Scope | undefined, fiber: AnyFiber): boolean => {
  if (scope?.state._tag !== "Open") return false
  const { finalizerKey, finalizers } = scope.state
  return finalizerKey === fiber || finalizers?.has(fiber) === true
}

/** Node can end a timer without `clearTimeout`, and has no public view of that. */
const isOver = (timer: unknown): boolean =>
  typeof timer === "object" && timer !== null && Reflect.get(timer, "_destroyed") === true

const byOwner = (what: string, left: ReadonlyArray<readonly [unknown, Owner]>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const [, { inside }] of left) {
    const owner = nameOf(inside)
    counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  return [...counts].map(([owner, count]) => `${count} ${what} of ${owner}`)
}

const nameOf = (inside: Inside | undefined): string => {
  if (inside === undefined) return "no task"
  return inside.kind === "finalizer" ? `a finalizer of ${inside.pool.id}` : `${inside.task.id} (${inside.kind})`
}

/** The owners of fibers without the context of who started them. */
const strangers = new WeakMap<AnyFiber, Owner>()

/** The handler, hook or finalizer on whose stack this is called. */
const ownerHere = (): Owner | undefined => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined) return undefined
  const watch = fiber.getRef(CurrentWatch)
  const inside = fiber.getRef(CurrentTask)
  return watch !== undefined && inside !== undefined ? { watch, inside } : strangers.get(fiber)
}

const fiberMade = (fiber: AnyFiber): void => {
  const watch = fiber.getRef(CurrentWatch)
  if (watch !== undefined) return watch.addFiber(fiber, { watch, inside: fiber.getRef(CurrentTask) })
  const owner = ownerHere()
  if (owner === undefined) return
  strangers.set(fiber, owner)
  owner.watch.addFiber(fiber, owner)
}

/**
 * Learns of every fiber that is made, with whatever context and scheduler: Effect's runtime metrics, schedulers and tracers
 * see those alone whose context holds them.
 */
const patchFibers = (fiber: AnyFiber): () => void => {
  const prototype: AnyFiber = Object.getPrototypeOf(fiber)
  const { setContext } = prototype
  prototype.setContext = function(context) {
    const isNew = this.context === undefined
    setContext.call(this, context)
    if (isNew) fiberMade(this)
  }
  return () => {
    prototype.setContext = setContext
  }
}

type AnyFunction = (this: unknown, ...args: Array<any>) => any

/** Learns of the timers that are set on the stack of a handler, hook or finalizer. */
const patchTimers = (): () => void => {
  const scope = globalThis as unknown as Record<string, AnyFunction>
  const restores: Array<() => void> = []
  const patch = (name: string, apply: (original: AnyFunction, self: unknown, args: Array<any>) => unknown) => {
    const original = scope[name]
    const patched = new Proxy(original, { apply })
    scope[name] = patched
    restores.push(() => {
      if (scope[name] === patched) scope[name] = original
    })
  }
  for (const name of ["setTimeout", "setInterval"]) {
    patch(name, (original, self, args) => {
      const owner = ownerHere()
      if (owner === undefined) return Reflect.apply(original, self, args)
      const { timers } = owner.watch
      const [callback, ...rest] = args
      const called: AnyFunction = function(...passed) {
        if (name === "setTimeout") timers.delete(timer)
        return callback.apply(this, passed)
      }
      const timer = Reflect.apply(original, self, [typeof callback === "function" ? called : callback, ...rest])
      timers.set(timer, owner)
      return timer
    })
  }
  for (const name of ["clearTimeout", "clearInterval"]) {
    patch(name, (original, self, args) => {
      for (const { timers } of watches) timers.delete(args[0])
      return Reflect.apply(original, self, args)
    })
  }
  return () => {
    for (const restore of restores) restore()
  }
}

const watches = new Set<Watch>()
let unpatch: (() => void) | undefined

/** Nothing is noticed before the first watch begins, nor after the last has ended. */
export const begin = (fiber: AnyFiber): Watch => {
  const watch = new Watch()
  if (watches.size === 0) {
    const restores = [patchFibers(fiber), patchTimers()]
    unpatch = () => {
      for (const restore of restores) restore()
    }
  }
  watches.add(watch)
  return watch
}

export const end = (watch: Watch): void => {
  watches.delete(watch)
  if (watches.size === 0) unpatch?.()
}

const leaksOf = ({ machine, pools, tasks }: Directory): ReadonlyArray<string> => {
  const left: Array<string> = []
  const check = (count: number, what: string) => {
    if (count !== 0) left.push(`${count} ${what}`)
  }
  check(machine.closed ? 0 : 1, "worker pool still open")
  check(machine.live, "unsettled task(s)")
  check(machine.slots.busy, "slot(s) taken")
  check(machine.timers.size, "timer(s)")
  check(machine.timers.isArmed ? 1 : 0, "armed sleep")
  check([...machine.listeners].filter((listener) => !(listener instanceof EventLog)).length, "listener(s) of events")
  check(machine.ready.size + machine.resuming.size, "queued task(s)")
  check(machine.cursors.size, "dispatch(es) of many tasks")
  check(machine.suspended.size, "suspended dispatch(es)")
  check(machine.limits.size, "limit(s) with tasks behind them")
  check(machine.limitedPools, "pool(s) with a limit")
  check(machine.granted.length, "task(s) about to lend")
  check(machine.drainers.size, "drain(s) waiting")
  check(machine.settlements.waiters?.size ?? 0, "look(s) at the next event")
  check(pools.filter((pool) => !pool.isGlobal && !pool.released).length, "unfinished pool(s)")
  for (const { keys, registrations, tag } of machine.jobs.values()) {
    check(registrations.length, `handler registration(s) of ${tag}`)
    check(keys.size, `held key(s) of ${tag}`)
    const waited = tasks.filter(({ job }) => job.tag === tag).flatMap((
      task
    ) => [task, progressOf(task), changesOf(task)])
    check(waitersOf(waited), `wait(s) for task(s) of ${tag}`)
  }
  check(waitersOf([machine.changes]), "wait(s) for the worker pool")
  for (const pool of pools) {
    check(waitersOf([pool, pool.changes]), `wait(s) for ${pool.id}`)
    check(pool.finalizers.length, `finalizer(s) of ${pool.id}`)
  }
  return left
}

const progressOf = ({ extras }: TaskRecord): Waited | undefined => extras?.progress

const changesOf = ({ extras }: TaskRecord): Waited | undefined => extras?.changes

const waitersOf = (waited: ReadonlyArray<Waited | undefined>): number =>
  waited.reduce((count, each) => count + (each?.waiters?.size ?? 0), 0)
