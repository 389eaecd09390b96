import * as Job from "effect-tasks/Job"
import * as Schema from "effect/Schema"

export class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
