/**
 * Hooks: effects that run once when a task has ended, in a fiber of their own, each isolated from the others.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { exitOf } from "./outcome.ts"
import { CurrentPlace } from "./place.ts"
import type { Place, TaskRecord } from "./records.ts"

/** In the order in which they run. */
const kinds = ["onFailure", "onExit", "onSuccess"] as const

export type HookKind = (typeof kinds)[number]

interface Hook {
  readonly kind: HookKind
  /** The attempt that registered it; none on the handle. */
  readonly attempt: number | undefined
  readonly run: (exit: Exit.Exit<any, any>) => Effect.Effect<unknown>
}

/** The hooks of one task that have not run yet. */
export class HookSet {
  private hooks: Array<Hook> = []
  private kind = 0

  add(hook: Hook): void {
    this.hooks.push(hook)
  }

  dropAttempt(attempt: number): void {
    this.hooks = this.hooks.filter((hook) => hook.attempt !== attempt)
  }

  /** The next one by kind and age; one that came too late for its kind runs at the end. */
  next(): Hook | undefined {
    for (; this.kind < kinds.length; this.kind++) {
      const found = this.hooks.findIndex((hook) => hook.kind === kinds[this.kind])
      if (found >= 0) return this.hooks.splice(found, 1)[0]
    }
    return this.hooks.shift()
  }
}

const applies = (kind: HookKind, exit: Exit.Exit<unknown, unknown>): boolean =>
  kind === "onExit" || (kind === "onSuccess") === Exit.isSuccess(exit)

const runHook = (task: TaskRecord, { kind, run }: Hook): Effect.Effect<unknown> => {
  const exit = exitOf(task)
  return applies(kind, exit) ? isolated(`${kind} hook of ${task.id}`, () => run(exit)) : Effect.void
}

/** A failure is logged and goes no further. */
export const isolated = (name: string, effect: () => Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
  Effect.matchCauseEffect(Effect.suspend(effect), {
    onSuccess: () => Effect.void,
    onFailure: (cause) => Effect.logError(`The ${name} failed`, Cause.pretty(cause))
  })

/** Runs all hooks, those that are added meanwhile too. */
export const runHooks = (task: TaskRecord): Effect.Effect<void> =>
  Effect.suspend(() => {
    const hook = task.hooks?.next()
    return hook === undefined ? Effect.void : Effect.andThen(runHook(task, hook), runHooks(task))
  })

/** Makes an effect independent of where it will run: its services are those of now, its Scope is its own. */
export const detached = <A extends ReadonlyArray<unknown>>(
  place: Place,
  f: (...args: A) => Effect.Effect<unknown, any, any>
): Effect.Effect<(...args: A) => Effect.Effect<unknown, any>> =>
  Effect.map(Effect.context(), (context) => (...args: A) => {
    const scoped = Effect.scopedWith((scope) => Scope.provide(Effect.suspend(() => f(...args)), scope))
    // the registering fiber's context is all that `f` needs
    return Effect.provideContext(scoped as Effect.Effect<unknown, any>, Context.add(context, CurrentPlace, place))
  })

/** Registers a hook; on a settled task it runs now, before the registration returns. */
export const register = (
  task: TaskRecord,
  kind: HookKind,
  attempt: number | undefined,
  f: (exit: any) => Effect.Effect<unknown, any, any>
): Effect.Effect<void> =>
  Effect.flatMap(detached({ kind: "hook", task }, f), (run) => {
    const hook: Hook = { kind, attempt, run: run as Hook["run"] } // `isolated` handles what it fails with
    if (task.settled) return Effect.uninterruptible(runHook(task, hook))
    task.hooks ??= new HookSet()
    task.hooks.add(hook)
    return Effect.void
  })
