import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Effect from "effect/Effect"
import { WorkerRunnerPlatform } from "effect/workers/WorkerRunner"
import { carryOut, moved, type Order } from "./work.ts"

const serve = Effect.gen(function*() {
  const runner = yield* (yield* WorkerRunnerPlatform).start<unknown, Order>()
  yield* runner.run((port, order) => {
    const result = carryOut(order)
    return runner.send(port, result, moved(result))
  })
})

Effect.runFork(Effect.provide(serve, NodeWorkerRunner.layer))
