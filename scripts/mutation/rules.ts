/**
 * Mutants that break a rule of the design on purpose, written by hand. Each `find` must stand exactly once in its file of
 * `src/internal`, so a change of the source that moves a rule fails here instead of silently testing nothing.
 */
export interface RuleMutant {
  readonly rule: string
  readonly name: string
  readonly edits: ReadonlyArray<readonly [file: string, find: string, replace: string]>
}

const one = (rule: string, name: string, file: string, find: string, replace: string): RuleMutant => ({
  rule,
  name,
  edits: [[file, find, replace]]
})

export const rules: ReadonlyArray<RuleMutant> = [
  // hooks: order, isolation, and what waits for them
  one("R03", "onSuccess hooks run before onExit hooks", "hooks.ts", `"onExit", "onSuccess"]`, `"onSuccess", "onExit"]`),
  one("R03", "onExit hooks run before onFailure hooks", "hooks.ts", `"onFailure", "onExit",`, `"onExit", "onFailure",`),
  one(
    "R04",
    "a hook that comes too late for its kind is lost",
    "hooks.ts",
    "kind < this.kind ? kinds.length : kind",
    "kind"
  ),
  one(
    "R04",
    "a hook that fails is the last",
    "hooks.ts",
    "    ended(exit)\n  }\n  done()",
    "    ended(exit)\n    if (Exit.isFailure(exit)) break\n  }\n  done()"
  ),
  one(
    "R04",
    "a hook's failure is not logged",
    "hooks.ts",
    "Effect.logError(`The ${name} failed`, textOf(cause))",
    "Effect.void"
  ),
  one(
    "R04",
    "a late hook can be interrupted",
    "hooks.ts",
    "Effect.uninterruptible(runHere(place, due))",
    "runHere(place, due)"
  ),
  one("R04", "hooks of all kinds see success as failure", "hooks.ts", `kind === "onExit" || `, ""),
  one(
    "R03",
    "waiters wake before the hooks run",
    "lifecycle.ts",
    "  proceedAll(run)\n  if (task.extras?.hooks === undefined)",
    "  proceedAll(run)\n  machine.wakeAll(task)\n  if (task.extras?.hooks === undefined)"
  ),
  one(
    "R03",
    "the task settles while its hooks run",
    "lifecycle.ts",
    "machine.tell(() => runHooks(task, () => settle(run)))",
    "machine.tell(() => runHooks(task, () => {}))\n  settle(run)"
  ),
  one(
    "R03",
    "a pool's waiters wake before its finalizers",
    "lifecycle.ts",
    "pool.finalizers.shift(), () => releaseWaiters(pool)))",
    "pool.finalizers.shift(), () => {}))\n  releaseWaiters(pool)"
  ),
  {
    rule: "R15",
    name: "the key is free before the hooks have run",
    edits: [
      [
        "lifecycle.ts",
        "  proceedAll(run)\n  if (task.extras",
        "  proceedAll(run)\n  leaveLine(run)\n  if (task.extras"
      ],
      ["lifecycle.ts", "  machine.live--\n  leaveLine(run)\n", "  machine.live--\n"]
    ]
  },
  // the verdict
  one(
    "R03",
    "a cancel changes the outcome of a task that has returned",
    "stop.ts",
    `else if (state !== "Stopping") enterStopping(run, run.stop!)`,
    `else if (state === "Stopping") run.task.verdict = run.stop\n      else enterStopping(run, run.stop!)`
  ),
  one(
    "R03",
    "a cancelled task that returns nevertheless is a success",
    "run.ts",
    "  else logLeftover(run, result)",
    `  else if (Exit.isSuccess(result)) task.verdict = { _tag: "result", exit: result }\n  else logLeftover(run, result)`
  ),
  one(
    "R03",
    "a finalizer that dies is ignored",
    "run.ts",
    "if (Exit.isFailure(closed)) finalizerFailed(run, closed)",
    ""
  ),
  // pools
  one(
    "R12",
    `onFailure: "cancel" cancels nothing`,
    "poolHandle.ts",
    `if (options.onFailure === "cancel") {`,
    "if (false) {"
  ),
  one(
    "R12",
    `onFailure: "cancel" looks at pools below too`,
    "lifecycle.ts",
    "if (pool.failures.length < failuresKept) pool.failures.push(task)",
    "if (pool.failures.length < failuresKept) pool.failures.push(task)\n    pool.onOwnFailure?.()"
  ),
  one(
    "R06",
    "pool.cancel does not wait",
    "poolHandle.ts",
    "stopAndAwait(this.record, toReason(options), false)",
    "Effect.sync(() => cancelPool(this.record, toReason(options)))"
  ),
  one(
    "R09",
    "the Scope of a pool does not wait for its tasks",
    "closing.ts",
    "stopAndAwait(pool, reason, true)",
    "Effect.sync(() => cancelPool(pool, reason))"
  ),
  one(
    "R06",
    "task.cancel does not wait",
    "control.ts",
    "instead: (dependents) => dependents.has(task) ?",
    "instead: () => true ?"
  ),
  one(
    "R06",
    "a task that cancels itself waits for itself",
    "control.ts",
    "instead: (dependents) => dependents.has(task) ?",
    "instead: () => false ?"
  ),
  one(
    "R09",
    "the Scope of a pool remembers it when it is done",
    "lifecycle.ts",
    "Scope.closeUnsafe(pool.scope, Exit.void)",
    "void Exit.void"
  ),
  // sharing
  one(
    "R15",
    "a pool's cancel stops what another pool holds too",
    "stop.ts",
    "run.sharing !== undefined && this.isHeldOutside(run)",
    "false"
  ),
  one("R15", "a dispatch joins a task that is stopping", "accept.ts", `task.state !== "Stopping" && `, ""),
  one("R15", "a pool that joins a task does not count it", "accept.ts", "    countGuest(holder, pool)\n", ""),
  one(
    "R15",
    "a joining dispatch lowers the priority",
    "accept.ts",
    "if (priority > task.priority)",
    "if (priority !== task.priority)"
  ),
  one("R15", "supersede lets the holder run on", "accept.ts", "  if (exempt) stopTask(", "  if (false) stopTask("),
  one("R15", "reject joins", "accept.ts", `if (definition.unique === "reject")`, "if (false)"),
  // capacity, delay, queueTimeout, pause, payload
  one(
    "R20",
    "one more than capacity is taken",
    "admission.ts",
    "this.machine.ready.size < this",
    "this.machine.ready.size <= this"
  ),
  one(
    "R20",
    "a dispatch inside a task is held back",
    "accept.ts",
    " && taskAt(request.from) === undefined) return",
    ") return"
  ),
  one("R20", `onFull: "fail" suspends`, "admission.ts", `if (onFull === "fail")`, "if (false)"),
  one("R20", "dispatchers are admitted last come first", "admission.ts", "a.order < b.order", "a.order > b.order"),
  one("R08", "a delay is ignored", "accept.ts", "postpone(run, delay)", "queue(run)"),
  one("R08", "a queueTimeout never fires", "lifecycle.ts", "if (queueTimeout < Infinity) {", "if (false) {"),
  one(
    "R08",
    "a queueTimeout fires after the start",
    "run.ts",
    "  clearDeadline(run)\n  task.startedAt",
    "  task.startedAt"
  ),
  one(
    "R18",
    "a pause is ignored",
    "pump.ts",
    "(machine.paused ? undefined : machine.ready.peek())",
    "machine.ready.peek()"
  ),
  one(
    "R18",
    "a pause holds back resuming tasks",
    "pump.ts",
    "(machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek()))",
    "(machine.paused ? undefined : machine.resuming.peek() ?? machine.ready.peek())"
  ),
  one(
    "R25",
    "payloads are not checked",
    "definition.ts",
    "checkNothing : (input) => checkPayload(payload, input)",
    "checkNothing : (input) => Exit.succeed(input)"
  ),
  // slots and permits
  one(
    "R18",
    "queued tasks start before others resume",
    "pump.ts",
    "(machine.resuming.peek() ?? (machine.paused ? undefined : machine.ready.peek()))",
    "((machine.paused ? undefined : machine.ready.peek()) ?? machine.resuming.peek())"
  ),
  one("R17", "a retry's delay keeps the slot", "run.ts", "yield* sleep(run, delay)", "yield* Effect.sleep(delay)"),
  {
    rule: "R19",
    name: "a sleeping task keeps its permit",
    edits: [
      ["waiting.ts", "  run.gate?.release()\n", `  if (run.task.state === "Exited") run.gate?.release()\n`],
      ["run.ts", "  run.gate?.take()\n", "  if (!run.claiming) run.gate?.take()\n"]
    ]
  },
  one(
    "R17",
    "a wait keeps the slot",
    "waiting.ts",
    `  if (task.state === "Running") {\n    waiting.for`,
    "  if (false) {\n    waiting.for"
  ),
  one(
    "R17",
    "a task that sleeps goes on without a slot",
    "waiting.ts",
    `if (run.task.state !== "Sleeping") return claimant`,
    "if (true) return claimant"
  ),
  one("R17", "a fiber is watched once for each wait", "waiting.ts", "if (waiting.watched.has(fiber)) return", ""),
  one(
    "R17",
    "a task that ended half asleep is remembered",
    "lifecycle.ts",
    "  machine.halfAsleep.delete(run)\n",
    ""
  ),
  // the subtree, rings, shutdown
  one(
    "R07",
    "a cancel does not reach the pools below",
    "stop.ts",
    "for (const pool of pools) this.addPool(pool, reason)",
    ""
  ),
  one(
    "R22",
    "no ring is noticed",
    "waiting.ts",
    "undefined : checkRing(from, options.target)",
    "undefined : undefined"
  ),
  one("R21", "a handler layer does not wait for its tasks", "registry.ts", "    yield* awaitAll(live)\n", ""),
  one("R23", "a defect is retried", "run.ts", " || !result.cause.reasons.every(Cause.isFailReason)", ""),
  one(
    "R16",
    "the newest kept result goes first",
    "retention.ts",
    "this.results.keys().next().value!",
    "[...this.results.keys()].at(-1)!"
  )
]
