/** The views, and the filter: as text with completion, as chips with counts, and explained. */
import { useSignal } from "@preact/signals"
import { useMemo, useRef } from "preact/hooks"
import { word } from "../../../src/Filter.ts"
import { taken } from "../../../src/internal/limits.ts"
import { count, short } from "../model/format.ts"
import { type Model, useModel } from "../model/Model.ts"
import type { View } from "../model/Place.ts"
import { statuses, statusWord } from "../model/words.ts"
import { focus } from "./keys.ts"

export const FilterBar = () => {
  const isExplained = useSignal(false)
  return (
    <div class="bar">
      <Views />
      <div class="filter">
        <div class="query">
          <Field />
          <button
            type="button"
            aria-expanded={isExplained.value}
            aria-controls="filter-language"
            title="What can be written here"
            aria-label="What can be written in the filter"
            onClick={() => isExplained.value = !isExplained.value}
          >
            ?
          </button>
        </div>
        {isExplained.value ? <Language /> : null}
        <div class="under">
          <Chips />
          <ActOnMatching />
          <Walk />
        </div>
      </div>
    </div>
  )
}

const views: ReadonlyArray<readonly [View, string]> = [
  ["tree", "Tree"],
  ["timeline", "Timeline"],
  ["failures", "Failures"],
  ["jobs", "Jobs"]
]

const Views = () => {
  const { place } = useModel()
  return (
    <div class="views" role="group" aria-label="View">
      {views.map(([view, label]) => (
        <button
          key={view}
          type="button"
          class={`to-${view}`}
          aria-pressed={place.view.value === view}
          onClick={() => place.view.value = view}
        >
          {label}
        </button>
      ))}
    </div>
  )
}

