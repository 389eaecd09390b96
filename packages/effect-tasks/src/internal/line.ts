/** The tasks of one key that have not ended, oldest first. Only the first of them may run. */
import type { Run } from "./records.ts"

export class Line {
  first: Run | undefined
  /** The task that a further dispatch of the key joins or replaces. */
  newest: Run | undefined
  private readonly onEmpty: (() => void) | undefined

  constructor(onEmpty?: () => void) {
    this.onEmpty = onEmpty
  }

  add(run: Run): void {
    run.line = this
    run.ahead = this.newest
    if (this.newest === undefined) this.first = run
    else this.newest.behind = run
    this.newest = run
  }

  remove(run: Run): void {
    if (run.ahead === undefined) this.first = run.behind
    else run.ahead.behind = run.behind
    if (run.behind === undefined) this.newest = run.ahead
    else run.behind.ahead = run.ahead
    run.ahead = run.behind = undefined
    if (this.first === undefined) this.onEmpty?.()
  }
}
