import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import * as control from "./control.ts"
import { handleOf } from "./handles.ts"
import { register } from "./hooks.ts"
import type { TaskContext, TaskPool } from "./model.ts"
import { latestOf, report } from "./progress.ts"
import type { Run } from "./records.ts"
import { whileSleeping } from "./waiting.ts"

/** What a handler sees of its own task. */
export class TaskContextImpl implements TaskContext<any, any, any, any> {
  private readonly run: Run
  readonly attempt: number

  constructor(run: Run, attempt: number) {
    this.run = run
    this.attempt = attempt
  }

  get id(): string {
    return this.run.task.id
  }

  get pool(): TaskPool {
    return handleOf(this.run.task.pool)
  }

  get inbox(): Queue.Dequeue<any> {
    return control.inboxOf(this.run.task)
  }

  report(progress: unknown): Effect.Effect<void> {
    return this.update(() => progress)
  }

  update(f: (current: Option.Option<any>) => unknown): Effect.Effect<void> {
    return Effect.sync(() => {
      const { task } = this.run
      if (task.state === "Exited") return
      report(task, f(latestOf(task)))
    })
  }

  setTimeout(duration: Duration.Input): Effect.Effect<void> {
    return control.setTimeout(this.run.task, duration)
  }

  get clearTimeout(): Effect.Effect<void> {
    return control.clearTimeout(this.run.task)
  }

  whileSleeping<X, EX, R>(effect: Effect.Effect<X, EX, R>): Effect.Effect<X, EX, R> {
    return whileSleeping(this.run, "effect", effect)
  }

  onFailure(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.run.task, "onFailure", this.attempt, f)
  }

  onExit(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.run.task, "onExit", this.attempt, f)
  }

  onSuccess(f: (exit: any) => Effect.Effect<unknown, any, any>): Effect.Effect<void> {
    return register(this.run.task, "onSuccess", this.attempt, f)
  }
}
