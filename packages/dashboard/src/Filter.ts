/**
 * The language in which a person, a script or a link says which tasks.
 *
 * | word | the tasks |
 * |---|---|
 * | `job:Scan` | of this job |
 * | `state:queued,sleeping` | in one of these states: queued, running, sleeping, stopping, exited, success, canceled, error, unknown |
 * | `pool:Pool-3`, `pool:photos` | of the pool with this id or name |
 * | `key:beach` | whose key contains this |
 * | `error:ENOENT` | whose error contains this |
 * | `wait:>1s`, `run:<=500ms` | that waited for their first start (without a chosen delay), or took from there on, this long; units ms, s, m, h, d |
 * | `beach` | whose id, job, key or error contains this |
 *
 * Words are joined by "and", commas inside a word by "or"; `-` in front turns a word round. Case does not matter. `*` stands
 * for anything and makes a word match the whole text: `job:Scan*`. In double quotes everything is taken as it is, but
 * `\"` and `\\`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { TaskRow } from "./Rows.ts"

/**
 * What a filter looks at.
 *
 * @category models
 * @since 0.1.0
 */
export type FilterRow = Pick<
  TaskRow,
  "id" | "job" | "key" | "state" | "exitStatus" | "poolId" | "error" | "queuedAt" | "startedAt" | "finishedAt" | "delay"
>

/**
 * What a word of a filter is about; "text" for a bare word.
 *
 * @category models
 * @since 0.1.0
 */
export type Field = "job" | "state" | "pool" | "key" | "error" | "wait" | "run" | "text"

/**
 * A text to look for, in lower case. A glob has its literal parts between its stars.
 *
 * @category models
 * @since 0.1.0
 */
export type Pattern =
  | { readonly kind: "literal", readonly text: string }
  | { readonly kind: "glob", readonly parts: ReadonlyArray<string> }

/**
 * A length of time to compare with, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Comparison {
  readonly operator: ">" | ">=" | "<" | "<="
  readonly millis: number
}

/**
 * One word: any of its patterns, or its comparison, must hold. `text` is the word as written, from `at` on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Term {
  readonly field: Field
  readonly negated: boolean
  readonly patterns: ReadonlyArray<Pattern>
  readonly comparison: Comparison | undefined
  readonly text: string
  readonly at: number
}

/**
 * A filter that was read; without terms it matches everything.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly terms: ReadonlyArray<Term>
}

/**
 * What is wrong with a filter, for people, and the offset of the word.
 *
 * @category errors
 * @since 0.1.0
 */
export interface FilterIssue {
  readonly issue: string
  readonly at: number
}

/**
 * What a match depends on beside the row: the time, and the names of pools.
 *
 * @category models
 * @since 0.1.0
 */
export interface MatchContext {
  readonly now: number
  readonly poolName: (poolId: string) => string | undefined
}

const fields: ReadonlyArray<Field> = ["job", "state", "pool", "key", "error", "wait", "run"]
const states = ["queued", "running", "sleeping", "stopping", "exited", "success", "canceled", "error", "unknown"]
const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads a filter.
 *
 * **Example** (Reading a filter)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Filter } from "@effect-tasks/dashboard"
 *
 * const filter = Result.getOrThrow(Filter.parse("job:Scan* -state:exited wait:>1s"))
 * console.log(filter.terms.map((term) => term.field).join()) // => job,state,wait
 * console.log(Result.isFailure(Filter.parse("colour:red"))) // => true
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string): Result.Result<Filter, FilterIssue> => {
  const terms: Array<Term> = []
  let at = 0
  while (at < source.length) {
    if (/\s/.test(source[at])) {
      at++
      continue
    }
    const word = scan(source, at)
    if (word === undefined) return Result.fail({ issue: "this quotation mark is never closed", at })
    const term = toTerm(word, source.slice(at, word.end), at)
    if (typeof term === "string") return Result.fail({ issue: term, at })
    terms.push(term)
    at = word.end
  }
  return Result.succeed({ terms })
}

