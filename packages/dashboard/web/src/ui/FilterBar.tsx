/** The filter as chips and as text. */
import { word } from "../../../src/Filter.ts"
import { open } from "../data/actions.ts"
import { nextFailure } from "../data/failures.ts"
import { count } from "../data/format.ts"
import { hasWord, isFiltered, issue, matching, matchVersion, removeTerm, terms, toggleWord } from "../data/matching.ts"
import { filterText, view } from "../data/place.ts"
import { readonly, version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import { following } from "./follow.ts"

const quick = [["error", "Failed"], ["running", "Running"], ["sleeping", "Sleeping"], ["queued", "Queued"]] as const

/** The task list, from which keys go on. */
const leave = (event: KeyboardEvent): void => {
  if (event.key !== "Escape" && event.key !== "Enter") return
  event.stopPropagation()
  event.preventDefault() // browsers empty such a field, and tell nobody
  document.getElementById(view.peek())?.focus()
}

export const FilterBar = () => (
  <div class="filter">
    <div class="query">
      <div class="field">
        <label class="hidden" for="filter">Filter</label>
        <input
          id="filter"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="Filter: job:Scan state:error key:beach wait:>1s"
          value={filterText.value}
          maxLength={1_000}
          aria-invalid={issue.value !== undefined}
          aria-describedby={issue.value === undefined ? undefined : "filter-issue"}
          aria-keyshortcuts="/"
          list="filter-words"
          onInput={({ currentTarget }) => filterText.value = currentTarget.value}
          onKeyDown={leave}
        />
        <Words />
        <Found />
      </div>
      <CancelMatching />
    </div>
    <div class="under">
      <Chips />
      <Walk />
    </div>
  </div>
)

const Chips = () => (
  <div class="chips">
    {quick.map(([state, label]) => (
      <button
        key={state}
        type="button"
        class={`chip quick ${state}`}
        aria-pressed={hasWord(`state:${state}`)}
        onClick={() => toggleWord("state", state)}
      >
        {label}
      </button>
    ))}
    {terms.value.map(({ text }, i) =>
      quick.some(([state]) => text === `state:${state}`) ? null : (
        <button
          key={`${i} ${text}`}
          type="button"
          class="chip"
          title="Take this word out"
          onClick={() => removeTerm(i)}
        >
          {text} <span aria-hidden="true">×</span>
        </button>
      )
    )}
    {issue.value === undefined
      ? null
      : <span class="issue" id="filter-issue" role="alert" title={issue.value.issue}>{issue.value.issue}</span>}
  </div>
)

/** Going through the tasks without reading them all. */
const Walk = () => {
  void version.value
  const failed = store.failed.size
  return (
    <div class="walk">
      <button
        type="button"
        class="small"
        disabled={failed === 0}
        title="Select the next failure and open the path to it (n, back: N)"
        aria-keyshortcuts="n"
        onClick={() => nextFailure(1)}
      >
        Next failure
      </button>
      {view.value === "tree"
        ? (
          <button
            type="button"
            class={following.value ? "small on" : "small"}
            title="Keep the newest running task in view (f)"
            aria-keyshortcuts="f"
            aria-pressed={following.value}
            onClick={() => following.value = !following.value}
          >
            Follow
          </button>
        )
        : null}
    </div>
  )
}

const words = (): ReadonlyArray<string> => [
  ...[...store.jobs.keys()].slice(0, 50).map((job) => word("job", job)),
  ...["error", "running", "sleeping", "queued", "canceled"].map((state) => word("state", state)),
  "wait:>1s",
  "run:>10s"
]

/** Offers whole words to a filter that is being typed: the browser compares them with all of it. */
const Words = () => {
  const before = filterText.value.replace(/\S*$/, "")
  return (
    <datalist id="filter-words">
      {words().map((text) => <option key={text} value={before + text} />)}
    </datalist>
  )
}

const Found = () => {
  void version.value
  void matchVersion.value
  const total = store.tasks.size
  return (
    <span class="found">
      {isFiltered.value ? `${count(matching.size)} of ` : ""}
      {count(total)} {total === 1 ? "task" : "tasks"}
    </span>
  )
}

const CancelMatching = () => {
  if (readonly.value || !isFiltered.value || issue.value !== undefined) return null
  return (
    <button
      type="button"
      class="danger"
      onClick={() => open({ _tag: "cancelMatching", filter: filterText.value })}
    >
      Cancel matching …
    </button>
  )
}
