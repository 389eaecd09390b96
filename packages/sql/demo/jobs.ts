/** What the cluster of the demonstration does: orders, each with a parcel for every item. */
import { Durable } from "@effect-tasks/sql"
import { Effect, Layer, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"

/** Says who has packed it. */
class Pack extends Job.make("Pack", {
  payload: { order: Schema.Int, item: Schema.Int },
  success: Schema.String
}) {}

export class Order extends Job.make("Order", {
  payload: { order: Schema.Int, items: Schema.Int },
  success: Schema.Int
}) {}

const pack = (runner: string) => Durable.toLayer(Pack, () => Effect.as(Effect.sleep(2), runner))

const order = Durable.toLayer(Order, ({ items, order }) =>
  Effect.map(
    TaskPool.forEach(
      Array.from({ length: items }, (_, item) => item),
      (item, pool) => Pack.dispatch({ order, item }, { pool })
    ),
    (packed) => packed.length
  ))

/** In a process that runs them. */
export const run = (runner: string) => order.pipe(Layer.provideMerge(pack(runner)))

/** In a process that only dispatches. */
export const dispatchOnly = Durable.client(Order)
