/** What failed, grouped by job and error, to be looked at and run again. */
import { useSignal } from "@preact/signals"
import { useMemo } from "preact/hooks"
import { page } from "../../../src/internal/limits.ts"
import type { Group } from "../model/Failures.ts"
import { clock, count, many } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { keyText } from "../model/words.ts"
import { commandOf } from "./keys.ts"

/** Grouping again for each change would be dear; the newest second may be missing. */
const useGroups = (): ReadonlyArray<Group> => {
  const { failures, matching, store } = useModel()
  const second = Math.floor(store.now / 1_000)
  void store.version.value
  return useMemo(() => failures.groups, [second, store.failed.size, matching.version.value])
}

export const FailuresView = () => {
  const model = useModel()
  const { actions, matching, store } = model
  const groups = useGroups()
  const all = groups.flatMap(({ rows }) => rows)
  return (
    <div
      class="failures"
      id="failures"
      tabIndex={0}
      role="group"
      aria-label="Failures"
      onKeyDown={(event) => commandOf(model, event, {})}
    >
      <div class="tools">
        <span>
          {all.length === 0
            ? matching.isFiltered.value ? "No failure matches the filter." : "Nothing has failed."
            : `${many(all.length, "failure")} of ${many(groups.length, "kind")}`}
        </span>
        <span class="grow" />
        {store.readonly.value || all.length === 0 ? null : (
          <button
            type="button"
            onClick={() => actions.open({ _tag: "runMany", ids: all.map(({ id }) => id), of: "what is listed here" })}
          >
            Run all {count(all.length)} again …
          </button>
        )}
      </div>
      <ul>
        {groups.slice(0, page.groups).map((group) => <Row key={group.key} group={group} />)}
      </ul>
      {groups.length > page.groups
        ? <p class="empty">{count(groups.length - page.groups)} more kinds: filter to see them.</p>
        : null}
    </div>
  )
}

const shownAtOnce = 20

const Row = ({ group: { error, job, rows } }: { readonly group: Group }) => {
  const { actions, store, tree } = useModel()
  const shown = useSignal(0)
  const newest = rows.at(-1)!
  const latest = rows.slice(-Math.max(1, shown.value)).toReversed()
  return (
    <li class="group error">
      <div class="head">
        <button
          type="button"
          class="title"
          aria-expanded={shown.value > 0}
          onClick={() => shown.value = shown.value > 0 ? 0 : shownAtOnce}
        >
          <span class="number">{count(rows.length)} ×</span> <bdi class="job">{job}</bdi>{" "}
          <bdi class="fault">{error}</bdi>
        </button>
        <span class="dim">latest {newest.finishedAt === null ? "" : clock(newest.finishedAt)}</span>
        {store.readonly.value ? null : (
          <button
            type="button"
            onClick={() => actions.open({ _tag: "runMany", ids: rows.map(({ id }) => id), of: `${job}: ${error}` })}
          >
            Run {rows.length === 1 ? "it" : `all ${count(rows.length)}`} again …
          </button>
        )}
      </div>
      {shown.value === 0 ? null : (
        <ul class="rows">
          {latest.map((row) => (
            <li key={row.id}>
              <button type="button" class="link" onClick={() => tree.select(row.id)}>
                <bdi>{keyText(row)}</bdi>
              </button>
              <bdi class="fault">{row.error}</bdi>
              <span class="dim">{row.finishedAt === null ? "" : clock(row.finishedAt)}</span>
            </li>
          ))}
          {rows.length > shown.value
            ? (
              <li>
                <button type="button" class="small" onClick={() => shown.value += 100}>
                  {count(rows.length - shown.value)} more
                </button>
              </li>
            )
            : null}
        </ul>
      )}
    </li>
  )
}
