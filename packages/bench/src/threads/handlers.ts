import * as Thread from "@effect-tasks/threads/Thread"
import * as Effect from "effect/Effect"
import { Carry, Compute, Flood } from "./jobs.ts"
import { compute } from "./work.ts"

export const computing = Thread.of(Compute)(({ turns }) => Effect.sync(() => compute(turns) < 0 ? 1 : 0))

export const carry = Thread.of(Carry)(({ bytes }) => Effect.succeed(bytes))

export const flood = Thread.of(Flood)(Effect.fnUntraced(function*({ reports }, task) {
  for (let n = 1; n <= reports; n++) yield* task.report(n)
}))
