import * as Job from "effect-tasks/Job"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"

export class Compute extends Job.make("Compute", { payload: { turns: Schema.Int }, success: Schema.Int }) {}
export class Carry extends Job.make("Carry", {
  payload: { bytes: Transferable.Uint8Array },
  success: Transferable.Uint8Array
}) {}
export class Flood extends Job.make("Flood", { payload: { reports: Schema.Int }, progress: Schema.Int }) {}
