/** The name of the application, the connection, and what concerns the whole worker pool. */
import { useEffect, useState } from "preact/hooks"
import { open, togglePause } from "../data/actions.ts"
import { clock, count } from "../data/format.ts"
import { connection, readonly, resumes, type Resync, resync, title, version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import { nextTheme, theme } from "../data/theme.ts"

export const Header = () => (
  <header class="header">
    <h1>{title.value}</h1>
    <ConnectionState />
    <ResyncNote />
    <span class="grow" />
    {readonly.value ? <span class="tag">read-only</span> : <PoolControls />}
    <button
      type="button"
      class="quiet"
      onClick={nextTheme}
      title="Dark, light, or as the system says"
      aria-keyshortcuts="t"
    >
      {theme.value === "system" ? "◐ Auto" : theme.value === "dark" ? "● Dark" : "○ Light"}
    </button>
    <button type="button" class="quiet" onClick={() => open({ _tag: "help" })} aria-keyshortcuts="?">
      <kbd>?</kbd> Keys
    </button>
  </header>
)

const connectionText = (): { readonly tone: string, readonly text: string } => {
  const state = connection.value
  switch (state._tag) {
    case "connecting":
      return { tone: "waiting", text: "Connecting …" }
    case "loading":
      return { tone: "waiting", text: `Loading ${count(state.done)} of ${count(state.total)}` }
    case "live":
      return { tone: "good", text: "Live" }
    case "full":
      return { tone: "bad", text: `${state.limit} viewers watch already; waiting for a place` }
    case "lost":
      return {
        tone: "bad",
        text: state.attempts < 8
          ? "Connection lost: trying again"
          : "Connection lost: has the application ended, or printed a new address?"
      }
  }
}

const ConnectionState = () => {
  const { text, tone } = connectionText()
  return (
    <span class={`connection ${tone}`} role="status" data-resumes={resumes.value}>
      <i aria-hidden="true" />
      <span title={text}>{text}</span>
    </span>
  )
}

const why = (note: Resync): string => {
  switch (note.why) {
    case "behind":
      return "this page could not keep up"
    case "missed":
      return `the server missed ${count(note.missed)} events`
    case "restarted":
      return "the server restarted"
  }
}

/** How long it is said that the picture was made anew. */
const shownFor = 30_000

const ResyncNote = () => {
  const note = resync.value
  const [hidden, hide] = useState<Resync | undefined>(undefined)
  useEffect(() => {
    if (note === undefined) return
    const timer = setTimeout(() => hide(note), shownFor)
    return () => clearTimeout(timer)
  }, [note])
  if (note === undefined || hidden === note) return null
  return (
    <button type="button" class="resync" onClick={() => hide(note)} title="Hide this note">
      Loaded anew at {clock(note.at)}: {why(note)} ×
    </button>
  )
}

const PoolControls = () => {
  void version.value
  const paused = store.pulse?.paused === true
  return (
    <div class="controls" role="group" aria-label="Worker pool">
      <button type="button" class={paused ? "primary" : ""} onClick={togglePause}>
        {paused ? "▶ Resume" : "❚❚ Pause"}
      </button>
      <button type="button" onClick={() => open({ _tag: "resize", workers: store.pulse?.workers ?? 1 })}>
        Workers …
      </button>
      <button type="button" onClick={() => open({ _tag: "drain" })}>Drain …</button>
    </div>
  )
}
