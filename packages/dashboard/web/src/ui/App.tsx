/** The page: what is always there, one of the views, and the inspector. */
import { useEffect } from "preact/hooks"
import { useModel } from "../model/Model.ts"
import { isLost } from "../model/Store.ts"
import { Timeline } from "../timeline/Timeline.tsx"
import { Dialogs } from "./Dialogs.tsx"
import { FailuresView } from "./FailuresView.tsx"
import { FilterBar } from "./FilterBar.tsx"
import { Header } from "./Header.tsx"
import { Inspector } from "./Inspector.tsx"
import { Jobs } from "./Jobs.tsx"
import { focus } from "./keys.ts"
import { Divider } from "./Panes.tsx"
import { Pulse } from "./Pulse.tsx"
import { Tree } from "./Tree.tsx"

export const App = () => {
  const { place, store } = useModel()
  const selected = place.selected.value
  const view = place.view.value
  const lost = isLost(store.connection.value)
  useTitle(store.title.value, lost)
  return (
    <div class={`app view-${view}${selected === undefined ? "" : " inspecting"}${lost ? " stale" : ""}`}>
      <a class="skip" href="#" onClick={(event) => (event.preventDefault(), focus(view))}>Skip to the tasks</a>
      <Header />
      <Pulse />
      <div class="body">
        <Jobs />
        <Divider pane="jobs" />
        <main class="center" aria-label="Tasks">
          <FilterBar />
          {view === "timeline" ? <Timeline /> : view === "failures" ? <FailuresView /> : <Tree />}
        </main>
        {selected === undefined ? null : (
          <>
            <Divider pane="inspector" />
            <Inspector key={selected} taskId={selected} />
          </>
        )}
      </div>
      <Dialogs />
      <Notes />
    </div>
  )
}

/** A tab in the background says how things are, too. */
const useTitle = (title: string, lost: boolean): void => {
  const { store } = useModel()
  void store.version.value
  const failed = store.counts.get("error") ?? 0
  const text = `${lost ? "⚠ no connection · " : failed > 0 ? `✕ ${failed} · ` : ""}${title}`
  useEffect(() => {
    document.title = text
  }, [text])
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]")
    if (icon !== null) icon.href = icon.href.replace(/icon(?:-lost)?(?=\.svg)/, lost ? "icon-lost" : "icon")
  }, [lost])
}

/** What became of an action, for a moment. */
const Notes = () => {
  const { actions } = useModel()
  return (
    <div class="toasts" role="status" aria-live="polite">
      {actions.notes.value.map(({ id, text, tone }) => (
        <div key={id} class={`toast ${tone}`}>
          <span>{text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => actions.dismiss(id)}>×</button>
        </div>
      ))}
    </div>
  )
}
