/** R25: what users give. */
import { one, type RuleMutant } from "./rule.ts"

export const given: ReadonlyArray<RuleMutant> = [
  one(
    "R25",
    "the canonical key is made for every dispatch",
    "dispatch/dispatch.ts",
    "  if (definition.keyed) task.key = definition.keyOf(payload.value)\n  const run",
    "  task.key = definition.keyOf(payload.value)\n  const run"
  ),
  one(
    "R25",
    "counts below the least are taken",
    "job/checks.ts",
    "Number.isSafeInteger(value) && (value as number) >= least",
    "Number.isSafeInteger(value)"
  ),
  one(
    "R25",
    "a priority without an end is taken",
    "job/checks.ts",
    "  Number.isFinite(value)\n    ? value as number",
    `  typeof value === "number"\n    ? value as number`
  ),
  one("R25", "a delay without end is taken", "job/checks.ts", "millis < Infinity ?", "true ?"),
  one("R25", "a duration that is no number is taken", "job/checks.ts", "return !Number.isNaN(duration)", "return true"),
  one(
    "R25",
    "a unit of time that there is not is passed over",
    "job/checks.ts",
    "if (isPlain(duration) && !Object",
    "if (false && !Object"
  ),
  one("R25", "a duration of no unit is 0", "job/checks.ts", "given.length > 0 && ", ""),
  one(
    "R25",
    "any word is taken for an option",
    "job/checks.ts",
    "words.find((word) => word === value)",
    "value as Word"
  ),
  one("R25", "a key that is no text is taken", "job/checks.ts", `typeof key === "string" ? key`, "true ? key"),
  one(
    "R25",
    "anything is taken for a function",
    "job/checks.ts",
    `typeof value === "function" ? value`,
    "true ? value"
  ),
  one("R25", "fields are taken for a Schema", "job/checks.ts", "  Schema.isSchema(value)\n", "  true\n"),
  one(
    "R25",
    "null counts as not given",
    "job/checks.ts",
    "if (value !== undefined) checked",
    "if (value != null) checked"
  ),
  one(
    "R25",
    "a misspelt option is passed over",
    "job/checks.ts",
    "if (!Object.hasOwn(known, name)) refuse",
    "if (false) refuse"
  ),
  one(
    "R25",
    "nobody says which option was meant",
    "job/checks.ts",
    "  return meant === undefined\n",
    "  return true\n"
  ),
  one(
    "R25",
    "any object is taken for options",
    "job/checks.ts",
    "  isPlain(value) || (Predicate",
    "  true || (Predicate"
  ),
  one(
    "R25",
    "options of a class are refused",
    "job/checks.ts",
    ".some((name) => name in value))",
    ".some((name) => name === value))"
  ),
  one(
    "R25",
    "a field of a payload that has no Schema is taken",
    "job/definition.ts",
    "  for (const name of Reflect.ownKeys(value)) toSchema(value[name], `${option}.${String(name)}`, subject)\n",
    ""
  ),
  one(
    "R25",
    "a concurrency without a limit is taken",
    "job/definition.ts",
    "limit = toLimit(undefined, `${option}.limit`, subject)",
    "limit = 1"
  ),
  one(
    "R25",
    "what is no function is taken for a hook",
    "run/hooks.ts",
    "    toFunction(f, kind, subjectOf(task.job.tag))\n",
    ""
  ),
  one(
    "R25",
    "what is no function is taken for a finalizer",
    "handle/pool.ts",
    `      toFunction(f, "addFinalizer", "TaskPool")\n`,
    ""
  ),
  one(
    "R25",
    "what is no function is taken for a handler",
    "handle/job.ts",
    `toFunction(given, "the handler", definition.subject)`,
    "given as AnyHandler"
  ),
  one(
    "R25",
    "a pool is opened for a body that is no function",
    "handle/nursery.ts",
    `    toFunction(body, "the body", "TaskPool")\n`,
    ""
  ),
  one(
    "R25",
    "a pool is opened for a dispatch that is no function",
    "handle/nursery.ts",
    `    toFunction(dispatch, "the dispatch of an item", "TaskPool")\n`,
    ""
  ),
  one(
    "R25",
    "anything is taken for the task of an item",
    "handle/nursery.ts",
    "  Predicate.hasProperty(task, TaskTypeId)\n",
    "  true\n"
  ),
  one(
    "R25",
    "a tag that is no text is taken",
    "job/definition.ts",
    `  toText(tag, "the tag", "Job.make")\n`,
    ""
  ),
  one(
    "R25",
    "a pool of another worker pool is taken",
    "dispatch/dispatch.ts",
    "if (pool.machine !== machine) {",
    "if (false) {"
  ),
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
  )
]
