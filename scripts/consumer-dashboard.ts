/** The program of a consumer of the dashboard: serves it, and asks it as a script and as a browser would. */
import { Dashboard, DashboardClient } from "@effect-tasks/dashboard"
import { limits } from "@effect-tasks/dashboard/contract"
import { matches, parse } from "@effect-tasks/dashboard/filter"
import { Effect, Layer, Redacted, Result } from "effect"
import { Job, WorkerPool } from "effect-tasks"

class Wait extends Job.make("Wait") {}

const AppLive = Layer.merge(
  Wait.toLayer(() => Effect.never),
  Dashboard.layer({ port: 0, announce: () => Effect.void })
).pipe(Layer.provideMerge(WorkerPool.layer()))

const program = Effect.gen(function*() {
  const { address, token, url } = yield* Dashboard
  const task = yield* Wait.dispatch()
  const client = yield* DashboardClient.make({ url })
  const { row } = yield* client.inspect({ taskId: task.id })
  const filter = Result.getOrThrow(parse("job:Wait".slice(0, limits.filter)))
  const isSeen = matches(filter, row, { now: 0, poolName: () => undefined })
  const headers = { authorization: `Bearer ${Redacted.value(token)}` }
  const page = yield* Effect.promise(() => fetch(address, { headers }).then((answer) => answer.text()))
  console.log(
    `the task is ${isSeen ? "seen" : "missing"}, the page ${page.includes("<script") ? "is there" : "is missing"}`
  )
  yield* task.cancel()
}).pipe(Effect.scoped)

await Effect.runPromise(program.pipe(Effect.provide(AppLive)))
