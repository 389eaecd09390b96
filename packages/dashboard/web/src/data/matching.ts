/** Which tasks the filter matches, kept up to date row by row: a hundred thousand are never all asked again. */
import { computed, effect, signal } from "@preact/signals"
import * as Result from "effect/Result"
import type { TaskRow } from "../../../src/Contract.ts"
import * as Filter from "../../../src/Filter.ts"
import { filterText } from "./place.ts"
import { store } from "./store.ts"

const parsed = computed(() => Filter.parse(filterText.value))
export const terms = computed(() => Result.isSuccess(parsed.value) ? parsed.value.success.terms : [])
export const issue = computed(() => Result.isFailure(parsed.value) ? parsed.value.failure : undefined)
/** While a filter is being typed it may not parse: the last good one stays. */
const active = signal<Filter.Filter>({ terms: [] })
export const isFiltered = computed(() => active.value.terms.length > 0)

/** Ids of matching tasks; empty without a filter. */
export const matching = new Set<string>()
/** Rises when `matching` does anything. */
export const matchVersion = signal(0)
let changes = 0

const context = { now: 0, poolName: (id: string) => store.pools.get(id)?.name }

const test = (row: TaskRow): boolean => Filter.matches(active.peek(), row, context)

const update = (before: TaskRow | undefined, after: TaskRow | undefined): void => {
  if (active.peek().terms.length === 0) return
  if (after === undefined) {
    if (before === undefined) matching.clear()
    else if (!matching.delete(before.id)) return
  } else if (test(after)) {
    if (matching.has(after.id)) return
    matching.add(after.id)
  } else if (!matching.delete(after.id)) return
  changes++
}

const rebuild = (): void => {
  matching.clear()
  context.now = store.now
  if (active.peek().terms.length > 0) {
    for (const row of store.tasks.values()) if (test(row)) matching.add(row.id)
  }
  matchVersion.value = matchVersion.peek() + 1
}

/** Time alone moves what waits or runs. */
const age = (): void => {
  context.now = store.now
  if (!active.peek().terms.some(({ field }) => field === "wait" || field === "run")) return
  for (const row of store.live.values()) update(row, row)
  store.touch()
}

/** What changed since the last look. */
export const settleMatching = (): void => {
  if (changes === 0) return
  changes = 0
  matchVersion.value = matchVersion.peek() + 1
}

export const startMatching = (): void => {
  store.listen(update)
  effect(() => {
    const result = parsed.value
    if (Result.isSuccess(result)) {
      active.value = result.success
      rebuild()
    }
  })
  setInterval(age, 500)
}

export const matches = (id: string): boolean => !isFiltered.peek() || matching.has(id)

const setTerms = (words: ReadonlyArray<string>): void => {
  filterText.value = words.join(" ")
}

export const removeTerm = (index: number): void =>
  setTerms(terms.value.filter((_, i) => i !== index).map(({ text }) => text))

export const hasWord = (word: string): boolean => terms.value.some(({ text }) => text === word)

/** Puts a word in place of the others of its field, or takes it out when it is there. */
export const toggleWord = (field: Exclude<Filter.Field, "text">, value: string): void => {
  const word = Filter.word(field, value)
  const others = terms.value.filter((term) => term.field !== field || term.negated).map(({ text }) => text)
  setTerms(hasWord(word) ? others : [...others, word])
}
