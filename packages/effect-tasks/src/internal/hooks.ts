/**
 * Hooks: effects that run once when a task has ended, in a fiber of their own, each isolated from the others.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { toEffect } from "./checks.ts"
import { Fifo } from "./fifo.ts"
import { exitOf } from "./outcome.ts"
import { CurrentPlace } from "./place.ts"
import { extrasOf, type Place, type Run, type TaskRecord } from "./records.ts"

/** In the order in which they run. */
const kinds = ["onFailure", "onExit", "onSuccess"] as const

export type HookKind = (typeof kinds)[number]

interface Hook {
  readonly kind: HookKind
  /** The attempt that registered it; none on the handle. */
  readonly attempt: number | undefined
  readonly run: (exit: Exit.Exit<any, any>) => Effect.Effect<unknown, unknown>
}

/** The hooks of one task that have not run yet. */
export class HookSet {
  /** By kind, and after the kinds those that came too late for theirs. */
  private readonly queues: Array<Fifo<Hook> | undefined> = []
  private kind = 0

  add(hook: Hook): void {
    const kind = kinds.indexOf(hook.kind)
    const queue = this.queues[kind < this.kind ? kinds.length : kind] ??= new Fifo()
    queue.push(hook)
  }

  dropAttempt(attempt: number): void {
    for (const queue of this.queues) queue?.retain((hook) => hook.attempt !== attempt)
  }

  /** The next one by kind and age; one that came too late for its kind runs at the end. */
  next(): Hook | undefined {
    for (; this.kind < kinds.length; this.kind++) {
      const hook = this.queues[this.kind]?.shift()
      if (hook !== undefined) return hook
    }
    return this.queues[kinds.length]?.shift()
  }
}

const applies = (kind: HookKind, exit: Exit.Exit<unknown, unknown>): boolean =>
  kind === "onExit" || (kind === "onSuccess") === Exit.isSuccess(exit)

/** An effect whose failure is logged and goes no further. */
export interface Isolated {
  readonly name: string
  readonly effect: Effect.Effect<unknown, unknown>
}

/** Runs it in this fiber, which waits in it as it does elsewhere. */
export const runHere = (place: Exclude<Place, Run>, { effect, name }: Isolated): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    place.by = fiber.getRef(CurrentPlace)
    return Effect.matchCauseEffect(effect, {
      onSuccess: () => Effect.void,
      onFailure: (cause) => logFailure(name, cause)
    })
  })

/** A logger that throws stops nothing. */
export const logSafely = (log: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(log, () => Effect.void)

const logFailure = (name: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  logSafely(Effect.suspend(() => Effect.logError(`The ${name} failed`, textOf(cause))))

/** What was thrown may throw again when it is read. */
const textOf = (cause: Cause.Cause<unknown>): string => {
  try {
    return Cause.pretty(cause)
  } catch {
    return "with something that cannot be shown"
  }
}

/** Runs one after another, each in a fiber of its own: whatever one does to its fiber, the next one runs. */
export const runEach = (context: Context.Context<never>, next: () => Isolated | undefined, done: () => void): void => {
  for (let each = next(); each !== undefined; each = next()) {
    const { effect, name } = each
    const fiber = Effect.runForkWith(context)(effect)
    const ended = (exit: Exit.Exit<unknown, unknown>): void => {
      if (Exit.isFailure(exit)) Effect.runForkWith(context)(logFailure(name, exit.cause))
    }
    const exit = fiber.pollUnsafe()
    if (exit === undefined) {
      fiber.addObserver((late) => {
        ended(late)
        runEach(context, next, done)
      })
      return
    }
    ended(exit)
  }
  done()
}

const isolatedHook = (task: TaskRecord, { kind, run }: Hook): Isolated | undefined => {
  const exit = exitOf(task)
  return applies(kind, exit) ? { name: `${kind} hook of ${task.id}`, effect: run(exit) } : undefined
}

/** Runs all hooks, those that are added meanwhile too. */
export const runHooks = (task: TaskRecord, done: () => void): void =>
  runEach(
    task.machine.context,
    () => {
      const hooks = task.extras?.hooks
      for (let hook = hooks?.next(); hook !== undefined; hook = hooks?.next()) {
        const due = isolatedHook(task, hook)
        if (due !== undefined) return due
      }
      return undefined
    },
    done
  )

/** Makes an effect independent of where it will run: its services are those of now, its Scope is its own. */
export const detached = <A extends ReadonlyArray<unknown>>(
  place: Place,
  f: (...args: A) => Effect.Effect<unknown, any, any>
): Effect.Effect<(...args: A) => Effect.Effect<unknown, any>> =>
  Effect.map(Effect.context(), (context) => (...args: A) => {
    const result = Effect.suspend(() => toEffect(f(...args), () => `A ${place.kind}`))
    const scoped = Effect.scopedWith((scope) => Scope.provide(result, scope))
    // the registering fiber's context is all that `f` needs
    return Effect.provideContext(scoped as Effect.Effect<unknown, any>, Context.add(context, CurrentPlace, place))
  })

/** Registers a hook; on a settled task it runs now, before the registration returns. */
export const register = (
  task: TaskRecord,
  kind: HookKind,
  attempt: number | undefined,
  f: (exit: any) => Effect.Effect<unknown, any, any>
): Effect.Effect<void> => {
  const place: Place = { kind: "hook", task, by: undefined }
  return Effect.flatMap(detached(place, f), (run) => {
    const hook: Hook = { kind, attempt, run }
    if (task.settled) {
      const due = isolatedHook(task, hook)
      return due === undefined ? Effect.void : Effect.uninterruptible(runHere(place, due))
    }
    const extras = extrasOf(task)
    extras.hooks ??= new HookSet()
    extras.hooks.add(hook)
    return Effect.void
  })
}
