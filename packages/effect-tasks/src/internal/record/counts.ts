/** The column in which a task's state is counted. */
export type Column = "queued" | "running" | "sleeping" | "complete"

/** Numbers that roll up. `total = queued + running + sleeping + complete`, always; Stopping tasks count as running. */
export class Counts {
  total = 0
  queued = 0
  running = 0
  sleeping = 0
  complete = 0
  failed = 0
  canceled = 0

  /** By name, but not `this[column]`, which costs several times as much. */
  add(column: Column, by: 1 | -1): void {
    if (column === "queued") this.queued += by
    else if (column === "running") this.running += by
    else if (column === "sleeping") this.sleeping += by
    else this.complete += by
  }

  /** Adds all of these. */
  include(counts: Counts): void {
    this.total += counts.total
    this.queued += counts.queued
    this.running += counts.running
    this.sleeping += counts.sleeping
    this.complete += counts.complete
    this.failed += counts.failed
    this.canceled += counts.canceled
  }
}
