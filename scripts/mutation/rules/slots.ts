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
    "claiming: each fiber makes a claim of its own",
    "transition/slot.ts",
    "  if (run.lane !== undefined) return\n",
    ""
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
    "yield* sleep(run, delay)",
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
    "  machine.ready.remove(run)\n  machine.ready.add(run, priority, task.pool.depth)\n",
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
  one("R19", "one more than a limit runs", "queue/limit.ts", "this.taken < this.permits", "this.taken <= this.permits"),
  one("R19", "a start takes no permit", "transition/slot.ts", "  run.limit?.take()\n", ""),
  one(
    "R19",
    "a full limit that has room again is not noticed",
    "queue/limit.ts",
    "if (wasFull && this.hasRoom) {",
    "if (false) {"
  ),
  one("R19", "all keys of a job have one limit", "dispatch/accept.ts", "limitOf(run, limitKey)", "limitOf(run)"),
  {
    rule: "R19",
    name: "a sleeping task keeps its permit",
    edits: [
      ["transition/slot.ts", "  run.limit?.take()\n", `  if (task.state === "Queued") run.limit?.take()\n`],
      ["transition/slot.ts", "  run.limit?.release()\n", `  if (run.task.state !== "Sleeping") run.limit?.release()\n`]
    ]
  }
]
