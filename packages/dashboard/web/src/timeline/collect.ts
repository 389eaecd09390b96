/** The tasks that a window touches, without asking all of them. */
import type { TaskRow } from "../../../src/Contract.ts"
import { matches } from "../data/matching.ts"
import { store } from "../data/store.ts"
import type { Window } from "./window.ts"

/** The first that ended after `at`; they are in the order of their ends, give or take a flush. */
const firstAfter = (rows: ReadonlyArray<TaskRow>, at: number): number => {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle].finishedAt ?? 0) < at) low = middle + 1
    else high = middle
  }
  return low
}

/** How far the order of ends may be off. */
const slack = 2_000

export const tasksIn = ({ from, to }: Window, visit: (row: TaskRow) => void): void => {
  const { exited } = store
  for (let i = firstAfter(exited, from - slack); i < exited.length; i++) {
    const row = exited[i]
    if (row.queuedAt < to && (row.finishedAt ?? 0) > from && matches(row.id)) visit(row)
  }
  for (const row of store.live.values()) if (row.queuedAt < to && matches(row.id)) visit(row)
}
