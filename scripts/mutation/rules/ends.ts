/** R1 to R7: states, outcomes, hooks, cancels. */
import { one, type RuleMutant } from "./rule.ts"

export const ends: ReadonlyArray<RuleMutant> = [
  one(
    "R01",
    "an ended task has no finish time",
    "transition/lifecycle.ts",
    "  task.finishedAt = machine.timers.now()\n",
    ""
  ),
  one(
    "R01",
    "a task that waits goes on without a change of its state",
    "transition/slot.ts",
    `  transition(run, "Running", news)\n`,
    ""
  ),
  one(
    "R02",
    "a task settles again after its hooks",
    "run/turn.ts",
    "runHooks(message.run.task, () => settle(message.run))",
    "runHooks(message.run.task, () => {\n        settle(message.run)\n        settle(message.run)\n      })"
  ),
  one(
    "R02",
    "a report changes a task that has ended",
    "run/taskContext.ts",
    `      if (task.state === "Exited") return\n`,
    ""
  ),
  // the order of the end
  one(
    "R03",
    "onSuccess hooks run before onExit hooks",
    "record/hooks.ts",
    `"onExit", "onSuccess"]`,
    `"onSuccess", "onExit"]`
  ),
  one(
    "R03",
    "onExit hooks run before onFailure hooks",
    "record/hooks.ts",
    `"onFailure", "onExit",`,
    `"onExit", "onFailure",`
  ),
  one(
    "R03",
    "waiters wake before the hooks run",
    "transition/lifecycle.ts",
    "  if (hooks === undefined) settle(run)",
    "  machine.wakeAll(task)\n  if (hooks === undefined) settle(run)"
  ),
  one(
    "R03",
    "the task settles while its hooks run",
    "run/turn.ts",
    "return runHooks(message.run.task, () => settle(message.run))",
    "runHooks(message.run.task, () => {})\n      return settle(message.run)"
  ),
  one(
    "R03",
    "a pool's waiters wake before its finalizers",
    "run/turn.ts",
    "return runEach(pool.machine, () => pool.finalizers.shift(), () => releasePool(pool))",
    "runEach(pool.machine, () => pool.finalizers.shift(), () => {})\n      return releasePool(pool)"
  ),
  {
    rule: "R03",
    name: "a slow hook holds the slot",
    edits: [
      ["transition/lifecycle.ts", `  transition(run, "Exited")\n  releaseSlot(run)\n`, `  transition(run, "Exited")\n`],
      ["transition/lifecycle.ts", "  task.run = undefined\n", "  releaseSlot(run)\n  task.run = undefined\n"]
    ]
  },
  one(
    "R15",
    "the key is free before the hooks have run",
    "transition/lifecycle.ts",
    "  countExit(task)\n",
    "  countExit(task)\n  leaveKey(run)\n"
  ),
  // the verdict
  one(
    "R03",
    "a shutdown changes the outcome of a task that has returned",
    "transition/stop.ts",
    `else if (state !== "Stopping") enterStopping(run, run.stop!)`,
    `else if (state === "Stopping") run.task.verdict = run.stop\n      else enterStopping(run, run.stop!)`
  ),
  one(
    "R03",
    "a cancel interrupts what a task that has returned waits for",
    "transition/stop.ts",
    ` || (state === "Stopping" && !this.evenStopping)`,
    ""
  ),
  one(
    "R03",
    "a shutdown leaves the finalizers of tasks that have returned waiting",
    "dispatch/registry.ts",
    `shutdown: true }, true)`,
    `shutdown: true })`
  ),
  one(
    "R03",
    "a cancelled task that returns nevertheless is a success",
    "run/attempt.ts",
    "  else logLeftover(run, result)\n  close(",
    `  else if (Exit.isSuccess(result)) task.verdict = result\n  close(`
  ),
  one(
    "R03",
    "a finalizer that dies is ignored",
    "run/attempt.ts",
    "    if (Exit.isFailure(done)) finalizerFailed(run, done)\n",
    ""
  ),
  one(
    "R03",
    "a finalizer that dies takes the place of a failure",
    "run/attempt.ts",
    `if (task.verdict!._tag === "Success") task.verdict =`,
    "if (true) task.verdict ="
  ),
  // hooks
  {
    rule: "R04",
    name: "a hook that comes too late for its kind runs next instead of last",
    edits: [
      ["record/hooks.ts", "kind < this.kind ? kinds.length : kind", "kind"],
      [
        "record/hooks.ts",
        "for (; this.kind < kinds.length; this.kind++)",
        "for (this.kind = 0; this.kind < kinds.length; this.kind++)"
      ]
    ]
  },
  one(
    "R04",
    "a hook that comes too late for its kind is lost",
    "record/hooks.ts",
    "kind < this.kind ? kinds.length : kind",
    "kind"
  ),
  one(
    "R04",
    "a hook that fails is the last",
    "run/hooks.ts",
    "    ended(exit)\n  }\n  done()",
    "    ended(exit)\n    if (Exit.isFailure(exit)) break\n  }\n  done()"
  ),
  one(
    "R04",
    "a hook that fails after a while is the last",
    "run/hooks.ts",
    "        runEach(machine, next, done)\n",
    "        if (Exit.isFailure(late)) done()\n        else runEach(machine, next, done)\n"
  ),
  one(
    "R04",
    "a hook's failure is not logged",
    "run/hooks.ts",
    "Effect.logError(`The ${name} failed`, textOf(cause))",
    "Effect.void"
  ),
  one(
    "R04",
    "a late hook can be interrupted",
    "run/hooks.ts",
    "Effect.uninterruptible(runHere(inside, due))",
    "runHere(inside, due)"
  ),
  one(
    "R04",
    "a hook that a handler runs late is interrupted with that handler",
    "wait/wait.ts",
    "(fiber: AnyFiber): boolean => runOf(fiber) === undefined",
    "(_: AnyFiber): boolean => false"
  ),
  one("R04", "hooks of all kinds see success as failure", "run/hooks.ts", `kind === "onExit" || `, ""),
  one(
    "R04",
    "a pool that a hook makes is a child of its task",
    "record/currentTask.ts",
    `inside !== undefined && inside.kind === "handler" && inside.task.state !== "Exited" ? inside : undefined\n\n/** The task that lends`,
    `inside?.kind === "hook" ? inside.task.run : inside?.kind === "handler" && inside.task.state !== "Exited" ? inside : undefined\n\n/** The task that lends`
  ),
  one(
    "R04",
    "a hook has the services of the worker pool, not those of its registration",
    "run/hooks.ts",
    "Effect.provideContext(scoped as Effect.Effect<unknown, any>, contextOf(context, inside))",
    "Effect.provideService(scoped, CurrentTask, inside)"
  ),
  one(
    "R04",
    "what a hook acquires stays when it has run",
    "run/hooks.ts",
    "Effect.scopedWith((scope) => Scope.provide(result, scope))",
    "result"
  ),
  // outcomes
  one(
    "R05",
    "an exit carries an interrupt",
    "record/outcome.ts",
    `  reason._tag === "Interrupt" || (reason._tag === "Fail"`,
    `  (reason._tag === "Fail"`
  ),
  one(
    "R05",
    "a refused dispatch that a handler lets through is a typed failure",
    "record/outcome.ts",
    `reason._tag === "Fail" && reason.error instanceof DispatchError ? Cause.makeDieReason(reason.error) : reason`,
    "reason"
  ),
  one(
    "R05",
    "a handler that fails with another task's TaskCanceled is canceled",
    "run/attempt.ts",
    "enterStopping(run, resultOf(task, result))",
    `enterStopping(\n      run,\n      (result as any).cause?.reasons[0]?.error?._tag === "TaskCanceled"\n        ? { _tag: "cancel", reason: undefined }\n        : resultOf(task, result)\n    )`
  ),
  one(
    "R05",
    "what a stopped task failed with is not logged",
    "run/attempt.ts",
    "  else logLeftover(run, result)\n  close(",
    "  close("
  ),
  // cancels
  one(
    "R06",
    "task.cancel does not wait",
    "handle/task.ts",
    "cancelTask(run, reason)",
    "Effect.as(Effect.sync(() => void cancelTask(run, reason)), undefined)"
  ),
  one(
    "R06",
    "pool.cancel does not wait",
    "handle/pool.ts",
    "Effect.suspend(() => stopAndAwait(this.record, toReason(given)))",
    "Effect.sync(() => cancelPool(this.record, toReason(given)))"
  ),
  one(
    "R06",
    "a task that cancels itself waits for itself",
    "wait/closing.ts",
    "dependents().has(task) ? Effect.void : undefined",
    "undefined"
  ),
  one(
    "R06",
    "a cancelled task stays in the queue",
    "transition/lifecycle.ts",
    "  if (run.lane !== undefined) machine.ready.remove(run)\n  machine.schedule()",
    "  machine.schedule()"
  ),
  one(
    "R06",
    "a cancel of a task that has ended waits for its hooks",
    "wait/closing.ts",
    `  if (run.task.state === "Exited") return Effect.void\n`,
    ""
  ),
  one(
    "R07",
    "a cancel does not reach the pools below",
    "transition/stop.ts",
    "    for (const pool of pools) this.addPool(pool, below)\n",
    ""
  ),
  one(
    "R07",
    "a cancel does not reach the tasks of a pool below",
    "transition/stop.ts",
    "      for (const run of runsOf(pool)) this.addRun(run, stop)\n",
    ""
  ),
  one(
    "R07",
    "a wait that a cancel ends returns normally",
    "wait/wait.ts",
    "const stopped = run !== undefined && run.marked && !this.evenMarked",
    "const stopped = false"
  ),
  one(
    "R07",
    "a cancelled task can begin a wait",
    "wait/wait.ts",
    "      if (run?.marked && (options.closing ?? false) === false && !isSpared(fiber)) return resume(interrupted)\n",
    ""
  ),
  one(
    "R07",
    "a cancel leaves waits where interruption is masked",
    "wait/wait.ts",
    "if (this.detach === undefined) return this.fiber.interruptUnsafe()",
    "if (true) return this.fiber.interruptUnsafe()"
  ),
  one("R07", "the message of a cancelled sender arrives", "run/inbox.ts", "        offering?.interruptUnsafe()\n", ""),
  one(
    "R07",
    "a fiber that cancels its own task goes on for a while",
    "transition/stop.ts",
    "    if (current !== undefined && started.some((run) => isHandler(run, current))) current.interruptUnsafe()\n",
    ""
  ),
  one(
    "R07",
    "a handler's Scope closes before its pools have ended",
    "run/attempt.ts",
    "Effect.andThen(pools, scope)",
    "Effect.andThen(scope, pools)"
  ),
  one(
    "R05",
    "what somebody awaits is logged as unseen",
    "transition/lifecycle.ts",
    "[...task.waiters ?? []].some(({ sees }) => sees)",
    "false"
  ),
  one(
    "R05",
    "failures in pools are logged as unseen",
    "transition/lifecycle.ts",
    "  rare?.seen === true || !task.pool.isGlobal ||",
    "  rare?.seen === true ||"
  ),
  one(
    "R05",
    "the failure of a shared task is logged as unseen",
    "transition/lifecycle.ts",
    " || (rare?.sharing?.tickets.size ?? 1) > 1",
    ""
  ),
  one(
    "R05",
    "the failure of a run is logged as unseen",
    "dispatch/accept.ts",
    "    if (ticket !== undefined) rareOf(ticket.run).seen = true // by who owns it\n",
    ""
  ),
  one(
    "R05",
    "a failure that a hook sees is logged as unseen",
    "transition/lifecycle.ts",
    "  if (hooks?.seesFailure) rareOf(run).seen = true\n",
    ""
  ),
  one(
    "R05",
    "failures that nobody could have seen are lost",
    "transition/lifecycle.ts",
    "  if (isFailure(task) && !isSeen(run)) machine",
    "  if (false) machine"
  ),
  one(
    "R05",
    "a defect is logged like a failure",
    "observe/unseen.ts",
    "cause.reasons.some(Cause.isDieReason) ? defect : failure",
    "failure"
  )
]
