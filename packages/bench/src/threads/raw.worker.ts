import { parentPort } from "node:worker_threads"
import { carryOut, moved, type Order } from "./work.ts"

parentPort!.on("message", (order: Order) => {
  const result = carryOut(order)
  parentPort!.postMessage(result, moved(result))
})
