import { useEffect } from "preact/hooks"
import { selected, view } from "../data/place.ts"
import { connection, isLost, title } from "../data/signals.ts"
import { Timeline } from "../timeline/Timeline.tsx"
import { Dialogs } from "./Dialogs.tsx"
import { FilterBar } from "./FilterBar.tsx"
import { Header } from "./Header.tsx"
import { Inspector } from "./Inspector.tsx"
import { Jobs } from "./Jobs.tsx"
import { Pulse } from "./Pulse.tsx"
import { Toasts } from "./Toasts.tsx"
import { Tree } from "./Tree.tsx"
import { Views } from "./Views.tsx"

export const App = () => {
  useEffect(() => {
    document.title = title.value
  }, [title.value])
  return (
    <div class={`app${selected.value === undefined ? "" : " inspecting"}${isLost(connection.value) ? " stale" : ""}`}>
      <Header />
      <Pulse />
      <div class="body">
        <Jobs />
        <main class="center" aria-label="Tasks">
          <div class="bar">
            <Views />
            <FilterBar />
          </div>
          {view.value === "tree" ? <Tree /> : <Timeline />}
        </main>
        {selected.value === undefined ? null : <Inspector key={selected.value} taskId={selected.value} />}
      </div>
      <Dialogs />
      <Toasts />
    </div>
  )
}
