/** What became of an action, for a moment. */
import { dismiss, toasts } from "../data/toasts.ts"

export const Toasts = () => (
  <div class="toasts" role="status" aria-live="polite">
    {toasts.value.map(({ id, text, tone }) => (
      <div key={id} class={`toast ${tone}`}>
        <span>{text}</span>
        <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>×</button>
      </div>
    ))}
  </div>
)
