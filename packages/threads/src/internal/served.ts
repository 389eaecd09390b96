/** Handlers as the serving end keeps them: one service for each job, found by its tag. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { JobCodec } from "./codec.ts"

export interface Served {
  readonly codec: JobCodec
  readonly handler: (payload: unknown, task: unknown) => Effect.Effect<unknown, unknown, any>
  readonly context: Context.Context<never>
}

const prefix = "@effect-tasks/threads/Serves/"

export const servedKey = (tag: string): Context.Service<Served, Served> => Context.Service<Served>(`${prefix}${tag}`)

export const servedIn = (context: Context.Context<never>, tag: string): Served | undefined =>
  Context.getOrUndefined(context as Context.Context<Served>, servedKey(tag))

export const tagsIn = (context: Context.Context<never>): ReadonlyArray<string> =>
  [...context.mapUnsafe.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
