/** What a worker pool knows of the jobs of one tag. */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Backend } from "../../Backend.ts"
import type { Definition } from "../job/definition.ts"
import type { LimitDefinition } from "../job/limit.ts"
import type { KeyQueue } from "../queue/keyQueue.ts"
import type { Hold } from "../queue/rate.ts"
import type { Kept } from "./history.ts"
import type { JobMetrics } from "./metrics.ts"
import type { Run } from "./run.ts"

/** All tasks of one tag. */
export interface JobState {
  readonly tag: string
  definition: Definition
  readonly registrations: Array<Registration>
  /** Whether there has ever been a handler of it. */
  wasRegistered: boolean
  /** The live tasks of each key, where the job is `unique`. */
  readonly keys: Map<string, KeyQueue<Run>>
  /** Made by its first pause. */
  hold: Hold | undefined
  kept: Kept
  metrics: JobMetrics | undefined
}

/** What dispatches of one key have in common. */
export const keyConcern = ({ tag }: JobState, key: string): string => `${tag.length} ${tag}${key}`

/** Where the tasks of a job are stored, if they are. */
export const backendOf = (job: JobState | undefined): Backend | undefined => job?.registrations.at(-1)?.backend

/** One handler layer that is alive. */
export interface Registration {
  readonly job: JobState
  readonly definition: Definition
  readonly handler: (payload: any, task: any) => Effect.Effect<unknown, unknown, any>
  readonly context: Context.Context<never>
  /** Those of the job, then those of this layer. */
  readonly limits: ReadonlyArray<LimitDefinition>
  /** Stores its tasks. */
  readonly backend: Backend | undefined
  /** "open", then "closing" while its live tasks have their grace, then "closed". */
  phase: "open" | "closing" | "closed"
}
