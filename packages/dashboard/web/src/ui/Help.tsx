/** Every key, and what the mouse does beyond clicking. */
import { close } from "../data/actions.ts"
import { help } from "./keys.ts"

export const Help = () => (
  <div>
    <h2 id="dialog-title">Keys</h2>
    <dl class="keys">
      {help.map(([keys, text]) => (
        <div key={keys}>
          <dt>{keys.split(/ +/).map((key) => <kbd key={key}>{key}</kbd>)}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
    <div class="buttons">
      <button type="button" autofocus onClick={close}>Close</button>
    </div>
  </div>
)
