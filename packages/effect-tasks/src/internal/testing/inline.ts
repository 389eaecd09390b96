/** A dispatch that returns when its task has ended. */
import * as Effect from "effect/Effect"
import type { DispatchErrorReason } from "../../TaskError.ts"
import type { Accepted, Request } from "../accept.ts"
import { Admission } from "../admission.ts"
import * as control from "../control.ts"

export class InlineAdmission extends Admission {
  override submit(request: Request): Effect.Effect<Accepted, DispatchErrorReason> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.tap(
        restore(super.submit(request)),
        ({ task }) => restore(control.owning(task, control.settled(task)))
      )
    )
  }
}
