/** Asks for what concerns the worker pool: its size, the order of what is queued, the wait for its end. */
import { actAndClose, actNow, close } from "../data/actions.ts"
import { Confirm } from "./Confirm.tsx"

export const Priority = ({ priority, taskId }: { readonly taskId: string, readonly priority: number }) => (
  <Confirm
    title="Change priority"
    verb="Set priority"
    onSubmit={(form) => {
      const next = Number(form.get("priority"))
      return actAndClose((client) => client.setPriority({ taskId, priority: next }), () => `Priority is now ${next}.`)
    }}
  >
    <label>
      Priority of <code>{taskId}</code> <span class="dim">(higher runs first)</span>
      <input name="priority" type="number" step="1" required autofocus value={priority} />
    </label>
  </Confirm>
)

export const Resize = ({ workers }: { readonly workers: number }) => (
  <Confirm
    title="Change the number of workers"
    verb="Resize"
    onSubmit={(form) => {
      const next = Number(form.get("workers"))
      return actAndClose((client) => client.resize({ workers: next }), () => `There are ${next} workers now.`)
    }}
  >
    <p>Nothing that runs is interrupted.</p>
    <label>
      Workers
      <input name="workers" type="number" min="1" max="10000" step="1" required autofocus value={workers} />
    </label>
  </Confirm>
)

export const Drain = () => (
  <Confirm
    title="Wait until nothing is left?"
    verb="Wait"
    onSubmit={async () => {
      void actNow((client) => client.drain(), () => "Drained: nothing is queued or running.")
      close()
      return undefined
    }}
  >
    <p>A note appears here when nothing is queued or running any more. Nothing is stopped or refused meanwhile.</p>
  </Confirm>
)
