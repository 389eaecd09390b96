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
    run.inLine = { line: this, ahead: this.newest, behind: undefined }
    if (this.newest === undefined) this.first = run
    else this.newest.inLine!.behind = run
    this.newest = run
  }

  remove(run: Run): void {
    const { ahead, behind } = run.inLine!
    if (ahead === undefined) this.first = behind
    else ahead.inLine!.behind = behind
    if (behind === undefined) this.newest = ahead
    else behind.inLine!.ahead = ahead
    run.inLine = undefined // who keeps a task that has ended keeps no later one of its key
    if (this.first === undefined) this.onEmpty?.()
  }
}
