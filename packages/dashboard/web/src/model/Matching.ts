/** Which tasks the filter matches, kept up to date row by row: a hundred thousand are never all asked again. */
import { computed, effect, type ReadonlySignal, signal } from "@preact/signals"
import * as Result from "effect/Result"
import type { TaskRow } from "../../../src/Contract.ts"
import * as Filter from "../../../src/Filter.ts"
import type { Place } from "./Place.ts"
import type { Store } from "./Store.ts"

export class Matching {
  readonly terms: ReadonlySignal<ReadonlyArray<Filter.Term>>
  readonly issue: ReadonlySignal<Filter.FilterIssue | undefined>
  readonly isFiltered: ReadonlySignal<boolean>
  /** Ids of matching tasks; empty without a filter. */
  readonly ids = new Set<string>()
  /** Rises when `ids` does anything. */
  readonly version = signal(0)
  /** While a filter is being typed it may not parse: the last good one stays. */
  private readonly active = signal<Filter.Filter>({ terms: [] })
  private readonly context: { now: number, readonly poolName: (id: string) => string | undefined }
  private readonly store: Store
  private readonly place: Place
  private changes = 0

  constructor(store: Store, place: Place) {
    this.store = store
    this.place = place
    this.context = { now: 0, poolName: (id) => store.pools.get(id)?.name }
    const parsed = computed(() => Filter.parse(place.filter.value))
    this.terms = computed(() => Result.isSuccess(parsed.value) ? parsed.value.success.terms : [])
    this.issue = computed(() => Result.isFailure(parsed.value) ? parsed.value.failure : undefined)
    this.isFiltered = computed(() => this.active.value.terms.length > 0)
    store.listen((before, after) => this.update(before, after))
    effect(() => {
      const result = parsed.value
      if (Result.isFailure(result)) return
      this.active.value = result.success
      this.rebuild()
    })
  }

  start(): void {
    setInterval(() => this.age(), 500)
  }

  matches(id: string): boolean {
    return !this.isFiltered.peek() || this.ids.has(id)
  }

  /** Tells of what changed since the last look. */
  publish(): void {
    if (this.changes === 0) return
    this.changes = 0
    this.version.value = this.version.peek() + 1
  }

  /** Live tasks that the filter matches. */
  get live(): ReadonlyArray<string> {
    return [...this.store.live.keys()].filter((id) => this.matches(id))
  }

  removeTerm(index: number): void {
    this.setWords(this.terms.value.filter((_, i) => i !== index).map(({ text }) => text))
  }

  has(word: string): boolean {
    return this.terms.value.some(({ text }) => text === word)
  }

  /** Puts a word in place of the others of its field, or takes it out when it is there. */
  toggle(field: Exclude<Filter.Field, "text">, value: string): void {
    const word = Filter.word(field, value)
    const others = this.terms.value.filter((term) => term.field !== field || term.negated).map(({ text }) => text)
    this.setWords(this.has(word) ? others : [...others, word])
  }

  private setWords(words: ReadonlyArray<string>): void {
    this.place.filter.value = words.join(" ")
  }

  private test(row: TaskRow): boolean {
    return Filter.matches(this.active.peek(), row, this.context)
  }

  private update(before: TaskRow | undefined, after: TaskRow | undefined): void {
    if (this.active.peek().terms.length === 0) return
    if (after === undefined) {
      if (before === undefined) this.ids.clear()
      else if (!this.ids.delete(before.id)) return
    } else if (this.test(after)) {
      if (this.ids.has(after.id)) return
      this.ids.add(after.id)
    } else if (!this.ids.delete(after.id)) return
    this.changes++
  }

  private rebuild(): void {
    this.ids.clear()
    this.context.now = this.store.now
    if (this.active.peek().terms.length > 0) {
      for (const row of this.store.tasks.values()) if (this.test(row)) this.ids.add(row.id)
    }
    this.version.value = this.version.peek() + 1
  }

  /** Time alone moves what waits or runs. */
  private age(): void {
    this.context.now = this.store.now
    if (!this.active.peek().terms.some(({ field }) => field === "wait" || field === "run")) return
    for (const row of this.store.live.values()) this.update(row, row)
    this.store.touch()
  }
}
