/** R17 to R19: slots and waiting, the order of starts, limits. */
import { one, type RuleMutant } from "./rule.ts"

export const slots: ReadonlyArray<RuleMutant> = [
  // each line of the table in transition/slot.ts
  one(
    "R17",
    "Running: a wait keeps the slot",
    "transition/slot.ts",
    `  if (task.state === "Running") {\n    const waiting`,
    "  if (false) {\n    const waiting"
  ),
  one(
    "R17",
    "Running: a fiber whose wait ends stands behind a claim",
    "transition/slot.ts",
    `if (run.task.state !== "Sleeping") return true`,
    `if (run.task.state !== "Sleeping" && run.task.state !== "Running") return true`
  ),
  one(
    "R17",
    "Running: a task some of whose fibers still wait keeps its slot",
    "transition/slot.ts",
    `if (pending !== undefined && run.task.state === "Running") lend`,
    "if (false) lend"
  ),
  one(
    "R17",
    "Running: a task that ends while a fiber of it waits keeps its slot",
    "transition/slot.ts",
    "  if (waiting.waits.size > 0) releaseSlot(run)\n",
    ""
  ),
  one(
    "R17",
    "Sleeping: a fiber whose wait ends goes on without a slot",
    "transition/slot.ts",
    "  claim(run, waiting, wait)\n  return false",
    "  return true"
  ),
  one(
    "R17",
    "Sleeping: the verdict leaves the task asleep in the counts of its pool",
    "transition/counting.ts",
    `state === "Running" || state === "Stopping"\n    ? "running"`,
    `state === "Running"\n    ? "running"\n    : state === "Stopping"\n    ? "sleeping"`
  ),
  one(
    "R17",
    "claiming: a fiber that comes to stand behind a claim puts it back",
    "transition/slot.ts",
    "  if (run.lane === undefined) run.order = machine.nextOrder()\n  else if (!wait.starts) return\n  else machine.resuming.remove(run)\n",
    "  if (run.lane !== undefined) machine.resuming.remove(run)\n  run.order = machine.nextOrder()\n"
  ),
  one(
    "R17",
    "claiming: one fiber of those behind a claim goes on",
    "transition/slot.ts",
    "  waiting.claimants = []\n  return claimants\n",
    "  waiting.claimants = []\n  return claimants.slice(0, 1)\n"
  ),
  one(
    "R17",
    "claiming: a task that is cancelled claims on",
    "transition/slot.ts",
    "  if (run.lane !== undefined) machine.resuming.remove(run)\n",
    ""
  ),
  one(
    "R17",
    "claiming: a cancel leaves those who stand behind the claim",
    "transition/slot.ts",
    "  if (waiting.claimants.length > 0) goOn(run, waiting)\n",
    ""
  ),
  one(
    "R17",
    "Stopping: a finalizer that waits keeps the slot",
    "transition/slot.ts",
    `  } else if (task.state === "Stopping") {\n    releaseSlot(run)\n`,
    "  } else {\n"
  ),
  one(
    "R17",
    "Stopping: a fiber whose wait ends needs a slot",
    "transition/slot.ts",
    `if (run.task.state !== "Sleeping") return true`,
    `if (run.task.state === "Running" || run.task.state === "Exited") return true`
  ),
  one(
    "R17",
    "a slot is given to more than there are workers",
    "queue/slots.ts",
    "this.busy < this.limit",
    "this.busy <= this.limit"
  ),
  one(
    "R17",
    "a retry's delay keeps the slot",
    "run/attempt.ts",
    `yield* pause(run, delay, "retry")`,
    "yield* Effect.sleep(delay)"
  ),
  one(
    "R17",
    "whileSleeping keeps the slot",
    "wait/wait.ts",
    "      if (run === undefined) return restore(effect)\n",
    "      if (run === undefined || true) return restore(effect)\n"
  ),
  one(
    "R17",
    "a send to a full inbox keeps the slot",
    "run/inbox.ts",
    "Effect.succeed(true) : offer(task, inbox, message)",
    "Effect.succeed(true) : Queue.offer(inbox, message)"
  ),
  one(
    "R17",
    "the sleep of a task that reads is news to readers",
    "transition/slot.ts",
    "({ reading }: Waiting): boolean => reading === 0",
    "(_: Waiting): boolean => true"
  ),
  one(
    "R17",
    "the sleep of a task that reads is not told of at all",
    "record/machine.ts",
    "listener.offer(make, subject, this.seq, at, detail, news)",
    "if (news) listener.offer(make, subject, this.seq, at, detail, news)"
  ),
  one(
    "R17",
    "the sleep of a task that has read is no news",
    "wait/wait.ts",
    "Effect.sync(() => waiting !== undefined && waiting.reading--)",
    "Effect.void"
  ),
  // order
  one(
    "R18",
    "a pause is ignored",
    "run/turn.ts",
    "(machine.paused ? undefined : machine.ready.peek())",
    "machine.ready.peek()"
  ),
  one(
    "R18",
    "a pause holds back resuming tasks",
    "run/turn.ts",
    "(machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek()))",
    "(machine.paused ? undefined : machine.resuming.peek() ?? machine.ready.peek())"
  ),
  one(
    "R18",
    "queued tasks start before others resume",
    "run/turn.ts",
    "(machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek()))",
    "((machine.paused ? undefined : machine.ready.peek()) ?? machine.resuming.peek())"
  ),
  one("R18", "lower priorities go first", "queue/readyQueue.ts", "a.priority > b.priority", "a.priority < b.priority"),
  one(
    "R18",
    "new parents start before the children of others",
    "queue/readyQueue.ts",
    "a.depth > b.depth",
    "a.depth < b.depth"
  ),
  one(
    "R18",
    "a child pool is as deep as the pool of its maker",
    "record/pool.ts",
    "maker.pool.depth + 1",
    "maker.pool.depth"
  ),
  one(
    "R18",
    "of lanes that are alike the last comes first",
    "queue/readyQueue.ts",
    "a.headOrder < b.headOrder",
    "a.headOrder > b.headOrder"
  ),
  one(
    "R18",
    "a queued task with a new priority keeps its place",
    "transition/lifecycle.ts",
    "  machine.ready.remove(run)\n  machine.ready.add(run, priority, task.pool.depth, run.limits)\n",
    ""
  ),
  one("R18", "a resize or resume is not noticed", "handle/workerPool.ts", "  machine.schedule()\n", ""),
  one(
    "R18",
    "above 32 workers an id is not the smallest that is free",
    "queue/slots.ts",
    "    if (at < this.first) this.first = at\n",
    ""
  ),
  // limits
  one(
    "R19",
    "one more than a limit runs",
    "queue/limit.ts",
    "return this.limit - this.taken",
    "return this.limit + 1 - this.taken"
  ),
  one("R19", "a start takes no permit", "transition/slot.ts", "    limits.take(execution.takenAt)\n", ""),
  one(
    "R19",
    "a full limit that has room again is not noticed",
    "queue/limit.ts",
    "    this.taken--\n    if (this.hasRoom) this.offer()\n",
    "    this.taken--\n"
  ),
  one(
    "R19",
    "all keys of a job have one limit",
    "transition/limits.ts",
    `keys === undefined ? "" : keys[i]`,
    `""`
  ),
  one(
    "R19",
    "a sleeping task keeps its permit",
    "transition/slot.ts",
    "  run.limits?.held?.release()\n",
    `  if (run.task.state !== "Sleeping") run.limits?.held?.release()\n`
  ),
  one(
    "R19",
    "a start looks at the first of its limits only",
    "queue/limits.ts",
    "for (const limit of this.all) if (!limit.hasRoom) return limit",
    "for (const limit of this.all.slice(0, 1)) if (!limit.hasRoom) return limit"
  ),
  one(
    "R19",
    "a lane that is kept out lets no other one try",
    "queue/readyQueue.ts",
    "      full.park(lane)\n      offerNext(lane)\n",
    "      full.park(lane)\n"
  ),
  one(
    "R19",
    "when the head of a lane has gone others do not try",
    "queue/readyQueue.ts",
    "    else if (lane.parkedAt !== undefined) return this.rerank(lane)\n    offerNext(lane)\n",
    "    else if (lane.parkedAt !== undefined) return this.rerank(lane)\n"
  ),
  one(
    "R19",
    "a parked lane keeps the rank of a head that has gone",
    "queue/readyQueue.ts",
    "else if (lane.parkedAt !== undefined) return this.rerank(lane)",
    "else if (lane.parkedAt !== undefined) return"
  ),
  one(
    "R19",
    "a parked lane is not tried again when a better entry comes",
    "queue/readyQueue.ts",
    "      lane.parkedAt.unpark(lane) // it may be better now than the one that was let go before it\n      this.open.push(lane)\n",
    ""
  )
]
