/**
 * Follows a run by the events of its worker pool, and tells at any time how far it is. The jobs know nothing of it.
 */
import { Clock, Effect, Exit, Option, Stream } from "effect"
import { type Task, WorkerPool } from "effect-tasks"
import * as Failure from "./Failure.ts"
import * as FilePath from "./FilePath.ts"
import * as Tally from "./Tally.ts"
import type { ViewState } from "./TerminalView.ts"

/** Follows as long as the Scope lives; what it gives tells the state of the moment. */
export const follow = Effect.fnUntraced(function*(root: FilePath.FilePath) {
  const workerPool = yield* WorkerPool
  const startedAt = yield* Clock.currentTimeMillis
  const tally = Tally.make()
  const failures: Array<ViewState["failures"][number]> = []

  const pathOf = (task: Task.Any) =>
    FilePath.relative(root, (task.payload as { readonly path: FilePath.FilePath }).path)

  const noteFailure = Effect.fnUntraced(function*(taskId: string) {
    const task = Option.getOrUndefined(yield* workerPool.task(taskId))
    const exit = task && Option.getOrUndefined((yield* task.status).exit)
    if (task === undefined || exit === undefined || Exit.isSuccess(exit)) return
    const reason = Failure.reasonOf(exit.cause)
    if (Option.isSome(reason)) failures.push({ path: pathOf(task), reason: reason.value })
  })

  yield* workerPool.events.pipe(
    Stream.runForEach((event) => {
      Tally.count(tally, event)
      return event._tag === "TaskExited" && event.exitStatus === "error" ? noteFailure(event.taskId) : Effect.void
    }),
    Effect.forkScoped({ startImmediately: true })
  )

  const running = Effect.fnUntraced(function*(now: number) {
    const ids = [...tally.live].filter(([, { phase }]) => phase === "running")
    const tasks = yield* Effect.forEach(ids, ([id]) => workerPool.task(id))
    return tasks.flatMap(Option.toArray).map((task) => ({
      job: task.job,
      what: pathOf(task),
      millis: now - (tally.live.get(task.id)?.since ?? now)
    }))
  })

  return Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    return {
      root,
      ...Tally.overall(tally),
      elapsedMillis: now - startedAt,
      allFound: tally.allFound && { elapsedMillis: tally.allFound.at - startedAt, done: tally.allFound.done },
      jobs: [...tally.jobs.values()],
      running: yield* running(now),
      failures
    } satisfies ViewState
  })
})
