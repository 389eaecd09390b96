/** What tasks leave behind for the inspector. */
import * as Context from "effect/Context"
import type { LogLine, TaskSpan } from "../Inspection.ts"
import { kept } from "./limits.ts"

/** The latest entries of each task, for the latest tasks that made any. */
export class Recent<Entry> {
  private readonly entries = new Map<string, Array<Entry>>()

  add(taskId: string, entry: Entry): void {
    const entries = this.entries.get(taskId) ?? []
    if (entries.length === kept.notes.each) entries.shift()
    entries.push(entry)
    // the tasks with the latest entries come last
    this.entries.delete(taskId)
    this.entries.set(taskId, entries)
    if (this.entries.size > kept.notes.tasks) this.entries.delete(this.entries.keys().next().value!)
  }

  of(taskId: string): ReadonlyArray<Entry> {
    return this.entries.get(taskId) ?? []
  }
}

/** Empty unless `DashboardLogs.layer` fills it. */
export const RecentLogs = Context.Reference<Recent<LogLine> | undefined>("@effect-tasks/dashboard/RecentLogs", {
  defaultValue: () => undefined
})

/** Empty unless `DashboardSpans.layer` fills it. */
export const RecentSpans = Context.Reference<Recent<TaskSpan> | undefined>("@effect-tasks/dashboard/RecentSpans", {
  defaultValue: () => undefined
})
