/**
 * Merging handler layers.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import { refuse } from "./internal/job/checks.ts"

type Any = Layer.Layer<any, any, any> | Layer.Layer<never, any, any>

/**
 * Merges handler layers and lets them satisfy each other, so that jobs may dispatch each other in circles.
 *
 * **Example** (Two jobs that dispatch each other)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Job, JobRegistry, WorkerPool } from "effect-tasks"
 *
 * class Ping extends Job.make("Ping", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 * class Pong extends Job.make("Pong", { payload: { n: Schema.Int }, success: Schema.Int }) {}
 *
 * const PingLive = Ping.toLayer(({ n }) => (n === 0 ? Effect.succeed(0) : Effect.orDie(Pong.run({ n: n - 1 }))))
 * const PongLive = Pong.toLayer(({ n }) => (n === 0 ? Effect.succeed(1) : Effect.orDie(Ping.run({ n: n - 1 }))))
 *
 * const AppLive = JobRegistry.layer(PingLive, PongLive).pipe(Layer.provideMerge(WorkerPool.layer({ workers: 1 })))
 *
 * console.log(await Effect.runPromise(Ping.run({ n: 3 }).pipe(Effect.provide(AppLive)))) // 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <const Layers extends readonly [Any, ...Array<Any>]>(
  ...layers: Layers
): Layer.Layer<
  Layer.Success<Layers[number]>,
  Layer.Error<Layers[number]>,
  Exclude<Layer.Services<Layers[number]>, Layer.Success<Layers[number]>>
> =>
  // a Handler is a proof for the compiler and never read, so merging is all there is to do
  Layer.suspend(() => Layer.mergeAll(...layers.map(toLayer) as any)) as any

const toLayer = (layer: unknown): unknown =>
  Layer.isLayer(layer) ? layer : refuse("JobRegistry", "a layer", layer, "give what toLayer of a job returns")
