/**
 * Serves the dashboard of a run: a web page on which its tasks can be watched and stopped. The run never fails of it.
 */
import { Cause, Effect, Layer } from "effect"
import type { WorkerPool } from "effect-tasks"

const port = 4747

/** Announces where it is, on the stream; on another port where the usual one is taken. */
export const layer = (title: string, stream: NodeJS.WriteStream): Layer.Layer<never, never, WorkerPool> =>
  Layer.unwrap(Effect.promise(async () => {
    // loaded only when it is wanted: it takes a moment
    const { Dashboard } = await import("@effect-tasks/dashboard")
    const on = (port: number) =>
      Dashboard.layer({
        port,
        title,
        announce: (url) => Effect.sync(() => void stream.write(`Dashboard: ${url}\n`))
      })
    return Layer.catchTag(on(port), "ServeError", () => on(0))
  })).pipe(
    Layer.catchCause((cause) => {
      stream.write(`No dashboard: ${Cause.pretty(cause).split("\n", 1)[0]}\n`)
      return Layer.empty
    })
  )

/** Keeps the dashboard there to be looked at until the program is stopped. */
export const stay = (stream: NodeJS.WriteStream): Effect.Effect<never> =>
  Effect.suspend(() => {
    stream.write("The dashboard stays open; Ctrl-C closes it.\n")
    return Effect.never
  })
