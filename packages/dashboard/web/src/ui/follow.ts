/** Follow mode: the newest running task is kept in view, until a person moves. */
import { signal } from "@preact/signals"
import { show } from "../data/selection.ts"
import { store } from "../data/store.ts"

export const following = signal(false)

/** Not more often, so that a line can be read before the next comes. */
const pause = 500
let movedAt = 0

export const follow = (): void => {
  const now = performance.now()
  if (!following.peek() || now - movedAt < pause) return
  const id = newestRunning()
  if (id === undefined) return
  movedAt = now
  show(id)
}

const newestRunning = (): string | undefined => {
  let newest: string | undefined
  let at = -1
  for (const row of store.live.values()) {
    if (row.state !== "Running" || row.startedAt === null || row.startedAt < at) continue
    newest = row.id
    at = row.startedAt
  }
  return newest
}