interface Word {
  readonly negated: boolean
  readonly field: string
  readonly values: ReadonlyArray<{ readonly text: string, readonly quoted: boolean }>
  readonly end: number
}

/** One word from `start` on: quotes may hold spaces, commas and colons. */
const scan = (source: string, start: number): Word | undefined => {
  const negated = source[start] === "-" && start + 1 < source.length && !/\s/.test(source[start + 1])
  const values: Array<{ text: string, quoted: boolean }> = []
  let field = ""
  let value = { text: "", quoted: false }
  let at = negated ? start + 1 : start
  for (; at < source.length && !/\s/.test(source[at]); at++) {
    const char = source[at]
    if (char === "\"") {
      value.quoted = true
      for (at++; source[at] !== "\""; at++) {
        if (source[at] === "\\" && at + 1 < source.length) at++
        if (at >= source.length) return undefined
        value.text += source[at]
      }
    } else if (char === ":" && field === "" && !value.quoted && fields.includes(value.text.toLowerCase() as Field)) {
      field = value.text.toLowerCase()
      value = { text: "", quoted: false }
    } else if (char === "," && field !== "") {
      values.push(value)
      value = { text: "", quoted: false }
    } else value.text += char
  }
  values.push(value)
  return { negated, field, values, end: at }
}

/** A term, or what is wrong with it. */
const toTerm = ({ field: name, negated, values }: Word, text: string, at: number): Term | string => {
  const term = { negated, text, at, patterns: [], comparison: undefined }
  if (name === "") {
    const [{ quoted, text: value }] = values
    const unknown = quoted ? null : /^([a-z]+):/i.exec(value)
    if (unknown !== null) {
      return `there is no "${unknown[1]}:"; there are ${
        fields.map((field) => `${field}:`).join(" ")
      }. Quote the word to search for it`
    }
    return { ...term, field: "text", patterns: values.map(toPattern) }
  }
  const field = name as Field
  if (values.some((value) => value.text === "" && !value.quoted)) return `say what after "${field}:"`
  if (field === "wait" || field === "run") {
    const comparison = values.length === 1 ? toComparison(values[0].text) : undefined
    return comparison === undefined
      ? `after "${field}:" comes one comparison, such as >1s or <=500ms`
      : { ...term, field, comparison }
  }
  if (field === "state") {
    const wrong = values.find((value) => !states.includes(value.text.toLowerCase()))
    if (wrong !== undefined) return `"${wrong.text}" is no state; there are ${states.join(", ")}`
  }
  return { ...term, field, patterns: values.map(toPattern) }
}

const toPattern = ({ quoted, text }: { readonly text: string, readonly quoted: boolean }): Pattern => {
  const lower = text.toLowerCase()
  return quoted || !lower.includes("*")
    ? { kind: "literal", text: lower }
    : { kind: "glob", parts: lower.split("*") }
}

const toComparison = (text: string): Comparison | undefined => {
  const match = /^(>=|<=|>|<)?(\d+(?:\.\d+)?)(ms|s|m|h|d)$/i.exec(text)
  if (match === null) return undefined
  const [, operator = ">", amount, unit] = match
  return { operator: operator as Comparison["operator"], millis: Number(amount) * units[unit.toLowerCase()] }
}

/**
 * Whether the filter matches a task.
 *
 * **Example** (Matching a row)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Filter } from "@effect-tasks/dashboard"
 *
 * const row: Filter.FilterRow = {
 *   id: "Scan-1", job: "Scan", key: "/photos", state: "Queued", exitStatus: null, poolId: "Pool-2", error: null,
 *   queuedAt: 0, delay: 0, startedAt: null, finishedAt: null
 * }
 * const context = { now: 2_000, poolName: () => "import" }
 * const isLate = Result.getOrThrow(Filter.parse("pool:import wait:>1s"))
 * console.log(Filter.matches(isLate, row, context)) // => true
 * ```
 *
 * @category matching
 * @since 0.1.0
 */
