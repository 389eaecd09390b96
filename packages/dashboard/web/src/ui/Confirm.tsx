/** A question with a form, an answer that acts, and what went wrong with it. */
import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { close } from "../data/actions.ts"

interface ConfirmProps {
  readonly title: string
  readonly verb: string
  readonly destroys?: boolean
  readonly disabled?: boolean
  /** Gives what went wrong. */
  readonly onSubmit: (form: FormData) => Promise<string | undefined>
  readonly children: ComponentChildren
}

export const Confirm = (
  { children, destroys = false, disabled = false, onSubmit, title, verb }: ConfirmProps
) => {
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault()
        setBusy(true)
        setProblem(await onSubmit(new FormData(event.currentTarget)))
        setBusy(false)
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
      {problem === undefined ? null : <p class="problem" role="alert">{problem}</p>}
      <div class="buttons">
        <button type="button" onClick={close}>Leave it</button>
        <button type="submit" class={destroys ? "danger" : "primary"} disabled={disabled || busy}>{verb}</button>
      </div>
    </form>
  )
}
