/** R21, R22: shutdown and rings. */
import { one, type RuleMutant } from "./rule.ts"

export const waits: ReadonlyArray<RuleMutant> = [
  // shutdown
  one(
    "R21",
    "a handler layer does not wait for its tasks",
    "dispatch/registry.ts",
    "    yield* awaitEnd(machine, live)\n",
    ""
  ),
  one("R21", "there is no grace", "dispatch/registry.ts", "    if (grace > 0) {", "    if (false) {"),
  one("R21", "each layer has a grace of its own", "dispatch/registry.ts", "machine.graceEnd ??=", "machine.graceEnd ="),
  one(
    "R21",
    "a task that comes after a shutdown has what is left of its grace",
    "dispatch/accept.ts",
    "  if (machine.closings === 0 && from === undefined) machine.graceEnd = undefined\n",
    ""
  ),
  one(
    "R21",
    "a task that comes from outside during a shutdown makes its grace longer",
    "dispatch/accept.ts",
    "if (machine.closings === 0 && from === undefined) machine",
    "if (from === undefined) machine"
  ),
  one(
    "R21",
    "a task that comes from inside of another begins a new grace",
    "dispatch/accept.ts",
    "if (machine.closings === 0 && from === undefined) machine",
    "if (machine.closings === 0) machine"
  ),
  one(
    "R21",
    "a layer that is built after a shutdown has what is left of its grace",
    "dispatch/registry.ts",
    "  if (machine.closings === 0) machine.graceEnd = undefined\n",
    ""
  ),
  one(
    "R21",
    "a layer that is built during a shutdown makes its grace longer",
    "dispatch/registry.ts",
    "  if (machine.closings === 0) machine.graceEnd = undefined\n",
    "  machine.graceEnd = undefined\n"
  ),
  one(
    "R21",
    "a layer that closes takes dispatches",
    "dispatch/registry.ts",
    `    registration.phase = "closing"\n`,
    ""
  ),
  one(
    "R21",
    "live tasks may not dispatch during the grace",
    "dispatch/accept.ts",
    `phase === "closed" || (phase === "closing" && from === undefined)`,
    `phase !== "open"`
  ),
  one(
    "R21",
    "a shutdown does not look again for tasks that came meanwhile",
    "wait/closing.ts",
    "return Effect.andThen(all, round)",
    "return Effect.as(all, true)"
  ),
  one(
    "R21",
    "a closer waits for who waits for it",
    "wait/closing.ts",
    "!node.ready && !isHeldUp(node, seen)",
    "!node.ready"
  ),
  one(
    "R21",
    "a closer does not notice who comes to wait for it",
    "wait/closing.ts",
    " || isHeldUp(node, waiting()) ? Effect.void : undefined",
    " ? Effect.void : undefined"
  ),
  one(
    "R21",
    "pools that are left stay open at shutdown",
    "handle/workerPool.ts",
    `    cancelPools([...machine.pools.values()].filter((pool) => !pool.isGlobal), "shutdown")\n`,
    ""
  ),
  one(
    "R21",
    "the finalizers of GLOBAL never run",
    "handle/workerPool.ts",
    `    machine.tell({ _tag: "finalizers", pool: machine.global })\n    yield* awaitEnd(machine, () => [...machine.pools.values()].filter((pool) => !pool.released))\n`,
    ""
  ),
  one("R21", "readers wait on after the shutdown", "handle/workerPool.ts", "    machine.changes.ended = true\n", ""),
  one(
    "R21",
    "tasks run with a handler that came after their dispatch",
    "run/attempt.ts",
    "registration.handler(task.payload",
    "task.job.registrations.at(-1)!.handler(task.payload"
  ),
  {
    rule: "R21",
    name: "the oldest handler serves all dispatches",
    edits: [
      ["dispatch/dispatch.ts", "registrations[registrations.length - 1]", "registrations[0]"],
      ["dispatch/dispatch.ts", "registrations.findLast(isOpen)", "registrations.find(isOpen)"]
    ]
  },
  one(
    "R21",
    "two different jobs with one tag live together",
    "dispatch/registry.ts",
    "if (existing.registrations.length > 0) {",
    "if (false) {"
  ),
  one(
    "R21",
    "a task is kept as the newest definition of its tag says",
    "transition/lifecycle.ts",
    "  const { definition } = run.registration\n",
    "  const { definition } = job\n"
  ),
  one(
    "R21",
    "a definition finds what another one of its tag has left",
    "transition/lifecycle.ts",
    " && definition === job.definition",
    ""
  ),
  one(
    "R21",
    "a new definition of a tag keeps results as the old one did",
    "dispatch/registry.ts",
    "    existing.kept = keptOf(machine, definition)\n",
    ""
  ),
  one("R21", "the warning of a shutdown names all tasks", "dispatch/registry.ts", "left.slice(0, named)", "left"),
  one(
    "R21",
    "a drain from outside ends while a task drains",
    "wait/drain.ts",
    "from === undefined ? isIdle(machine) : over",
    "over"
  ),
  one(
    "R21",
    "a drain that begins while a task drains does not wait for that",
    "wait/drain.ts",
    "from === undefined ? [] : [from, ...inside(machine)]",
    "[...(from === undefined ? [] : [from]), ...inside(machine)]"
  ),
  one(
    "R21",
    "a drain ends as soon as one task waits for it",
    "wait/drain.ts",
    "return count >= machine.live",
    "return count > 0"
  ),
  {
    rule: "R21",
    name: "a drain does not wait for hooks",
    edits: [
      ["transition/lifecycle.ts", "  machine.live--\n", ""],
      ["transition/lifecycle.ts", "  countExit(task)\n", "  countExit(task)\n  machine.live--\n  machine.schedule()\n"]
    ]
  },
  // rings
  one(
    "R22",
    "no ring is noticed",
    "wait/wait.ts",
    "options.target === undefined ? undefined : checkRing(from, options.target)",
    "undefined"
  ),
  one(
    "R22",
    "a joining dispatch closes a ring unnoticed",
    "dispatch/accept.ts",
    "    if (ring !== undefined) return Effect.die(ring)\n",
    ""
  ),
  one(
    "R22",
    "reading progress closes a ring unnoticed",
    "handle/task.ts",
    "      seen: 0,\n      check,\n",
    "      seen: 0,\n      check: () => undefined,\n"
  ),
  one(
    "R22",
    "a send closes a ring unnoticed",
    "run/inbox.ts",
    "return ring === undefined ? undefined : Effect.die(ring)",
    "return undefined"
  ),
  one(
    "R22",
    "reading a pool's status to its end closes a ring unnoticed",
    "wait/graph.ts",
    "  return held.length > 0 && held.length >= pool.remaining ? ringThrough(from, pool, held[0], waitsFor) : undefined\n",
    "  return held.length < 0 ? ringThrough(from, pool, held[0], waitsFor) : undefined\n"
  ),
  one(
    "R22",
    "that the maker of a pool waits for its end closes a ring unnoticed",
    "wait/graph.ts",
    "    if (node.maker !== undefined) found.push(node.maker)\n",
    ""
  ),
  one(
    "R22",
    "a ring through the pools of a task that does not wait is not noticed",
    "wait/graph.ts",
    " || (run.execution?.pools?.size ?? 0) > 0",
    ""
  ),
  one(
    "R22",
    "a cancelling call waits for tasks above it that wait for its hook",
    "wait/graph.ts",
    "    if (inHooks && pool.maker !== undefined) found.push(pool.maker)\n",
    ""
  ),
  one(
    "R22",
    "a cancelling call waits for what is queued for its key",
    "wait/graph.ts",
    `  if (newest !== undefined && newest !== node && newest.state === "Queued") found.push(newest)\n`,
    ""
  ),
  one(
    "R22",
    "a cancelling call waits for the tasks above it",
    "wait/graph.ts",
    "new Set(closure(upward(from)).keys())",
    "new Set(closure(from === undefined ? [] : [from]).keys())"
  ),
  one(
    "R22",
    "a ring names but its ends",
    "wait/graph.ts",
    "ring: ring.map(({ id }) => id)",
    "ring: [ring[0].id, from.id]"
  ),
  one(
    "R21",
    "a closing waits for readers inside of it",
    "dispatch/registry.ts",
    "    endReaders(machine)\n",
    ""
  ),
  one(
    "R21",
    "a closing waits for readers below the hooks inside of it",
    "wait/wait.ts",
    "[...dependents(from)].some(isOfClosed)",
    "isOfClosed(from)"
  ),
  one(
    "R21",
    "readers inside of what has closed wait on",
    "wait/wait.ts",
    "        if (options.reads === true && isClosing(from)) return Effect.void\n",
    ""
  ),
  one(
    "R21",
    "finish-running cancels what running tasks need in their pools",
    "dispatch/registry.ts",
    "[task, ...holdersOf(task)]",
    "[task]"
  ),
  one(
    "R21",
    "finish-running cancels what running tasks wait for",
    "dispatch/registry.ts",
    "[task, ...holdersOf(task)].every",
    "[...holdersOf(task)].every"
  ),
  one(
    "R21",
    "finish-running lets queued tasks start",
    "dispatch/registry.ts",
    "machine.settings.shutdown === \"finish-running\"",
    "false"
  )
]
