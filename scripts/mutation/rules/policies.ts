/** R30 to R32: schedules, many dispatches, limits of pools; and `explain`. */
import { one, type RuleMutant } from "./rule.ts"

export const policies: ReadonlyArray<RuleMutant> = [
  // schedules
  one(
    "R30",
    "ticks drift: the next one follows now",
    "handle/cron.ts",
    "      return latest\n",
    "      return yield* wallTime\n"
  ),
  one(
    "R30",
    "every tick that passed fires",
    "handle/cron.ts",
    "Math.max(next, Cron.prev(cron, (yield* wallTime) + 1).getTime())",
    "next"
  ),
  one(
    "R30",
    "skip does not look whether the last task is live",
    "handle/cron.ts",
    "const isLive = last !== undefined && !last.settled",
    "const isLive = false"
  ),
  one("R30", "a task counts as live until its hooks run", "handle/cron.ts", "!last.settled", `last.state !== "Exited"`),
  one(
    "R30",
    "supersede leaves the last task alone",
    "handle/cron.ts",
    `yield* toTask(last).cancel("superseded by its schedule")`,
    "yield* Effect.void"
  ),
  one("R30", "queue does not wait", "handle/cron.ts", "yield* toTask(last).exit\n", "yield* Effect.void\n"),
  one(
    "R30",
    "a refused dispatch ends the schedule",
    "handle/cron.ts",
    "yield* logged(record, fire(latest))",
    "yield* Effect.orDie(fire(latest))"
  ),
  one("R30", "a paused schedule fires", "handle/cron.ts", "else if (!paused && !record.paused) yield*", "else yield*"),
  one(
    "R30",
    "two schedules may have one name",
    "handle/cron.ts",
    "if (machine.crons.has(record.name)) {",
    "if (false) {"
  ),
  one(
    "R30",
    "a schedule outlives its layer in the listing",
    "handle/cron.ts",
    "() => Effect.sync(() => machine.crons.delete(name))",
    "() => Effect.void"
  ),
  one(
    "R30",
    "a wall that was set is seen after the whole sleep",
    "handle/cron.ts",
    "Math.min(moment - now, longest)",
    "moment - now"
  ),
  one(
    "R30",
    "jitter delays the ticks that follow",
    "handle/cron.ts",
    "const latest = Math.max(next,",
    "const latest = Math.max(yield* wallTime,"
  ),
  // many dispatches
  one(
    "R31",
    "all items are made at once",
    "dispatch/cursor.ts",
    "return this.unstarted >= this.bulk.ahead",
    "return false"
  ),
  one(
    "R31",
    "one more than `ahead` waits",
    "dispatch/cursor.ts",
    "return this.unstarted >= this.bulk.ahead",
    "return this.unstarted > this.bulk.ahead"
  ),
  one(
    "R31",
    "its tasks stand behind what came later",
    "dispatch/accept.ts",
    "  if (cursor !== undefined && delay === 0) run.order = cursor.orderOfTasks\n",
    ""
  ),
  one(
    "R31",
    "its pool is done before",
    "dispatch/cursor.ts",
    "    pool.remaining++\n    pool.machine.cursors",
    "    pool.machine.cursors"
  ),
  one("R31", "the first task that starts does not let it go on", "transition/lifecycle.ts", "  cursor.taken()\n", ""),
  one(
    "R31",
    "items that are never made stay queued",
    "dispatch/cursor.ts",
    "    forgoItems(this.pool, this.counted)\n",
    ""
  ),
  one(
    "R31",
    "an item that joins a task counts twice",
    "dispatch/cursor.ts",
    "      return countItems(this.pool, -1)\n",
    "      return\n"
  ),
  one(
    "R31",
    "a cancel of GLOBAL leaves what is dispatched into it",
    "transition/stop.ts",
    "if (cursor.pool === pool) cursor.refuse",
    "if (false) cursor.refuse"
  ),
  one(
    "R31",
    "a sealed pool refuses the items that are left",
    "dispatch/accept.ts",
    "(!pool.sealed || hasBegun || ",
    "(!pool.sealed || "
  ),
  one(
    "R31",
    "the layer's closing leaves it",
    "record/machine.ts",
    "for (const cursor of this.cursors) cursor.reconsider()",
    ""
  ),
  one(
    "R31",
    "interrupted it makes on",
    "handle/dispatchAll.ts",
    "Effect.sync(() => cursor.end(Exit.void))\n",
    "Effect.void\n"
  ),
  one("R31", "it takes capacity", "dispatch/cursor.ts", "readonly weight = 0", "readonly weight = 1"),
  one(
    "R31",
    "an item may stand behind who waits for the call",
    "dispatch/cursor.ts",
    "if (ring !== undefined) return this.end(Exit.die(ring))",
    ""
  ),
  one("R31", "a stream is pulled without bound", "dispatch/cursor.ts", "this.chunks.length < mostChunks", "true"),
  one(
    "R31",
    "an iterator that it leaves is not closed",
    "dispatch/cursor.ts",
    `    if (items !== undefined) machine.tell({ _tag: "close", items })\n`,
    ""
  ),
  one("R31", "a drain does not wait for items", "wait/drain.ts", "live === 0 && cursors.size === 0", "live === 0"),
  // limits of pools
  one(
    "R32",
    "a pool's limit holds for its own tasks only",
    "transition/limits.ts",
    "for (const { permits } of chain(pool)) if (permits !== undefined) yield permits",
    "if (pool.permits !== undefined) yield pool.permits"
  ),
  one(
    "R32",
    "a pool's limit is ignored at a dispatch",
    "transition/limits.ts",
    "if (machine.limitedPools > 0) found.push(...limitsAbove(pool))",
    ""
  ),
  one(
    "R32",
    "a limit that is made later reaches no task that is there",
    "transition/limits.ts",
    "  regateBelow([pool])\n",
    ""
  ),
  one(
    "R32",
    "a resized pool is not looked at anew",
    "queue/limit.ts",
    "    this.limit = limit\n    if (this.hasRoom) this.offer()\n",
    "    this.limit = limit\n"
  ),
  one(
    "R32",
    "pools that move keep the limit of the parent that they left",
    "transition/tickets.ts",
    "  if (task.machine.limitedPools > 0) regateBelow(pools)\n",
    ""
  ),
  one(
    "R32",
    "a pool that has ended is counted as limited for ever",
    "transition/tickets.ts",
    "  if (pool.permits !== undefined) machine.limitedPools--\n",
    ""
  ),
  one(
    "R32",
    "GLOBAL can be limited",
    "handle/pool.ts",
    "      if (this.isGlobal) {\n        refuse",
    "      if (false) {\n        refuse"
  ),
  one(
    "R32",
    "the limit of a pool is told as that of a job",
    "queue/limit.ts",
    "    this.waitingFor = waitingFor\n",
    `    this.waitingFor = "job-concurrency"\n`
  ),
  // explain
  one(
    "WorkerPool",
    "the holders of a limit are all who stand behind it",
    "handle/explain.ts",
    "(run.execution?.slot ?? -1) >= 0",
    "true"
  ),
  one(
    "WorkerPool",
    "a place counts lower priorities",
    "queue/readyQueue.ts",
    "priority > lane.priority : depth",
    "priority < lane.priority : depth"
  ),
  one(
    "WorkerPool",
    "a place does not count those before it in its lane",
    "queue/readyQueue.ts",
    "before += other.countBefore(entry)",
    "before += 0"
  ),
  one(
    "WorkerPool",
    "the tasks of a key that it names are those behind it",
    "handle/explain.ts",
    "behind.slice(behind.indexOf(task) + 1, most)",
    "behind.slice(0, behind.indexOf(task))"
  ),
  one(
    "WorkerPool",
    "a rate never says when it has room again",
    "handle/explain.ts",
    "limit instanceof Hold && shared.isFull && limit.opensAt < Infinity",
    "false"
  ),
  one(
    "WorkerPool",
    "a held key is not told of",
    "handle/explain.ts",
    `limit instanceof Rate && limit.waitingFor === "paused"`,
    "false"
  ),
  one(
    "WorkerPool",
    "a pause of the job is not told of",
    "handle/explain.ts",
    "task.job.hold?.hasRoom === false",
    "false"
  )
]
