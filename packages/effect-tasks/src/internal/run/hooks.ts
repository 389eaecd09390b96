/**
 * Hooks: effects that run once when a task has ended, in a fiber of their own, each isolated from the others. Finalizers of
 * pools run in the same way.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { subjectOf, toFunction, toResult } from "../job/checks.ts"
import { annotatedFor, logSafely } from "../observe/log.ts"
import { CurrentTask, type Inside } from "../record/currentTask.ts"
import { type Hook, type HookKind, HookSet, type Isolated } from "../record/hooks.ts"
import type { Machine } from "../record/machine.ts"
import { exitOf } from "../record/outcome.ts"
import type { Run } from "../record/run.ts"
import { extrasOf, type TaskRecord } from "../record/task.ts"

const applies = (kind: HookKind, exit: Exit.Exit<unknown, unknown>): boolean =>
  kind === "onExit" || (kind === "onSuccess") === Exit.isSuccess(exit)

/** Runs it in this fiber, which waits in it as it does elsewhere. */
export const runHere = (inside: Exclude<Inside, Run>, { effect, name }: Isolated): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    inside.by = fiber.getRef(CurrentTask)
    return Effect.matchCauseEffect(effect, {
      onSuccess: () => Effect.void,
      onFailure: (cause) => logFailure(name, cause)
    })
  })

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
export const runEach = (machine: Machine, next: () => Isolated | undefined, done: () => void): void => {
  for (let each = next(); each !== undefined; each = next()) {
    const { effect, name } = each
    const fiber = machine.fork(effect)
    const ended = (exit: Exit.Exit<unknown, unknown>): void => {
      if (Exit.isFailure(exit)) machine.fork(logFailure(name, exit.cause))
    }
    const exit = fiber.pollUnsafe()
    if (exit === undefined) {
      fiber.addObserver((late) => {
        ended(late)
        runEach(machine, next, done)
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
    task.machine,
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
  inside: Inside,
  f: (...args: A) => Effect.Effect<unknown, any, any>
): Effect.Effect<(...args: A) => Effect.Effect<unknown, any>> =>
  Effect.map(Effect.context(), (context) => (...args: A) => {
    const result = Effect.suspend(() => toResult(f(...args), () => `A ${inside.kind}`))
    const scoped = Effect.scopedWith((scope) => Scope.provide(result, scope))
    // the registering fiber's context is all that `f` needs
    return Effect.provideContext(scoped as Effect.Effect<unknown, any>, contextOf(context, inside))
  })

/** Its logs say of which task it is a hook, whatever task registered it. */
const contextOf = (context: Context.Context<never>, inside: Inside): Context.Context<never> => {
  const placed = Context.add(context, CurrentTask, inside)
  return inside.kind === "finalizer" ? placed : annotatedFor(placed, inside.task)
}

/** Registers a hook; on a settled task it runs now, before the registration returns. */
export const register = (
  task: TaskRecord,
  kind: HookKind,
  attempt: number | undefined,
  f: (exit: any) => Effect.Effect<unknown, any, any>
): Effect.Effect<void> => {
  const inside: Inside = { kind: "hook", task, by: undefined }
  return Effect.flatMap(detached(inside, f), (run) => {
    toFunction(f, kind, subjectOf(task.job.tag))
    const hook: Hook = { kind, attempt, run }
    if (task.settled) {
      const due = isolatedHook(task, hook)
      return due === undefined ? Effect.void : Effect.uninterruptible(runHere(inside, due))
    }
    const extras = extrasOf(task)
    extras.hooks ??= new HookSet()
    extras.hooks.add(hook)
    return Effect.void
  })
}
