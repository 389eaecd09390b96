/** Hooks that have not run yet. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Fifo } from "../queue/fifo.ts"

/** In the order in which they run. */
const kinds = ["onFailure", "onExit", "onSuccess"] as const

export type HookKind = (typeof kinds)[number]

export interface Hook {
  readonly kind: HookKind
  /** The attempt that registered it; none on the handle. */
  readonly attempt: number | undefined
  readonly run: (exit: Exit.Exit<any, any>) => Effect.Effect<unknown, unknown>
}

/** An effect whose failure is logged and goes no further. */
export interface Isolated {
  readonly name: string
  readonly effect: Effect.Effect<unknown, unknown>
}

/** The hooks of one task. */
export class HookSet {
  /** By kind, and after the kinds those that came too late for theirs. */
  private readonly queues: Array<Fifo<Hook> | undefined> = []
  private kind = 0

  add(hook: Hook): void {
    const kind = kinds.indexOf(hook.kind)
    const queue = this.queues[kind < this.kind ? kinds.length : kind] ??= new Fifo()
    queue.push(hook)
  }

  /** Whether one of them will see a failure. */
  get seesFailure(): boolean {
    const [onFailure, onExit] = this.queues
    return (onFailure?.length ?? 0) + (onExit?.length ?? 0) > 0
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
