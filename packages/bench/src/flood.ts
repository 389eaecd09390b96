/** What there is at the peak of a flood: a fiber that dispatches a great many tasks, one after the other. */
import { Effect } from "effect"
import { WorkerPool } from "effect-tasks"
import { items } from "./bodies.ts"
import { liveBytes, liveBytesNow } from "./heap.ts"
import { type App, SyncJob } from "./tasks.ts"

/** Tasks that have not ended. */
const unfinished = WorkerPool.use(({ status }) =>
  Effect.map(status, ({ complete, dispatched }) => dispatched - complete)
)

/** The most that is read, every so many dispatches: no rhythm of theirs should divide it. */
const peak = (size: number, keep: boolean, every: number, read: Effect.Effect<number, never, WorkerPool>) =>
  Effect.suspend(() => {
    let most = 0
    const look = Effect.map(read, (value) => {
      most = Math.max(most, value)
    })
    const dispatch = (n: number) => {
      const dispatched = SyncJob.dispatch({ n })
      return n % every > 0 ? dispatched : Effect.tap(dispatched, look)
    }
    return Effect.map(Effect.forEach(items(size), dispatch, { discard: !keep }), () => most)
  })

/** The most tasks that have not ended, while so many are dispatched and all handles are kept, or none. */
export const mostUnfinished = (app: App, size: number, keep = false): Promise<number> =>
  app.runPromise(peak(size, keep, 97, unfinished))

/** The most bytes that live beyond those that do before. */
export const mostBytes = async (app: App, size: number, keep = false): Promise<number> => {
  items(size)
  const before = await liveBytes()
  return await app.runPromise(peak(size, keep, 20_011, Effect.sync(liveBytesNow))) - before
}
