/** The tasks of one key that have not ended, oldest first. Only the first of them may run. */
import type { Run } from "./records.ts"

export class Line {
  private readonly runs: Array<Run> = []
  private readonly onEmpty: (() => void) | undefined

  constructor(onEmpty?: () => void) {
    this.onEmpty = onEmpty
  }

  get first(): Run | undefined {
    return this.runs[0]
  }

  /** The task that a further dispatch of the key joins or replaces. */
  get newest(): Run | undefined {
    return this.runs[this.runs.length - 1]
  }

  add(run: Run): void {
    run.line = this
    this.runs.push(run)
  }

  remove(run: Run): void {
    this.runs.splice(this.runs.lastIndexOf(run), 1)
    if (this.runs.length === 0) this.onEmpty?.()
  }
}