/** A text field that offers how the word at its end may go on. */
const Field = () => {
  const { matching, place } = useModel()
  const input = useRef<HTMLInputElement>(null)
  const isOpen = useSignal(false)
  const at = useSignal(-1)
  const offers = useOffers()
  const issue = matching.issue.value
  const shown = isOpen.value && offers.length > 0
  const take = (offer: string) => {
    place.filter.value = place.filter.value.replace(/\S*$/, "") + offer + (offer.endsWith(":") ? "" : " ")
    at.value = -1
    input.current?.focus()
  }
  const keys: Readonly<Record<string, (event: KeyboardEvent) => void>> = {
    ArrowDown: () => at.value = Math.min(offers.length - 1, at.value + 1),
    ArrowUp: () => at.value = Math.max(-1, at.value - 1),
    Enter: () => at.value === -1 ? focus(place.view.peek()) : take(offers[at.value][0]),
    Escape: () => shown && at.value !== -1 ? at.value = -1 : focus(place.view.peek())
  }
  return (
    <div class="field">
      <label class="hidden" for="filter">Filter</label>
      <input
        id="filter"
        ref={input}
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        placeholder="Filter: job:Scan state:error key:beach wait:>1s"
        value={place.filter.value}
        maxLength={taken.filter}
        aria-invalid={issue !== undefined}
        aria-describedby="filter-found"
        aria-expanded={shown}
        aria-controls="filter-offers"
        aria-activedescendant={shown && at.value !== -1 ? `offer-${at.value}` : undefined}
        onInput={({ currentTarget }) => {
          place.filter.value = currentTarget.value
          isOpen.value = true
          at.value = -1
        }}
        onFocus={() => isOpen.value = true}
        onBlur={() => isOpen.value = false}
        onKeyDown={(event) => {
          const act = keys[event.key]
          if (act === undefined || event.isComposing) return
          event.preventDefault()
          event.stopPropagation()
          act(event)
        }}
      />
      <Found />
      <ul id="filter-offers" class="offers" role="listbox" aria-label="Completions" hidden={!shown}>
        {offers.map(([offer, what], i) => (
          <li
            key={offer}
            id={`offer-${i}`}
            role="option"
            aria-selected={i === at.value}
            onMouseDown={(event) => (event.preventDefault(), take(offer))}
          >
            <bdi>{offer}</bdi> <span class="dim">{what}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What is wrong, or what was found: always in the same place. */
const Found = () => {
  const { matching, store } = useModel()
  void store.version.value
  void matching.version.value
  const issue = matching.issue.value
  const total = store.tasks.size
  return (
    <span id="filter-found" class={issue === undefined ? "found" : "found issue"} title={issue?.issue}>
      {issue === undefined
        ? `${matching.isFiltered.value ? `${count(matching.ids.size)} of ` : ""}${count(total)} ${
          total === 1 ? "task" : "tasks"
        }`
        : <span role="alert">{issue.issue}</span>}
    </span>
  )
}

const fields: ReadonlyArray<readonly [string, string]> = [
  ["job:", "of this job"],
  ["state:", "queued, running, sleeping, error, …"],
  ["pool:", "of the pool with this name or id"],
  ["key:", "whose key contains this"],
  ["error:", "whose error contains this"],
  ["wait:", "that waited so long, such as >1s"],
  ["run:", "that took so long, such as <=500ms"]
]

const mostOffers = 8

/** How the last word of the filter may go on: its field, then a value that there is. */
const useOffers = (): ReadonlyArray<readonly [string, string]> => {
  const { place, store } = useModel()
  const last = /\S*$/.exec(place.filter.value)?.[0] ?? ""
  return useMemo(() => {
    const negated = last.startsWith("-") ? "-" : ""
    const typed = last.slice(negated.length).toLowerCase()
    const all = typed.includes(":") ? valuesOf(store, typed.split(":")[0]) : [
      ...fields,
      ...typed === "" ? [] : [...valuesOf(store, "job"), ...valuesOf(store, "state")]
    ]
    return all
      .filter(([offer]) => offer.toLowerCase() !== typed && matchesWord(offer.toLowerCase(), typed))
      .slice(0, mostOffers)
      .map(([offer, what]) => [negated + offer, what] as const)
  }, [last, store.structure])
}

/** A value may be begun without its field. */
const matchesWord = (offer: string, typed: string): boolean =>
  offer.startsWith(typed) || offer.replace(/^\w+:"?/, "").startsWith(typed)

const valuesOf = (store: Model["store"], field: string): ReadonlyArray<readonly [string, string]> => {
  switch (field) {
    case "job":
      return Array.from(store.jobs.keys(), (job) => [word("job", job), "job"])
    case "state":
      return statuses.map((state) => [word("state", state), `${short(store.counts.get(state) ?? 0)} tasks`])
    case "pool":
      return [...new Set(Array.from(store.pools.values(), ({ name }) => name))].map((
        name
      ) => [word("pool", name), "pool"])
    case "wait":
      return ["wait:>1s", "wait:>10s", "wait:>1m"].map((text) => [text, "for its first start"])
    case "run":
      return ["run:>1s", "run:>10s", "run:>1m"].map((text) => [text, "from its start on"])
    default:
      return []
  }
}

const language: ReadonlyArray<readonly [string, string]> = [
  ["job:Scan", "tasks of this job"],
  [
    "state:queued,sleeping",
    "in one of these states: queued, running, sleeping, stopping, exited, success, canceled, error, unknown"
  ],
  ["pool:photos", "of the pool with this name or id"],
  ["key:beach", "whose key contains this"],
  ["error:ENOENT", "whose error contains this"],
  ["wait:>1s", "that waited so long for their first start (ms, s, m, h, d; > >= < <=)"],
  ["run:<=500ms", "that took so long from there on"],
  ["beach", "whose id, job, key or error contains this"],
  ["-job:Scan", "a minus turns a word round"],
  ["job:Scan*", "a star stands for anything"],
  ["key:\"my photos\"", "quotes take everything as it is"]
]

const Language = () => (
  <dl id="filter-language" class="language">
    {language.map(([text, what]) => (
      <div key={text}>
        <dt>
          <code>{text}</code>
        </dt>
        <dd>{what}</dd>
      </div>
    ))}
    <p class="dim">Words are joined by “and”, commas inside a word by “or”; case does not matter.</p>
  </dl>
)

const quick = ["error", "running", "sleeping", "queued", "canceled", "success"] as const

const Chips = () => {
  const { matching, store } = useModel()
  void store.version.value
  return (
    <div class="chips">
      {quick.map((state) => (
        <button
          key={state}
          type="button"
          class={`chip quick ${state}`}
          aria-pressed={matching.has(`state:${state}`)}
          onClick={() => matching.toggle("state", state)}
        >
          {statusWord(state).replace(/^./, (first) => first.toUpperCase())}{" "}
          <span class="number">{short(store.counts.get(state) ?? 0)}</span>
        </button>
      ))}
      {matching.terms.value.map(({ text }, i) =>
        quick.some((state) => text === `state:${state}`) ? null : (
          <button
            key={`${i} ${text}`}
            type="button"
            class="chip"
            title="Take this word out"
            onClick={() => matching.removeTerm(i)}
          >
            <bdi>{text}</bdi> <span aria-hidden="true">×</span>
          </button>
        )
      )}
    </div>
  )
}

/** Going through the tasks without reading them all. */
const Walk = () => {
  const { failures, place, store, tree } = useModel()
  void store.version.value
  return (
    <div class="walk">
      <button
        type="button"
        class="small"
        disabled={store.failed.size === 0}
        title="Select the next failure and open the path to it (n, back: N)"
        onClick={() => failures.next(1)}
      >
        Next failure
      </button>
      {place.view.value === "tree"
        ? (
          <button
            type="button"
            class={tree.following.value ? "small on" : "small"}
            title="Keep the newest running task in view (f)"
            aria-pressed={tree.following.value}
            onClick={() => tree.following.value = !tree.following.value}
          >
            Follow
          </button>
        )
        : null}
    </div>
  )
}

/** What is offered is what is there: a person sees how many before anything is done. */
const ActOnMatching = () => {
  const { actions, matching, place, store } = useModel()
  void store.version.value
  void matching.version.value
  if (store.readonly.value || !matching.isFiltered.value || matching.issue.value !== undefined) return null
  const of = place.filter.value.trim()
  const ended = () => [...matching.ids].filter((id) => store.tasks.get(id)?.state === "Exited")
  return (
    <div class="walk act">
      <button type="button" class="small" onClick={() => actions.open({ _tag: "runMany", ids: ended(), of })}>
        Run matching again …
      </button>
      <button
        type="button"
        class="small danger"
        onClick={() => actions.open({ _tag: "cancel", ids: matching.live, of })}
      >
        Cancel matching …
      </button>
    </div>
  )
}
