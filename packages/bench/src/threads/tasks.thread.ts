import * as Thread from "@effect-tasks/threads/Thread"
import * as Layer from "effect/Layer"
import { carry, computing, flood } from "./handlers.ts"
import { Carry, Compute, Flood } from "./jobs.ts"

export default Thread.serve(
  Layer.mergeAll(Thread.handler(Compute, computing), Thread.handler(Carry, carry), Thread.handler(Flood, flood))
)
