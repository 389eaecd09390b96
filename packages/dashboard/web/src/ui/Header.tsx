/** The name of the application, the connection, how long the run takes, and what concerns the whole worker pool. */
import { useEffect, useState } from "preact/hooks"
import { clock, count, duration } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import type { ConnectionState, Resync } from "../model/Store.ts"

const names = { system: "Auto", dark: "Dark", light: "Light" }

export const Header = () => {
  const { actions, store, theme } = useModel()
  const choice = theme.choice.value
  return (
    <header class="header">
      <h1>
        <bdi>{store.title.value}</bdi>
      </h1>
      <State />
      <ResyncNote />
      <span class="grow" />
      <TimeLeft />
      {store.readonly.value ? <span class="tag">read-only</span> : <PoolControls />}
      <button
        type="button"
        class="quiet"
        onClick={() => theme.next()}
        title="Dark, light, or as the system says"
        aria-label={`Colours: ${names[choice]}`}
      >
        {choice === "system" ? "◐" : choice === "dark" ? "●" : "○"}
        <span class="word">{names[choice]}</span>
      </button>
      <button type="button" class="quiet" aria-label="Keys" onClick={() => actions.open({ _tag: "help" })}>
        <kbd>?</kbd> <span class="word">Keys</span>
      </button>
    </header>
  )
}

/** Of all that is known to be left. */
const TimeLeft = () => {
  const { store } = useModel()
  void store.version.value
  const { pulse } = store
  if (pulse === undefined || pulse.queued + pulse.busy + pulse.sleeping === 0) return null
  return (
    <span class="left" title="How long all unfinished tasks take at the rate of the last ten seconds">
      {pulse.eta === null ? "time left: unknown yet" : `${duration(pulse.eta)} left`}
    </span>
  )
}

const textOf = (state: ConnectionState): { readonly tone: string, readonly text: string } => {
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

const State = () => {
  const { store } = useModel()
  const { text, tone } = textOf(store.connection.value)
  return (
    <span class={`connection ${tone}`} role="status" data-resumes={store.resumes.value}>
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
  const note = useModel().store.resync.value
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
  const { actions, store } = useModel()
  void store.version.value
  const paused = store.pulse?.paused === true
  return (
    <div class="controls" role="group" aria-label="Worker pool">
      <button
        type="button"
        class={paused ? "primary" : ""}
        aria-label={paused ? "Resume …" : "Pause …"}
        onClick={() => actions.open({ _tag: "pause", paused })}
      >
        <span aria-hidden="true">{paused ? "▶" : "❚❚"}</span>
        <span class="word">{paused ? "Resume …" : "Pause …"}</span>
      </button>
      <button
        type="button"
        aria-label="Workers …"
        onClick={() => actions.open({ _tag: "workers", workers: store.pulse?.workers ?? 1 })}
      >
        <span aria-hidden="true">⚙</span>
        <span class="word">Workers …</span>
      </button>
    </div>
  )
}
