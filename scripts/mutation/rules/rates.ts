/** R26 to R29: rates, snoozes, paused jobs, "latest". */
import { one, type RuleMutant } from "./rule.ts"

export const rates: ReadonlyArray<RuleMutant> = [
  // rates
  one(
    "R26",
    "one start more than the rate allows",
    "queue/rate.ts",
    "Math.max(0, this.limit - this.starts.length)",
    "Math.max(0, this.limit + 1 - this.starts.length)"
  ),
  one("R26", "a window is longer than said", "queue/rate.ts", "first + window <= now", "first + window < now"),
  one(
    "R26",
    "a start is noted in a fixed window",
    "queue/rate.ts",
    "this.starts.push(now)",
    "this.starts.push(this.starts.peek() ?? now)"
  ),
  one(
    "R26",
    "nothing wakes who waits for a token",
    "queue/rate.ts",
    "    this.starts.push(now)\n    this.watch()\n",
    "    this.starts.push(now)\n"
  ),
  one(
    "R26",
    "nobody watches a rate that is met full",
    "queue/rate.ts",
    "    super.park(lane)\n    this.watch()\n",
    "    super.park(lane)\n"
  ),
  one("R26", "an alarm outlives those who wait", "queue/rate.ts", "    if (!this.hasParked) this.disarm()\n", ""),
  one(
    "R26",
    "a resized rate is not looked at anew",
    "queue/rate.ts",
    "    this.limit = limit\n    this.rearm()\n",
    "    this.limit = limit\n"
  ),
  one(
    "R26",
    "another attempt is no start",
    "transition/slot.ts",
    "waiting?.claimants.some(({ starts }) => starts)",
    "false"
  ),
  one("R26", "a resume is a start", "transition/slot.ts", "? limits : limits?.held", "? limits : limits"),
  one(
    "R26",
    "a retry without delay of a rated job keeps its slot",
    "run/attempt.ts",
    "limits !== limits?.held",
    "false && limits !== limits?.held"
  ),
  one(
    "R26",
    "a rate is forgotten with its last task",
    "queue/family.ts",
    "() => this.rest(key)",
    "() => this.delete(key)"
  ),
  one("R26", "a key is remembered for ever", "queue/family.ts", "      if (isIdle) this.delete(key)\n", ""),
  one(
    "R26",
    "a held key is forgotten",
    "queue/rate.ts",
    "this.starts.length === 0 && !this.isHeldBack",
    "this.starts.length === 0"
  ),
  one(
    "R26",
    "a job that a limit's value is shared with has one of its own",
    "transition/limits.ts",
    "  let family = machine.families.get(definition)\n",
    "  let family: Family | undefined\n"
  ),
  one(
    "R26",
    "a limit that is named twice is taken twice",
    "dispatch/registry.ts",
    "[...new Set([...definition.limits, ...limits])]",
    "[...definition.limits, ...limits]"
  ),
  one(
    "R26",
    "the limits of a layer are ignored",
    "dispatch/registry.ts",
    "[...new Set([...definition.limits, ...limits])]",
    "definition.limits"
  ),
  one(
    "R26",
    "a resized limit stays as it was where tasks stand behind it",
    "job/limit.ts",
    "      for (const user of this.users) user.deref()?.resized()\n",
    ""
  ),
  one(
    "R26",
    "inline pools wait for rates",
    "transition/limits.ts",
    "limits[i].window !== undefined && machine.settings.inline",
    "false"
  ),
  // snoozes
  one(
    "R27",
    "a snooze counts as an attempt",
    "run/attempt.ts",
    "    rareOf(run).snoozes++\n",
    "    rareOf(run).snoozes++\n    task.attempt++\n"
  ),
  one("R27", "a snooze is not counted", "run/attempt.ts", "    rareOf(run).snoozes++\n", ""),
  one(
    "R27",
    "hooks of an attempt that snoozed run",
    "run/attempt.ts",
    "    task.extras?.hooks?.dropAttempt(task.attempt)\n    rareOf(run)",
    "    rareOf(run)"
  ),
  one(
    "R27",
    "a snooze keeps the slot",
    "run/attempt.ts",
    `yield* pause(run, millis, "delay")`,
    "yield* Effect.sleep(millis)"
  ),
  one(
    "R27",
    "a snooze leaves its attempt open",
    "run/attempt.ts",
    "    yield* Effect.uninterruptible(closeAttempt(run, Exit.void))\n",
    ""
  ),
  one(
    "R27",
    "hold is ignored",
    "run/attempt.ts",
    "    if (hold && !task.machine.settings.inline) holdBack(run, millis)\n",
    ""
  ),
  one(
    "R27",
    "a hold gets shorter by another snooze",
    "transition/limits.ts",
    "rate.hold(Math.max(until, rate.until))",
    "rate.hold(until)"
  ),
  one(
    "R27",
    "a job's hold gets shorter by another snooze",
    "transition/limits.ts",
    "Math.max(until, job.hold?.until ?? -Infinity)",
    "until"
  ),
  one(
    "R27",
    "a hold of a key holds the whole job",
    "transition/limits.ts",
    "if (keyed.length === 0) return holdJob",
    "if (true) return holdJob"
  ),
  one(
    "R27",
    "a snooze hides what else the attempt died of",
    "run/snooze.ts",
    "Exit.isSuccess(exit) || Exit.isFailure(withoutSnooze(run, exit))",
    "Exit.isSuccess(exit) || withoutSnooze(run, exit) === exit"
  ),
  one(
    "R27",
    "the span of a snooze has failed",
    "run/attempt.ts",
    "return snooze === undefined ? exit : Effect.succeed(snooze)",
    "return exit"
  ),
  one(
    "R27",
    "a cancelled task snoozes on",
    "run/attempt.ts",
    "const snooze = run.marked ? undefined : snoozeOf(run, result)",
    "const snooze = snoozeOf(run, result)"
  ),
  one(
    "R27",
    "the snooze of an attempt before is taken for one of this",
    "run/attempt.ts",
    "  if (run.rare !== undefined) run.rare.snoozed = undefined\n",
    ""
  ),
  // paused jobs
  one(
    "R28",
    "a pause reaches only tasks that come",
    "transition/limits.ts",
    "if (of === job && isUnended(run)) regate",
    "if (false) regate"
  ),
  one(
    "R28",
    "a pause reaches only tasks that are live",
    "transition/limits.ts",
    "  if (job.hold !== undefined) found.push(job.hold)\n",
    ""
  ),
  one(
    "R28",
    "a pause has no end",
    "handle/job.ts",
    "holdJob(machine, job, machine.timers.moment() + millis)",
    "holdJob(machine, job, Infinity)"
  ),
  one(
    "R28",
    "a later pause does not replace the one before",
    "queue/rate.ts",
    "    this.until = until\n    this.rearm()\n",
    "    this.until = Math.max(this.until, until)\n    this.rearm()\n"
  ),
  one(
    "R28",
    "who waits for the end of a hold that is shortened is not woken",
    "queue/rate.ts",
    "    this.until = until\n    this.rearm()\n",
    "    this.until = until\n"
  ),
  one(
    "R28",
    "a task that runs has not what it gives back when its job is paused",
    "transition/limits.ts",
    "    limits?.held?.take(0) // what is held asks for no time\n",
    ""
  ),
  one(
    "R28",
    "a pause holds back other jobs",
    "transition/limits.ts",
    "if (of === job && isUnended(run)) regate",
    "if (isUnended(run)) regate"
  ),
  one(
    "R28",
    "a paused worker pool starts what no job's pause holds",
    "run/turn.ts",
    "(machine.paused ? undefined : machine.ready.peek())",
    "(machine.paused && machine.jobs.values().every(({ hold }) => hold === undefined) ? undefined : machine.ready.peek())"
  ),
  // latest
  one("R29", "a replaced task keeps its payload", "dispatch/accept.ts", "  task.payload = run.task.payload\n", ""),
  one(
    "R29",
    "a replaced task stands behind the limits of its first payload",
    "dispatch/accept.ts",
    "  regate(holder, limitsOf(holder, how.limitKeys))\n",
    ""
  ),
  one("R29", "its delay does not start anew", "dispatch/accept.ts", "(delay > 0 || isDelayed)) {", "false) {"),
  one(
    "R29",
    "a task that waits for a slot does not go back to its delay",
    "dispatch/accept.ts",
    "(delay > 0 || isDelayed)) {",
    "isDelayed) {"
  ),
  one("R29", "maxDelay is ignored", "dispatch/accept.ts", "Math.max(0, Math.min(delay, left))", "delay"),
  one(
    "R29",
    "maxDelay counts from the last dispatch",
    "dispatch/accept.ts",
    "    putOff(holder, Math.max",
    "    rareOf(holder).dueBy = machine.timers.moment() + holder.registration.definition.maxDelay\n    putOff(holder, Math.max"
  ),
  one(
    "R29",
    "nobody is told of a new payload",
    "dispatch/accept.ts",
    "  machine.emit(event.replaced, task, undefined)\n",
    ""
  ),
  one(
    "R29",
    "one that runs is joined",
    "dispatch/accept.ts",
    `definition.unique === "latest" && holder.task.state === "Queued"`,
    `definition.unique === "latest"`
  ),
  one(
    "R29",
    "a task that is put off queues beside its delay",
    "transition/lifecycle.ts",
    "  if (run.lane !== undefined) machine.ready.remove(run)\n  run.order = 0\n",
    "  run.order = 0\n"
  ),
  one(
    "R29",
    "a replaced task keeps the deadline of its first queueing",
    "transition/lifecycle.ts",
    "  endDelay(run)\n  clearDeadline(run)\n  if (run.lane !== undefined) machine.ready.remove(run)\n  run.order = 0\n",
    "  endDelay(run)\n  if (run.lane !== undefined) machine.ready.remove(run)\n  run.order = 0\n"
  )
]
