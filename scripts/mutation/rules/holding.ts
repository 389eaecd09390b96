/** R12 to R15: nurseries, GLOBAL, shared tasks, keys. */
import { one, type RuleMutant } from "./rule.ts"

export const holding: ReadonlyArray<RuleMutant> = [
  // nurseries
  one(
    "R12",
    `onFailure: "cancel" cancels nothing`,
    "transition/lifecycle.ts",
    "    if (pool.failsFast) task",
    "    if (false) task"
  ),
  one(
    "R12",
    `onFailure: "cancel" looks at pools below too`,
    "transition/lifecycle.ts",
    "    if (pool.failsFast) task.machine.tell({ _tag: \"cancel\", pool, reason: \"a task has failed\" })\n  }",
    "  }\n  for (const pool of countersOf(run)) if (pool.failsFast) task.machine.tell({ _tag: \"cancel\", pool, reason: \"a task has failed\" })"
  ),
  one(
    "R12",
    "a pool that joined a task does not know of its failure",
    "transition/lifecycle.ts",
    "for (const pool of holdersOf(task)) {",
    "for (const pool of [task.pool]) {"
  ),
  one(
    "R12",
    "a pool reports the failures below its tasks as its own",
    "transition/lifecycle.ts",
    "for (const pool of holdersOf(task)) {",
    "for (const pool of countersOf(run)) {"
  ),
  one(
    "R12",
    "a join reports cancelled tasks as failures",
    "transition/counting.ts",
    `verdict!._tag === "Failure" || verdict!._tag === "timeout"`,
    `verdict!._tag !== "Success"`
  ),
  one(
    "R12",
    "the cancel of a pool hides its failures",
    "handle/pool.ts",
    "  if (first !== undefined) {\n    return bare",
    "  if (first !== undefined && !pool.canceled) {\n    return bare"
  ),
  one(
    "R12",
    "failures beyond the first 100 are not counted",
    "transition/lifecycle.ts",
    "    pool.ownFailed++\n    if (pool.ownFailures.length < failuresKept) {\n",
    "    if (pool.ownFailures.length < failuresKept) {\n      pool.ownFailed++\n"
  ),
  one(
    "R12",
    "more than 100 failures are kept",
    "transition/lifecycle.ts",
    "const failuresKept = 100",
    "const failuresKept = 101"
  ),
  one(
    "R12",
    "a failure forgets its payload",
    "transition/lifecycle.ts",
    "      if (!pool.isGlobal) (pool.payloads ??= []).push(task.payload)\n",
    ""
  ),
  one(
    "R12",
    "a body goes on when its pool is cancelled",
    "handle/nursery.ts",
    "wake: () => fiber.interruptUnsafe()",
    "wake: () => {}"
  ),
  one(
    "R12",
    "a late dispatch hides the verdict of its cancelled pool",
    "handle/nursery.ts",
    "      if (wasCanceled) return Effect.andThen(Effect.exit(pool.settled), decided(record, exit.cause))\n",
    ""
  ),
  one(
    "R12",
    "a body that fails hides the failures that came first",
    "handle/nursery.ts",
    "earlier === undefined ? exit.cause :",
    "true ? exit.cause :"
  ),
  one(
    "R12",
    "a body that fails lets its tasks run on",
    "handle/nursery.ts",
    `    cancelPool(record, "its body has failed")\n`,
    ""
  ),
  one(
    "R12",
    "the cancel of a pool hides a defect of its body",
    "handle/nursery.ts",
    "defects === undefined ? verdict :",
    "true ? verdict :"
  ),
  one(
    "R12",
    "a body that cannot be interrupted is, when its pool is cancelled",
    "handle/nursery.ts",
    `, uninterruptible: "inherit" }`,
    " }"
  ),
  one(
    "R12",
    "a body that has cancelled its pool at once waits on",
    "handle/nursery.ts",
    "if (pool.canceled) waiter.wake()",
    "if (false) waiter.wake()"
  ),
  {
    rule: "R12",
    name: "the cancel of a pool hides that its body had failed before",
    edits: [
      [
        "handle/nursery.ts",
        "      fiber.addObserver((exit) => {\n        end = { exit, wasCanceled: pool.canceled, earlier: verdictOf(pool) }\n      })\n",
        ""
      ],
      [
        "handle/nursery.ts",
        "return end! // the fiber has ended",
        "return { exit: fiber.pollUnsafe()!, wasCanceled: pool.canceled, earlier: verdictOf(pool) }"
      ]
    ]
  },
  one(
    "R12",
    "a body that fails is told with the failures that come later",
    "handle/nursery.ts",
    "Effect.andThen(Effect.exit(pool.settled), Effect.failCause(cause))",
    "Effect.andThen(Effect.exit(pool.settled), Effect.suspend(() => Effect.failCause(record.ownFailed > 0 ? Cause.combine(exit.cause, Cause.fail(verdictOf(record)!)) : cause)))"
  ),
  one(
    "R12",
    "an interrupted use leaves its body behind",
    "handle/nursery.ts",
    "Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber))",
    "restore(Fiber.await(fiber))"
  ),
  one(
    "R12",
    "a use that its body interrupts at once leaves that behind",
    "handle/nursery.ts",
    `Effect.forkChild(restore(body), { startImmediately: true, uninterruptible: "inherit" }),`,
    `restore(Effect.forkChild(body, { startImmediately: true, uninterruptible: "inherit" })),`
  ),
  one(
    "R12",
    "the cancel of a pool hides the defect of a dispatch",
    "handle/nursery.ts",
    "wasCanceled ? defectsOf(exit.cause) : exit.cause",
    "wasCanceled ? undefined : exit.cause"
  ),
  // GLOBAL
  one(
    "R13",
    "waiting for GLOBAL seals it",
    "handle/pool.ts",
    "      if (record.isGlobal) return Effect.succeed(statusOf(record))\n",
    ""
  ),
  one(
    "R13",
    "GLOBAL can be sealed",
    "transition/tickets.ts",
    "if (pool.isGlobal || pool.sealed) return",
    "if (pool.sealed) return"
  ),
  one(
    "R13",
    "the cancel of GLOBAL closes it",
    "transition/stop.ts",
    "        continue\n      }\n      pool.canceled",
    "      }\n      pool.canceled"
  ),
  one("R13", "joining GLOBAL reports failures", "handle/pool.ts", "  if (pool.isGlobal) return undefined\n", ""),
  // whose task it is
  one(
    "R14",
    "a task does not know who dispatched it",
    "dispatch/accept.ts",
    "  if (parentId !== pool.makerId) extrasOf(task).parentId = parentId\n",
    ""
  ),
  one(
    "R14",
    "who outlives a task dispatches from inside it",
    "record/currentTask.ts",
    `  return inside.task.state === "Exited" ? undefined : inside.task\n`,
    "  return inside.task\n"
  ),
  one(
    "R14",
    "a pool that outlives its task's end is still its child",
    "record/currentTask.ts",
    `inside !== undefined && inside.kind === "handler" && inside.task.state !== "Exited" ? inside : undefined\n\n/** The task that lends`,
    `inside !== undefined && inside.kind === "handler" ? inside : undefined\n\n/** The task that lends`
  ),
  // shared tasks
  one(
    "R15",
    "a pool's cancel stops what another pool holds too",
    "transition/stop.ts",
    "rare?.sharing !== undefined && this.isHeldOutside(rare.sharing)",
    "false"
  ),
  one(
    "R15",
    "a pool's cancel stops what is below a task that another pool holds too",
    "transition/stop.ts",
    "for (const pool of run.execution?.pools ?? []) {",
    "for (const pool of []) {"
  ),
  one("R15", "a dispatch joins a task that is stopping", "dispatch/accept.ts", `task.state !== "Stopping" && `, ""),
  one(
    "R15",
    "a joining dispatch lowers the priority",
    "dispatch/accept.ts",
    "if (priority > task.priority)",
    "if (priority !== task.priority)"
  ),
  one("R15", "a second dispatch in a pool holds nothing", "dispatch/accept.ts", "    ticket.holds++\n", ""),
  one(
    "R15",
    "an interrupted run keeps its hold beside others",
    "dispatch/holding.ts",
    "  if (holds > 1) ticket.holds--\n",
    ""
  ),
  one(
    "R15",
    "an interrupted run stops what another pool holds",
    "dispatch/holding.ts",
    "if (run.rare?.sharing !== undefined && run.rare.sharing.tickets.size > 1) {",
    "if (false) {"
  ),
  one(
    "R15",
    "an interrupted run leaves its task to nobody",
    "dispatch/holding.ts",
    `  return cancelTask(run, "interrupted", true)`,
    "  return Effect.void"
  ),
  one(
    "R15",
    "a run that dies keeps its hold",
    "dispatch/holding.ts",
    "Effect.onExit(effect(own), () =>",
    "Effect.onInterrupt(effect(own), () =>"
  ),
  one(
    "R15",
    "a run that is interrupted in a dispatch keeps its hold",
    "dispatch/accept.ts",
    "    how.accepted(ticket)\n",
    ""
  ),
  // keys
  one(
    "R15",
    "two tasks of one key run at once",
    "transition/lifecycle.ts",
    "  if (place === undefined || place.queue.first === run) offer(run)\n",
    "  offer(run)\n"
  ),
  one(
    "R15",
    "supersede lets the holder run on",
    "dispatch/accept.ts",
    "(replaces !== undefined || definition.unique === \"supersede\")) {\n    stopTask",
    "replaces !== undefined) {\n    stopTask"
  ),
  one("R15", "supersede waits for room", "dispatch/accept.ts", "!hasRoom && !exempt && ", "!hasRoom && "),
  one(
    "R15",
    "recompute of an ended task waits for room",
    "dispatch/accept.ts",
    "const exempt = replaces !== undefined ||",
    "const exempt = (replaces !== undefined && replaces.run !== undefined) ||"
  ),
  one("R15", "reject joins", "dispatch/accept.ts", `if (definition.unique === "reject")`, "if (false)"),
  one(
    "R15",
    "a recompute leaves the old result to be found",
    "dispatch/accept.ts",
    "  if (replaces !== undefined && task.key !== undefined) job.kept.remove(task.key)\n",
    ""
  ),
  one(
    "R15",
    "unlike members of a union have one key",
    "job/key.ts",
    "return `${member}(${texts[member]!(value)})`",
    "return texts[member]!(value)"
  ),
  one(
    "R15",
    "items of Maps and Sets have a key without their kinds",
    "job/key.ts",
    ".map(textOf(item)).toSorted()",
    ".map((each) => JSON.stringify(each)).toSorted()"
  ),
  one(
    "R15",
    "a key depends on the order of insertion in Maps and Sets",
    "job/key.ts",
    ".map(textOf(item)).toSorted()",
    ".map(textOf(item))"
  ),
  one("R15", "a key depends on the order of fields", "job/key.ts", "names.toSorted().map", "names.map"),
  one("R15", "classes of one identifier have one key", "job/key.ts", "    if (own >= 0) return own\n", ""),
  one(
    "R15",
    "values that are encoded as one have one key",
    "job/key.ts",
    "Exit.isSuccess(decoded) && Equal.equals(decoded.value, value) ? tell(encoded) : undefined",
    "tell(encoded)"
  ),
  one("R15", "what encodes a whole has a part in the key", "job/key.ts", "composed.has(ast._tag) ?", "false ?"),
  one(
    "R15",
    "what is encoded as null has the key of null",
    "job/key.ts",
    `something === "null" || something === "undefined" ?`,
    "false ?"
  ),
  one(
    "R15",
    "equal durations have two keys",
    "job/key.ts",
    "Duration.isDuration(value) ? rounded(value) : value",
    "value"
  ),
  one(
    "R15",
    "a key leaves out what a smaller member of a union does not know",
    "job/key.ts",
    `first(value, { onExcessProperty: "error" })`,
    "first(value)"
  ),
  one(
    "R15",
    "fields of a pattern are told by another one's type",
    "job/key.ts",
    "indexed.findLast(({ takes }) => takes(name))",
    "indexed[0]"
  )
]