export const matches = (filter: Filter, row: FilterRow, context: MatchContext): boolean =>
  filter.terms.every((term) => holds(term, row, context) !== term.negated)

/**
 * Whether a filter says which tasks are meant: one that is empty, only excludes, or takes any text there is does not.
 *
 * **Example** (Asking before acting)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Filter } from "@effect-tasks/dashboard"
 *
 * const isSelective = (text: string) => Filter.isSelective(Result.getOrThrow(Filter.parse(text)))
 * console.log(isSelective("job:Scan"), isSelective("-job:Scan"), isSelective("*")) // => true false false
 * ```
 *
 * @category matching
 * @since 0.1.0
 */
export const isSelective = (filter: Filter): boolean =>
  filter.terms.some((term) => !term.negated && (term.comparison !== undefined || !term.patterns.some(takesAnything)))

const takesAnything = (pattern: Pattern): boolean =>
  pattern.kind === "glob" ? pattern.parts.every((part) => part === "") : pattern.text === ""

const holds = ({ comparison, field, patterns }: Term, row: FilterRow, { now, poolName }: MatchContext): boolean => {
  const some = (
    test: (pattern: Pattern, text: string) => boolean,
    ...texts: ReadonlyArray<string | null | undefined>
  ) => patterns.some((pattern) => texts.some((text) => typeof text === "string" && test(pattern, text.toLowerCase())))
  switch (field) {
    case "job":
      return some(isWhole, row.job)
    case "state":
      return some(isWhole, row.state, row.exitStatus)
    case "pool":
      return some(isWhole, row.poolId, poolName(row.poolId))
    case "key":
      return some(isPart, row.key)
    case "error":
      return some(isPart, row.error)
    case "wait":
      return compare(comparison!, (row.startedAt ?? row.finishedAt ?? now) - row.queuedAt - row.delay)
    case "run":
      return row.startedAt !== null && compare(comparison!, (row.finishedAt ?? now) - row.startedAt)
    case "text":
      return some(isPart, row.id, row.job, row.key, row.error)
  }
}

const isWhole = (pattern: Pattern, text: string): boolean =>
  pattern.kind === "literal" ? pattern.text === text : matchesGlob(pattern.parts, text)

const isPart = (pattern: Pattern, text: string): boolean =>
  pattern.kind === "literal" ? text.includes(pattern.text) : matchesGlob(pattern.parts, text)

/** Takes each part at its first place: linear where a regular expression could be made to hang. */
const matchesGlob = (parts: ReadonlyArray<string>, text: string): boolean => {
  const last = parts.at(-1)!
  if (!text.startsWith(parts[0]) || text.length < parts[0].length + last.length) return false
  let at = parts[0].length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

const compare = ({ millis, operator }: Comparison, length: number): boolean => {
  switch (operator) {
    case ">":
      return length > millis
    case ">=":
      return length >= millis
    case "<":
      return length < millis
    case "<=":
      return length <= millis
  }
}

/**
 * Writes a word that matches exactly this text, quoted where it must be.
 *
 * **Example** (Making a word of any text)
 *
 * ```ts
 * import { Filter } from "@effect-tasks/dashboard"
 *
 * console.log(Filter.word("job", "Scan")) // => job:Scan
 * console.log(Filter.word("key", "my photos")) // => key:"my photos"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const word = (field: Exclude<Field, "text">, value: string): string =>
  /^[\w./-]+$/.test(value) ? `${field}:${value}` : `${field}:"${value.replace(/["\\]/g, "\\$&")}"`

/**
 * Writes a filter as text that reads back as the same filter.
 *
 * **Example** (Taking a word out of a filter)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Filter } from "@effect-tasks/dashboard"
 *
 * const { terms } = Result.getOrThrow(Filter.parse("job:Scan  state:queued"))
 * console.log(Filter.format({ terms: terms.filter(({ field }) => field !== "state") })) // => job:Scan
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (filter: Filter): string => filter.terms.map((term) => term.text).join(" ")
