/** The module of the threads in the bundled programs. */
import * as Thread from "@effect-tasks/threads/Thread"
import * as Effect from "effect/Effect"
import { Double } from "./job.ts"

export default Thread.serve(Thread.handler(Double, ({ n }) => Effect.succeed(n * 2)))
