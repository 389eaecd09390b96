import { render } from "preact"
import { makeModel, ModelProvider } from "./model/Model.ts"
import "./styles/base.css"
import "./styles/layout.css"
import "./styles/panels.css"
import "./styles/tree.css"
import "./styles/timeline.css"
import "./styles/inspector.css"
import { App } from "./ui/App.tsx"
import { startKeys } from "./ui/keys.ts"

const model = makeModel()
model.place.start()
model.theme.start()
model.matching.start()
startKeys(model)
render(
  <ModelProvider value={model}>
    <App />
  </ModelProvider>,
  document.getElementById("app")!
)
model.connection.start()

// what runs and waits grows older between two messages
setInterval(() => {
  if (model.store.live.size > 0) model.store.touch()
}, 250)
