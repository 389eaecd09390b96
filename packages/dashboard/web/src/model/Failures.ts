/** What failed: one after the other, and grouped by job and error. */
import type { TaskRow } from "../../../src/Contract.ts"
import type { Actions } from "./Actions.ts"
import type { Matching } from "./Matching.ts"
import type { Place } from "./Place.ts"
import { type NodeKey, type Store, taskKey } from "./Store.ts"
import type { TreeModel } from "./TreeModel.ts"

export interface Group {
  readonly key: string
  readonly job: string
  readonly error: string
  /** Newest last. */
  readonly rows: ReadonlyArray<TaskRow>
}

export class Failures {
  private readonly store: Store
  private readonly matching: Matching
  private readonly place: Place
  private readonly tree: TreeModel
  private readonly actions: Actions

  constructor(
    of: { readonly store: Store, readonly matching: Matching, readonly place: Place, readonly tree: TreeModel },
    actions: Actions
  ) {
    this.store = of.store
    this.matching = of.matching
    this.place = of.place
    this.tree = of.tree
    this.actions = actions
  }

  /** Selects the next failed task that the filter matches, where it began, and opens the path to it. */
  next(step: 1 | -1): void {
    const ids = this.rows.map(({ id }) => id)
    if (ids.length === 0) return this.actions.say("good", "Nothing has failed.")
    const at = ids.indexOf(this.place.selected.value ?? "")
    const next = at === -1 ? (step === 1 ? 0 : ids.length - 1) : (at + step + ids.length) % ids.length
    this.tree.select(ids[next])
  }

  /** Selects the first failed task below a node. */
  firstBelow(node: NodeKey): void {
    for (const { id } of this.rows) {
      if (this.tree.isBelow(taskKey(id), node)) return this.tree.select(id)
    }
    this.actions.say("bad", "The failed tasks below it are no longer kept.")
  }

  /** Those that the filter matches, and that failed by themselves. */
  get rows(): ReadonlyArray<TaskRow> {
    return [...this.store.failed].flatMap((id) => {
      const row = this.store.tasks.get(id)
      return row === undefined || !this.matching.matches(id) || this.isEcho(row) ? [] : [row]
    })
  }

  /** The largest first. */
  get groups(): ReadonlyArray<Group> {
    const groups = new Map<string, { readonly job: string, readonly error: string, readonly rows: Array<TaskRow> }>()
    for (const row of this.rows) {
      const error = kindOf(row.error ?? "")
      const key = `${row.job}\n${error}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { job: row.job, error, rows: [row] })
      else group.rows.push(row)
    }
    return Array.from(groups, ([key, group]) => ({ key, ...group }))
      .toSorted((one, other) => other.rows.length - one.rows.length)
  }

  /** Failed only because a task below it did, which is a failure of its own. */
  private isEcho({ error, id }: TaskRow): boolean {
    return error?.startsWith("ChildTaskFailed") === true && (this.store.rollUp(taskKey(id))?.failed ?? 0) > 0
  }
}

/** Errors that differ in nothing but numbers, ids, paths and what is quoted are of one kind. */
const kindOf = (error: string): string =>
  error
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, "…")
    .replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/gi, "…")
    .replace(/[^\s"'`:,;()[\]{}]*\/[^\s"'`:,;()[\]{}]*/g, "…")
    .replace(/\b(?:0x)?\d[\d.,:_-]*\w*/g, "…")
    .replace(/…(?:\s*…)+/g, "…")
