import * as Effect from "effect/Effect"
import { render } from "preact"
import { watch } from "./data/connection.ts"
import { startMatching } from "./data/matching.ts"
import { startPlace } from "./data/place.ts"
import { store } from "./data/store.ts"
import { startTheme } from "./data/theme.ts"
import "./styles/base.css"
import "./styles/layout.css"
import "./styles/panels.css"
import "./styles/tree.css"
import "./styles/timeline.css"
import "./styles/inspector.css"
import { App } from "./ui/App.tsx"
import { startKeys } from "./ui/keys.ts"

startPlace()
startTheme()
startMatching()
startKeys()
render(<App />, document.getElementById("app")!)
Effect.runFork(watch)

// what runs and waits grows older between two messages
setInterval(() => {
  if (store.live.size > 0) store.touch()
}, 250)
