/** R16, R24, R25: memory, what is told, what users give. */
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
  one("R16", "failures are kept", "transition/lifecycle.ts", ` && exitStatusOf(task) === "success") {`, ") {"),
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
    "    if (task.job.kept.has(task)) extrasOf(task).outOfHistory = true\n    else task",
    "    task"
  ),
  // memory
  one(
    "R16",
    "a handle keeps the tasks dispatched around it",
    "record/tasks.ts",
    "    task.before = task.after = undefined\n",
    ""
  ),
  one(
    "R16",
    "a handle keeps the other tasks of its key",
    "record/tasks.ts",
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
  one("R16", "the limit of a key is remembered for ever", "dispatch/accept.ts", ", () => job.limits.delete(key))", ")"),
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
    "  pool.maker = undefined\n  if (pool.joining",
    "  if (pool.joining"
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
  one("R16", "a handle keeps its closed worker pool", "record/directory.ts", "    this.machine.release()\n", ""),
  one(
    "R16",
    "a handle keeps what its closed worker pool was built with",
    "record/machine.ts",
    "    this.context = Context.empty()\n",
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
    "dispatch/registry.ts",
    "fiber === undefined ? undefined : runOf(fiber)",
    "undefined"
  ),
  one("R24", "dispatches are not counted in the metrics", "dispatch/accept.ts", "  countDispatch(task)\n", ""),
  one(
    "R24",
    "the queue time of the metrics counts to the end",
    "observe/metrics.ts",
    "task.startedAt - task.queuedAt",
    "task.finishedAt! - task.queuedAt"
  ),
  // what users give
  one(
    "R25",
    "payloads are not checked",
    "job/definition.ts",
    "checkNothing : (input) => copied(checkPayload(make, input))",
    "checkNothing : (input) => Exit.succeed(input)"
  ),
  one(
    "R25",
    "a handler gets the caller's own object",
    "job/definition.ts",
    "copy === undefined || Exit.isFailure(read) ? read : copy(read.value)",
    "read"
  ),
  one(
    "R25",
    "what is dispatched by name is the caller's",
    "job/definition.ts",
    "copied(synchronously(decode()(encoded)))",
    "synchronously(decode()(encoded))"
  ),
  one(
    "R25",
    "a Date in a payload is the caller's",
    "job/copy.ts",
    "if (from instanceof Date) return new Date(from)",
    ""
  ),
  one("R25", "a typed array in a payload is the caller's", "job/copy.ts", "viewLike(from, from.buffer)", "undefined"),
  one(
    "R25",
    "all bytes behind a view are copied",
    "job/copy.ts",
    "buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)",
    "buffer.slice(0)"
  ),
  one("R25", "what a Map in a payload holds is the caller's", "job/copy.ts", "copy(key), copy(each)", "key, each"),
  one(
    "R25",
    "what an Option in a payload holds is the caller's",
    "job/copy.ts",
    "typeParameters.map(copying)",
    "typeParameters"
  ),
  one(
    "R25",
    "an instance in a payload is the caller's",
    "job/copy.ts",
    "classOf(value) === undefined ? value : copyOf(value, copies)",
    "value"
  ),
  one(
    "R25",
    "a copied error has another stack",
    "job/copy.ts",
    "if (isItem(name) || fields.has(name)) continue",
    `if (isItem(name) || fields.has(name) || name === "stack") continue`
  ),
  one(
    "R25",
    "an instance loses what it was not made of",
    "job/copy.ts",
    "if (isItem(name) || fields.has(name)) continue",
    "if (isItem(name) || fields.size > 0) continue"
  ),
  one(
    "R25",
    "a function of the copy belongs to the original",
    "job/copy.ts",
    `typeof value === "function" && Object.hasOwn(to, name)`,
    "false"
  ),
  one(
    "R25",
    "a copy is of the class that a class extends",
    "job/copy.ts",
    "Object.setPrototypeOf(value, Object.getPrototypeOf(from))",
    "Object.getPrototypeOf(from)"
  ),
  one(
    "R25",
    "holes of an array are filled",
    "job/copy.ts",
    "from.forEach((each, i) => (items[i] = each))",
    "items.push(...from)"
  ),
  one(
    "R25",
    "what cannot be read is not taken",
    "job/copy.ts",
    "  } catch {\n    return shared(from)\n",
    "  } catch (error) {\n    throw error\n"
  ),
  one(
    "R25",
    "a copy leaves out what a smaller member of a union does not know",
    "job/copy.ts",
    `{ onExcessProperty: "error", copies }`,
    "{ copies }"
  ),
  one(
    "R25",
    "a declared type with other fields is not taken",
    "job/copy.ts",
    "Exit.isSuccess(copy) ? copy : read(value, lenient)",
    "copy"
  ),
  one(
    "R25",
    "an instance of a member of a union becomes one of another",
    "job/instances.ts",
    "makes[memberOfClass(members, input)] ?? make!",
    "make!"
  ),
  one(
    "R25",
    "options are taken for the payload of a job without one",
    "job/definition.ts",
    "  input === undefined\n    ? Exit.succeed",
    "  true\n    ? Exit.succeed"
  ),
  one(
    "R25",
    "the canonical key is made for every dispatch",
    "dispatch/dispatch.ts",
    "key: definition.keyed ? definition.keyOf(payload.value) : undefined",
    "key: definition.keyOf(payload.value)"
  ),
  one(
    "R25",
    "counts below the least are taken",
    "job/checks.ts",
    "(Number.isSafeInteger(count) && count >= least)",
    "Number.isSafeInteger(count)"
  ),
  one(
    "R25",
    "a priority that is no integer is taken",
    "job/checks.ts",
    "  Number.isSafeInteger(priority)\n",
    "  true\n"
  ),
  one("R25", "a delay without end is taken", "job/checks.ts", "millis < Infinity ?", "true ?"),
  one("R25", "a duration that is no number is taken", "job/checks.ts", "holdsNaN(duration) ? undefined : ", ""),
  one(
    "R25",
    "any word is taken for an option",
    "job/checks.ts",
    "word === undefined || words.includes(word)\n",
    "true\n"
  ),
  one("R25", "a key that is no text is taken", "job/checks.ts", `typeof key === "string" ? key`, "true ? key"),
  one(
    "R25",
    "anything is taken for a function",
    "job/checks.ts",
    `f === undefined || typeof f === "function" ? f`,
    "true ? f"
  ),
  one(
    "R25",
    "a pool of another worker pool is taken",
    "dispatch/dispatch.ts",
    "if (record.machine !== machine) {",
    "if (false) {"
  )
]
