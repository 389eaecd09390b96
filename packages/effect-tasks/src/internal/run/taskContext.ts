import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import type { SnoozeOptions, TaskContext } from "../../Task.ts"
import type { TaskPool } from "../../TaskPool.ts"
import { type Checks, read, subjectOf, toBoolean, toDelay, toEffect, toFunction, toMillis } from "../job/checks.ts"
import { nameOf } from "../observe/label.ts"
import { Printed } from "../observe/printed.ts"
import { latestOf, report } from "../observe/progress.ts"
import { handleOf } from "../record/pool.ts"
import type { Run } from "../record/run.ts"
import { setTimeout } from "../transition/stop.ts"
import { whileSleeping } from "../wait/wait.ts"
import { register } from "./hooks.ts"
import { inboxOf } from "./inbox.ts"
import { snooze } from "./snooze.ts"

const snoozeOptions = { hold: toBoolean } satisfies Checks<SnoozeOptions>

/** What a handler sees of its own task. */
export class TaskContextImpl extends Printed implements TaskContext<any, any, any, any> {
  private readonly run: Run
  readonly attempt: number
  readonly snoozes: number

  constructor(run: Run, attempt: number) {
    super()
    this.run = run
    this.attempt = attempt
    this.snoozes = run.rare === undefined ? 0 : run.rare.snoozes
  }

  get id(): string {
    return this.run.task.id
  }

  toString(): string {
    return `TaskContext of ${nameOf(this.run.task)}, attempt ${this.attempt}`
  }

  get pool(): TaskPool {
    return handleOf(this.run.task.pool)
  }

  get inbox(): Queue.Dequeue<any> {
    return inboxOf(this.run.task)
  }

  report(progress: unknown): Effect.Effect<void> {
    return this.update(() => progress)
  }

  update(f: (current: Option.Option<any>) => unknown): Effect.Effect<void> {
    return Effect.sync(() => {
      const { task } = this.run
      toFunction(f, "update", subjectOf(task.job.tag))
      if (task.state === "Exited") return
      report(task, f(latestOf(task)))
      if (task.extras?.stored !== undefined) this.run.registration.backend!.reported(task.extras.stored)
    })
  }

  setTimeout(duration: Duration.Input): Effect.Effect<void> {
    return Effect.sync(() => setTimeout(this.run, toMillis(duration, "timeout", subjectOf(this.run.task.job.tag))))
  }

  get clearTimeout(): Effect.Effect<void> {
    return this.setTimeout(Infinity)
  }

  snooze(duration: Duration.Input, options: SnoozeOptions = {}): Effect.Effect<never> {
    return Effect.suspend(() => {
      const subject = subjectOf(this.run.task.job.tag)
      const { hold = false } = read(options, snoozeOptions, subject)
      return snooze(this.run, toDelay(duration, "snooze", subject), hold)
    })
  }

  whileSleeping<X, EX, R>(effect: Effect.Effect<X, EX, R>): Effect.Effect<X, EX, R> {
    return Effect.suspend(() => whileSleeping(toEffect(effect, "whileSleeping", subjectOf(this.run.task.job.tag))))
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
