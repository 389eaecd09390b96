/** R9 to R11: the life of pools, and what they count. */
import { one, type RuleMutant } from "./rule.ts"

export const pools: ReadonlyArray<RuleMutant> = [
  // the life of a pool
  one(
    "R09",
    "the Scope of a pool does not wait for its tasks",
    "wait/closing.ts",
    "pool.released ? Effect.void : stopAndAwait(pool, reason, true)",
    "Effect.sync(() => cancelPool(pool, reason))"
  ),
  one(
    "R09",
    "GLOBAL is the parent of what its tasks make",
    "transition/tickets.ts",
    "pool.isGlobal ? undefined : pool\n",
    "pool\n"
  ),
  one(
    "R09",
    "a pool that a cancelled task makes stays open",
    "handle/pool.ts",
    "if (machine.closed || maker?.marked) cancelPool",
    "if (machine.closed) cancelPool"
  ),
  one(
    "R09",
    "a pool that another fiber makes while its task closes is not closed",
    "run/attempt.ts",
    ` && openPools(execution, closed).length === 0`,
    ""
  ),
  one(
    "R09",
    "a closing waits for tasks that wait for the closer",
    "wait/closing.ts",
    "        if (closing && cutOff(pool, from, dependents(), reason)) return stopAndAwait(pool, reason, closing)\n",
    ""
  ),
  one(
    "R09",
    "a closing does not end the waits of tasks that have returned",
    "wait/closing.ts",
    "  for (const run of byResult) stopTask(run, { _tag: \"cancel\", reason }, true)\n  if (byResult.length > 0) return true\n",
    ""
  ),
  one(
    "R09",
    "a closing holds on to what waits for the closer",
    "wait/closing.ts",
    "  for (const run of held) letGo(ticketOf(pool, run)!)\n",
    ""
  ),
  one(
    "R09",
    "a closing overlooks that its tasks wait for others with finalizers or hooks",
    "wait/closing.ts",
    "lateWaits === 0 && ",
    ""
  ),
  one(
    "R09",
    "a closing overlooks that another pool holds its tasks",
    "wait/closing.ts",
    " && sharedTickets === 0",
    ""
  ),
  one(
    "R09",
    "a closing takes the pool of another task for its own",
    "wait/closing.ts",
    "maker !== undefined && maker === from && ",
    "maker !== undefined && "
  ),
  one(
    "R09",
    "a task does not look again for pools that were made while it closed others",
    "wait/closing.ts",
    "return Effect.andThen(all, closePools(execution, reason, closed))",
    "return all"
  ),
  one(
    "R09",
    "pools stay below the pool that has let go of their task",
    "transition/tickets.ts",
    "  for (const pool of pools) pool.parent = sharing.parent\n",
    ""
  ),
  one(
    "R09",
    "pools move below a cancelled pool",
    "transition/tickets.ts",
    " && !pool.canceled && !isBelow",
    " && !isBelow"
  ),
  one("R09", "pools move below themselves", "transition/tickets.ts", " && !isBelow(pool, task)", ""),
  one(
    "R09",
    "pools move below the newest pool that holds their task",
    "transition/tickets.ts",
    "tickets.keys().find(",
    "[...tickets.keys()].findLast("
  ),
  // counting
  one(
    "R10",
    "a pool that joins a task does not count it",
    "transition/tickets.ts",
    "  countHeld(run, sharing, pool)\n",
    ""
  ),
  one(
    "R10",
    "a pool above two that hold a task counts it twice",
    "transition/counting.ts",
    "if (tickets === 0) gain(run, each)",
    "gain(run, each)"
  ),
  one(
    "R10",
    "a pool that lets go of a task goes on to count it as live",
    "transition/tickets.ts",
    "  countLetGo(run, sharing, pool)\n",
    ""
  ),
  one(
    "R10",
    "a pool above two that hold a task loses it with the first",
    "transition/counting.ts",
    "if (tickets > 0) counters.set(each, tickets)\n    else if (counters.delete(each))",
    "counters.set(each, tickets)\n    if (tickets === 0 ? counters.delete(each) : true)"
  ),
  one(
    "R10",
    "what is below a task stays counted where that is let go",
    "transition/counting.ts",
    "        for (const each of left) lose(run, each)\n",
    ""
  ),
  one(
    "R10",
    "what is below a task is not counted where that moves to",
    "transition/counting.ts",
    "        for (const each of entered) gain(run, each)\n",
    ""
  ),
  one(
    "R10",
    "only the first pools below a task move with it",
    "transition/counting.ts",
    "      for (const child of run.execution?.pools ?? []) if (child.parent === pool) below.push(child)\n",
    ""
  ),
  one(
    "R10",
    "shared tasks below a task do not move with it",
    "transition/counting.ts",
    "        countHeld(run, sharing, to)\n        countLetGo(run, sharing, from)\n",
    ""
  ),
  one("R10", "a kept result counts each time", "transition/counting.ts", "    if (counted.has(pool)) continue\n", ""),
  one(
    "R10",
    "a kept result counts again in a pool that shared it",
    "transition/lifecycle.ts",
    "    if (sharing !== undefined) extrasOf(task).reusedIn = new WeakSet(sharing.counters.keys())\n",
    ""
  ),
  one(
    "R10",
    "pools above those that share a task do not know of its failure",
    "transition/lifecycle.ts",
    "for (const { failures } of countersOf(run)) if",
    "for (const { failures } of holdersOf(task)) if"
  ),
  // seal, cancel, done
  one(
    "R11",
    "a sealed pool refuses its own tasks",
    "dispatch/accept.ts",
    "(!pool.sealed || hasBegun || isWithin(pool, runAt(from)?.task))",
    "(!pool.sealed || hasBegun)"
  ),
  one(
    "R11",
    "a sealed pool refuses tasks below its own",
    "wait/graph.ts",
    "for (const above of upward(node)) if",
    "for (const above of node === undefined ? [] : [node]) if"
  ),
  one(
    "R11",
    "a sealed pool takes tasks from every task",
    "dispatch/accept.ts",
    "isWithin(pool, runAt(from)?.task)",
    "runAt(from) !== undefined"
  ),
  one(
    "R11",
    "a cancelled pool takes tasks",
    "dispatch/accept.ts",
    "!pool.done && !pool.canceled && ",
    "!pool.done && "
  ),
  one(
    "R11",
    "a pool that is sealed when it is empty is never done",
    "transition/tickets.ts",
    "  touch(pool)\n  finishIfDone(pool)\n",
    "  touch(pool)\n"
  ),
  one(
    "R11",
    "a pool is done more than once",
    "transition/tickets.ts",
    "if (pool.done || pool.remaining",
    "if (pool.remaining"
  ),
  one(
    "R11",
    "a finalizer that is added to a done pool never runs",
    "handle/pool.ts",
    "      if (record.released) return Effect.uninterruptible(runHere(inside, isolated))\n",
    ""
  ),
  one(
    "R11",
    "a finalizer that is added to a done pool can be interrupted",
    "handle/pool.ts",
    "Effect.uninterruptible(runHere(inside, isolated))",
    "runHere(inside, isolated)"
  ),
  // roll-up
  one(
    "R10",
    "counts of pools below are not read",
    "transition/rollUp.ts",
    "  const below = [...pool.behind]\n",
    "  const below: Array<PoolRecord> = []\n"
  ),
  one(
    "R10",
    "counts of pools far below are not read",
    "transition/rollUp.ts",
    "for (const child of each.behind) below.push(child)",
    ""
  ),
  one(
    "R10",
    "what is handed up gets no further than the next reader",
    "transition/rollUp.ts",
    "  parent.pending?.include(pending)\n",
    ""
  ),
  one(
    "R24",
    "readers are told of the first change alone",
    "transition/rollUp.ts",
    "  pool.told = false\n",
    ""
  ),
  one(
    "R24",
    "readers of a pool in between are told of the first change alone",
    "transition/rollUp.ts",
    "    each.told = false\n",
    ""
  ),
  one(
    "R24",
    "who is told of a shared task is not found by a reader above",
    "transition/rollUp.ts",
    "  pendingOf(pool) // or else who reads the pools above would not find those that have been told\n",
    ""
  ),
  one(
    "R10",
    "what was pending moves to the next parent",
    "transition/counting.ts",
    "    countsOf(pool)\n    handUp(pool)\n",
    ""
  ),
  one("R16", "a pool keeps those below it that have ended", "transition/tickets.ts", "  handUp(pool)\n", "")
]
