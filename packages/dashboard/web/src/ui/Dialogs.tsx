/** The dialogue that is open: what asks before it acts, and the help. */
import { useLayoutEffect, useRef } from "preact/hooks"
import { close, type Dialog, dialog } from "../data/actions.ts"
import { CancelMatching, CancelPool, CancelTask } from "./CancelDialogs.tsx"
import { Help } from "./Help.tsx"
import { Drain, Priority, Resize } from "./PoolDialogs.tsx"
import { RunAgain } from "./RunAgain.tsx"

export const Dialogs = () => dialog.value === undefined ? null : <Modal key={dialog.value._tag} of={dialog.value} />

/** The browser's own: it keeps the focus inside and gives it back. */
const Modal = ({ of }: { readonly of: Dialog }) => {
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const back = document.activeElement
    const element = ref.current!
    element.showModal()
    return () => {
      // nothing outside can have the focus while it is open
      element.close()
      if (back instanceof HTMLElement) back.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      aria-labelledby="dialog-title"
      onClose={() => dialog.peek() === of && close()}
      onClick={(event) => event.target === ref.current && close()}
    >
      <div class="dialog">
        <Content of={of} />
      </div>
    </dialog>
  )
}

const Content = ({ of }: { readonly of: Dialog }) => {
  switch (of._tag) {
    case "cancelTask":
      return <CancelTask taskId={of.taskId} />
    case "cancelPool":
      return <CancelPool poolId={of.poolId} />
    case "cancelMatching":
      return <CancelMatching filter={of.filter} />
    case "runAgain":
      return <RunAgain taskId={of.taskId} />
    case "priority":
      return <Priority taskId={of.taskId} priority={of.priority} />
    case "resize":
      return <Resize workers={of.workers} />
    case "drain":
      return <Drain />
    case "help":
      return <Help />
  }
}
