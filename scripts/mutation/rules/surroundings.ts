/** R16, R24: memory, what is told, what things cost. */
import { one, type RuleMutant } from "./rule.ts"

export const surroundings: ReadonlyArray<RuleMutant> = [
  one(
    "R16",
    "the newest kept result goes first",
    "record/history.ts",
    "this.results.keys().next().value!",
    "[...this.results.keys()].at(-1)!"
  ),
  one(
    "R16",
    "a kept result that is used does not stay longer",
    "record/history.ts",
    "    this.results.delete(key)\n    this.results.set(key, result)\n",
    ""
  ),
  one(
    "R16",
    "a kept result outlives its time to live",
    "record/history.ts",
    "this.timers.set(this.timeToLive, () => this.remove(key))",
    "this.timers.set(this.timeToLive, () => {})"
  ),
  one("R16", "failures are kept", "transition/lifecycle.ts", `    exitStatusOf(task) === "success"\n`, "    true\n"),
  one(
    "R16",
    "ended tasks stay visible for ever",
    "record/history.ts",
    "    while (this.items.length > this.limit) this.forget(this.items.shift()!)\n",
    ""
  ),
  one(
    "R16",
    "a kept result is gone when the history forgets it",
    "record/machine.ts",
    "    if (task.job.kept.has(task)) extrasOf(task).outOfHistory = true\n    else this",
    "    task"
  ),
  // memory
  one(
    "R16",
    "what the history has forgotten can be looked up",
    "record/machine.ts",
    "else this.index.delete(task)",
    "else return"
  ),
  one(
    "R16",
    "a handle keeps the other tasks of its key",
    "record/lookup.ts",
    "    if (task.extras !== undefined) task.extras.older = task.extras.newer = undefined\n",
    ""
  ),
  one(
    "R16",
    "a task keeps those that stood beside it in the queue",
    "queue/readyQueue.ts",
    "    entry.ahead = entry.behind = undefined\n",
    ""
  ),
  one(
    "R16",
    "a lane that was full keeps its last task",
    "queue/readyQueue.ts",
    "    if (behind === undefined) this.tail = ahead\n    else behind.ahead = ahead\n",
    "    if (behind !== undefined) behind.ahead = ahead\n"
  ),
  one(
    "R16",
    "a task keeps those that its pool held beside it",
    "transition/tickets.ts",
    "  ticket.previous = ticket.next = undefined\n",
    ""
  ),
  one(
    "R16",
    "a key is remembered for ever",
    "dispatch/accept.ts",
    "new KeyQueue(() => keys.delete(key))",
    "new KeyQueue()"
  ),
  one(
    "R16",
    "the limit of a key is remembered for ever",
    "queue/family.ts",
    `"job-concurrency", () => this.delete(key))`,
    `"job-concurrency", () => {})`
  ),
  one(
    "R16",
    "a task remembers the pools that it has made",
    "transition/tickets.ts",
    "  pool.maker?.run?.execution?.pools?.delete(pool)\n",
    ""
  ),
  one(
    "R16",
    "a pool keeps the task that made it",
    "transition/tickets.ts",
    "  pool.maker = undefined\n  handUp(pool)",
    "  handUp(pool)"
  ),
  one(
    "R16",
    "the Scope of a pool remembers it when it is done",
    "transition/tickets.ts",
    "  if (pool.scope !== undefined) Scope.closeUnsafe(pool.scope, Exit.void)",
    "  void 0"
  ),
  one(
    "R16",
    "a done pool keeps the payloads of what failed",
    "transition/tickets.ts",
    "  if (pool.joining === 0) pool.payloads = undefined\n",
    ""
  ),
  one(
    "R16",
    "a joined pool keeps the payloads of what failed",
    "handle/pool.ts",
    "if (--record.joining === 0 && record.released) record.payloads = undefined",
    "record.joining--"
  ),
  one(
    "R16",
    "GLOBAL keeps the payloads of what failed",
    "transition/lifecycle.ts",
    "if (!pool.isGlobal) (pool.payloads",
    "if (true) (pool.payloads"
  ),
  one("R16", "the failures of a pool keep their tasks", "observe/label.ts", "  failed.task = undefined\n", ""),
  one(
    "R16",
    "a handle keeps its closed worker pool",
    "record/directory.ts",
    "    this.machine.release(this.past.tasks)\n",
    ""
  ),
  one(
    "R21",
    "the pools of a closed worker pool find nothing",
    "record/machine.ts",
    "    this.past = new WeakRef(past)\n",
    "    this.past = undefined\n"
  ),
  one(
    "R16",
    "a handle keeps the tasks of its closed worker pool",
    "record/machine.ts",
    "    this.past = new WeakRef(past)\n",
    "    this.past = { [Symbol.toStringTag]: \"WeakRef\", deref: () => past }\n"
  ),
  one(
    "R16",
    "a handle keeps what its closed worker pool was built with",
    "record/machine.ts",
    "    this.context = Context.empty()\n",
    ""
  ),
  one(
    "R16",
    "a handle keeps the async context in which its closed worker pool was built",
    "record/machine.ts",
    "    this.turn = this.makeTurn((f) => f()) // who closes from inside goes on, but not in the async context of the builder\n",
    ""
  ),
  one(
    "R16",
    "a metric keeps the worker pool",
    "observe/metrics.ts",
    "      counterOf(get)\n",
    "      { get: () => ({ count: get(), incremental: true }), update: () => context, modify: () => {} }\n"
  ),
  one(
    "R16",
    "a reader that has left is told on",
    "handle/workerPool.ts",
    "(listener) => Effect.sync(() => machine.listeners.delete(listener))",
    "() => Effect.void"
  ),
  // what is told
  one(
    "R24",
    "events are numbered only when somebody listens",
    "record/machine.ts",
    "    this.seq++\n    if (news) this.touch()\n    if (this.listeners.size === 0) return\n",
    "    if (news) this.touch()\n    if (this.listeners.size === 0) return\n    this.seq++\n"
  ),
  one("R24", "lost events are not told of", "record/listener.ts", "      this.missed++\n", ""),
  one(
    "R24",
    "a listener's buffer has no end",
    "record/listener.ts",
    "const bufferSize = 4096",
    "const bufferSize = Infinity"
  ),
  one("R24", "an error is told of without its cause", "observe/event.ts", `exitStatus === "error"\n`, "false\n"),
  one(
    "R24",
    "a span in GLOBAL is a child",
    "observe/span.ts",
    "task.pool.isGlobal || parent === undefined\n",
    "parent === undefined\n"
  ),
  one(
    "R24",
    "a span in GLOBAL has no link",
    "observe/span.ts",
    "parent === undefined ? [] : [{ span: parent, attributes: {} }]",
    "[]"
  ),
  one(
    "R24",
    "spans are made for the built-in tracer",
    "observe/span.ts",
    "tracer === Tracer.nativeTracer ? undefined : tracer",
    "tracer"
  ),
  one(
    "R24",
    "logs do not say where they come from",
    "observe/log.ts",
    "  if (task === undefined) return\n",
    "  return\n"
  ),
  one("R24", "dispatches are not counted in the metrics", "dispatch/accept.ts", "  countDispatch(task)\n", ""),
  one(
    "R24",
    "the queue time of the metrics counts to the end",
    "observe/metrics.ts",
    "task.startedAt - task.queuedAt",
    "task.finishedAt! - task.queuedAt"
  ),
  one(
    "R24",
    "loggers that a handler provides itself do not see whose a line is",
    "observe/log.ts",
    "atReading(others)),",
    "others),"
  ),
  one(
    "R24",
    "the logs of a hook do not say whose they are",
    "run/hooks.ts",
    "inside.kind === \"finalizer\" ? placed : annotatedFor(placed, inside.task)",
    "placed"
  ),
  one(
    "R24",
    "a task starts when the turn read the clock, before others held the thread",
    "run/turn.ts",
    "    if (!next.task.settled) machine.timers.age() // what ends at once has read the clock at its end\n",
    ""
  ),
  one(
    "R24",
    "a task starts when a dispatcher was admitted, before that held the thread",
    "run/turn.ts",
    "  machine.timers.age() // the dispatcher has gone on\n",
    ""
  ),
  one(
    "R24",
    "a task starts when a message was delivered, before who got it held the thread",
    "run/turn.ts",
    "    deliver(message)\n    machine.timers.age()\n",
    "    deliver(message)\n"
  ),
  // costs
  one(
    "R20",
    "a flood of dispatches holds all its tasks at once",
    "dispatch/dispatch.ts",
    "  giveWay(fiber, machine.ready.size)\n",
    ""
  ),
  one(
    "R16",
    "the stack of a kept failure leads to the payload",
    "observe/label.ts",
    "  failed.cause.reasons.forEach(readStack)\n",
    ""
  ),
  one("R16", "unique ids start anew in each process", "record/machine.ts", "settings.ids === \"unique\"", "false"),
  one(
    "R16",
    "a job gives the tasks of others by id",
    "handle/job.ts",
    "found.job.tag === tag ?",
    "found !== undefined ?"
  )
]
