/** A dispatch that returns when its task has ended. */
import * as Effect from "effect/Effect"
import type { DispatchError } from "../../TaskError.ts"
import type { Accepted, Request } from "../accept.ts"
import { Admission } from "../admission.ts"
import * as control from "../control.ts"

export class InlineAdmission extends Admission {
  override submit(request: Request): Effect.Effect<Accepted, DispatchError> {
    const run = (owned: Request) => Effect.tap(super.submit(owned), ({ task }) => control.settled(task))
    return request.accepted === undefined ? control.owning((accepted) => run({ ...request, accepted })) : run(request)
  }
}
