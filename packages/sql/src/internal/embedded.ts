/** What an embedded database gives beside statements. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DurableError } from "../DurableError.ts"

export const EmbeddedId = "~effect-tasks/Embedded"

export interface Embedded {
  /** Makes this process the one that runs the tasks of the file. */
  readonly lock: Effect.Effect<void, DurableError, Scope.Scope>
  /** Whether other processes may change it. */
  readonly isShared: boolean
  /** Changes when another process has changed something. */
  readonly version: Effect.Effect<number>
}

export const embeddedIn = (client: unknown): Embedded | undefined =>
  (client as { readonly [EmbeddedId]?: Embedded })[EmbeddedId]
