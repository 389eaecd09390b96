/** Any value as plain JSON, with what is `Redacted` withheld. */
import * as Cause from "effect/Cause"
import * as Redacted from "effect/Redacted"
import { json as most } from "./limits.ts"
import { boundedText, cut as shorten } from "./text.ts"

/** What stands for a value that must not leave the process. */
export const withheld = "<redacted>"

export type Path = ReadonlyArray<string | number>

export interface Plain {
  readonly json: unknown
  /** Where something was withheld. */
  readonly redacted: ReadonlyArray<{ readonly path: Path, readonly value: unknown }>
  /** Whether all of the value was looked at: nothing was cut, and nothing `Redacted` can have been overlooked. */
  readonly complete: boolean
  /** Whether the JSON, but for what was withheld, says the same as the value. */
  readonly lossless: boolean
}

/** A place, as one text. */
export const pathText = (path: Path): string => path.join("\u0000")

interface Walk {
  /** Further places that are withheld. */
  readonly sensitive: ReadonlySet<string>
  readonly seen: Set<object>
  readonly redacted: Array<{ readonly path: Path, readonly value: unknown }>
  /** How many more parts, and characters of text, are taken: a huge value costs no more than a large one. */
  parts: number
  characters: number
  complete: boolean
  lossless: boolean
}

const nothing: ReadonlySet<string> = new Set()

export const toPlain = (value: unknown, sensitive = nothing): Plain => {
  const walk: Walk = {
    sensitive,
    seen: new Set(),
    redacted: [],
    parts: most.parts,
    characters: most.characters,
    complete: true,
    lossless: true
  }
  const json = visit(value, [], walk)
  const { complete, lossless, redacted } = walk
  return { json, redacted, complete, lossless: lossless && complete }
}

/** A part that JSON cannot say as it is. */
const instead = <A>(walk: Walk, json: A): A => {
  walk.lossless = false
  return json
}

/** A part that was not looked at. */
const cut = <A>(walk: Walk, json: A): A => {
  walk.complete = false
  return json
}

const visit = (value: unknown, path: Path, walk: Walk): unknown => {
  if (walk.parts-- <= 0) return cut(walk, "…")
  if (walk.sensitive.size > 0 && value !== undefined && walk.sensitive.has(pathText(path))) {
    walk.redacted.push({ path, value })
    return withheld
  }
  switch (typeof value) {
    case "string":
      return text(value, walk)
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : instead(walk, String(value))
    case "bigint":
      return instead(walk, text(String(value), walk))
    case "undefined":
      return path.length === 0 ? instead(walk, null) : undefined
    case "symbol":
    case "function":
      return instead(walk, `<${typeof value}>`)
  }
  if (typeof value !== "object" || value === null) return null
  if (Redacted.isRedacted(value)) {
    walk.redacted.push({ path, value })
    return withheld
  }
  if (path.length >= most.depth) return cut(walk, "…")
  if (walk.seen.has(value)) return instead(walk, "<circular>")
  walk.seen.add(value)
  try {
    return visitObject(value, path, walk)
  } catch {
    return cut(walk, "<unreadable>") // a getter or a proxy that throws
  } finally {
    walk.seen.delete(value)
  }
}

const visitObject = (value: object, path: Path, walk: Walk): unknown => {
  if (Array.isArray(value)) return items(value, path, walk)
  if (value instanceof Date) return instead(walk, Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString())
  if (value instanceof Error) return instead(walk, error(value, path, walk))
  if (Cause.isCause(value)) return instead(walk, items(value.reasons, path, walk))
  if (value instanceof Map || value instanceof Set) return instead(walk, items(value, path, walk))
  if (value instanceof URL || value instanceof RegExp) return instead(walk, text(String(value), walk))
  if (ArrayBuffer.isView(value)) return instead(walk, `<${value.byteLength} bytes>`)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) walk.lossless = false
  return fields(value, path, walk)
}

const text = (value: string, walk: Walk): string => {
  const shown = shorten(value, Math.max(1, walk.characters))
  walk.characters -= shown.length
  return shown.length < value.length ? cut(walk, shown) : shown
}

const items = (values: Iterable<unknown>, path: Path, walk: Walk): Array<unknown> => {
  const out: Array<unknown> = []
  for (const value of values) {
    if (walk.parts <= 0) {
      out.push(cut(walk, "…"))
      break
    }
    out.push(visit(value, [...path, out.length], walk) ?? null)
  }
  return out
}

const fields = (value: object, path: Path, walk: Walk): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    if (walk.parts <= 0) {
      walk.complete = false
      break
    }
    const json = visit((value as Record<string, unknown>)[name], [...path, name], walk)
    // plain assignment of `__proto__` would change what `out` inherits
    if (json !== undefined) {
      Object.defineProperty(out, text(name, walk), {
        value: json,
        enumerable: true,
        writable: true,
        configurable: true
      })
    }
  }
  return out
}

const error = (value: Error, path: Path, walk: Walk): Record<string, unknown> => ({
  name: text(String(value.name), walk),
  message: text(String(value.message), walk),
  ...fields(value, path, walk)
})

/** JSON text of a value, indented or on one line. */
export const toJson = (value: unknown, length: number, indent?: number, sensitive = nothing) =>
  boundedText(JSON.stringify(toPlain(value, sensitive).json, undefined, indent) ?? "null", length)

/** Whether something is `Redacted`; undefined when there was too much to look at. Cheaper than `toPlain`. */
export const holdsRedacted = (value: unknown, budget = { parts: 2_000 }, depth = 0): boolean | undefined => {
  if (typeof value !== "object" || value === null) return false
  if (Redacted.isRedacted(value)) return true
  if (depth > most.depth) return undefined
  let found: boolean | undefined = false
  for (const part of partsOf(value)) {
    if (budget.parts-- <= 0) return undefined
    const inside = holdsRedacted(part, budget, depth + 1)
    if (inside === true) return true
    if (inside === undefined) found = undefined
  }
  return found
}

const partsOf = (value: object): Iterable<unknown> => {
  if (ArrayBuffer.isView(value)) return []
  try {
    return value instanceof Map
      ? [...value.keys(), ...value.values()]
      : value instanceof Set
      ? value
      : Object.values(value)
  } catch {
    return [undefined]
  }
}
