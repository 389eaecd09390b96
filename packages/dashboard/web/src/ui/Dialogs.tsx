/** What asks before it acts, and the help. */
import type { ComponentChildren } from "preact"
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks"
import { belowText, canceledText, type Dialog } from "../model/Actions.ts"
import { many } from "../model/format.ts"
import { type Model, useModel } from "../model/Model.ts"
import { taskKey } from "../model/Store.ts"
import { help } from "./keys.ts"
import { useDetail } from "./useDetail.ts"

export const Dialogs = () => {
  const { dialog } = useModel().actions
  return dialog.value === undefined ? null : <Modal key={dialog.value._tag} of={dialog.value} />
}

/** The browser's own: it keeps the focus inside and gives it back. */
const Modal = ({ of }: { readonly of: Dialog }) => {
  const { actions } = useModel()
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
      onClose={() => actions.dialog.peek() === of && actions.close()}
      onClick={(event) => event.target === ref.current && actions.close()}
    >
      <div class="dialog">
        <Content of={of} />
      </div>
    </dialog>
  )
}

const Content = ({ of }: { readonly of: Dialog }) => {
  switch (of._tag) {
    case "cancel":
      return <Cancel ids={of.ids} of={of.of} />
    case "cancelPool":
      return <CancelPool poolId={of.poolId} />
    case "runAgain":
      return <RunAgain taskId={of.taskId} />
    case "runMany":
      return <RunMany ids={of.ids} of={of.of} />
    case "priority":
      return <Priority taskId={of.taskId} priority={of.priority} />
    case "workers":
      return <Workers workers={of.workers} />
    case "pause":
      return <Pause paused={of.paused} />
    case "help":
      return <Help />
  }
}

interface ConfirmProps {
  readonly title: string
  readonly verb: string
  readonly destroys?: boolean
  readonly disabled?: boolean
  /** Gives what went wrong. */
  readonly onSubmit: (form: FormData) => Promise<string | undefined>
  readonly children: ComponentChildren
}

/** A question with a form, an answer that acts, and what went wrong with it. */
const Confirm = ({ children, destroys = false, disabled = false, onSubmit, title, verb }: ConfirmProps) => {
  const { actions } = useModel()
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
        <button type="button" onClick={() => actions.close()}>Leave it</button>
        <button type="submit" class={destroys ? "danger" : "primary"} disabled={disabled || busy}>{verb}</button>
      </div>
    </form>
  )
}

const reasonOf = (form: FormData): { readonly reason?: string } => {
  const reason = String(form.get("reason") ?? "").trim()
  return reason === "" ? {} : { reason }
}

const Reason = () => (
  <label>
    Reason <span class="dim">(kept with the tasks and in the log)</span>
    <input name="reason" maxLength={500} autofocus autocomplete="off" />
  </label>
)

/** Unfinished tasks below these that are none of them. */
const countBelow = ({ store }: Model, ids: ReadonlyArray<string>): number => {
  const chosen = new Set(ids.map(taskKey))
  let below = 0
  for (const id of store.live.keys()) {
    if (!chosen.has(taskKey(id)) && [...store.above(id)].some((key) => chosen.has(key))) below++
  }
  return below
}

/** Counted once: what is shown is what is done. */
const Cancel = ({ ids, of }: { readonly ids: ReadonlyArray<string>, readonly of: string }) => {
  const model = useModel()
  const below = useMemo(() => countBelow(model, ids), [])
  const isOne = ids.length === 1 && of === ids[0]
  return (
    <Confirm
      title={isOne ? "Cancel this task?" : "Cancel all that match?"}
      verb={isOne ? "Cancel task" : `Cancel ${many(ids.length + below, "task")}`}
      destroys
      disabled={ids.length === 0}
      onSubmit={(form) => model.actions.cancel(ids, reasonOf(form))}
    >
      {isOne
        ? (
          <p>
            <code>{of}</code>
            {belowText(below)} will be stopped.
          </p>
        )
        : (
          <p>
            {many(ids.length, "unfinished task")} that {ids.length === 1 ? "matches" : "match"} <code>{of}</code>
            {belowText(below)} will be stopped: those that are listed now, and none that come later.
          </p>
        )}
      <Reason />
    </Confirm>
  )
}

const CancelPool = ({ poolId }: { readonly poolId: string }) => {
  const { actions, store } = useModel()
  const pool = store.pools.get(poolId)
  const below = pool === undefined ? 0 : pool.total - pool.complete
  return (
    <Confirm
      title="Cancel everything in this pool?"
      verb="Cancel pool"
      destroys
      onSubmit={(form) =>
        actions.actAndClose(
          "cancelPool",
          { poolId, ...reasonOf(form) },
          (done) => canceledText(done, [])
        )}
    >
      <p>
        <code>{pool?.name ?? poolId}</code>
        {belowText(below)} will be stopped.
      </p>
      <Reason />
    </Confirm>
  )
}

const origins = { created: "Started", joined: "Joined the live task", reused: "Reused the result of" }

/** It comes after the dialogue has given the focus away. */
const focusNow = (element: HTMLTextAreaElement | null): void => element?.focus()

/** Runs a task again, with its payload or an edited one. */
const RunAgain = ({ taskId }: { readonly taskId: string }) => {
  const { actions, tree } = useModel()
  const detail = useDetail(taskId)
  const task = detail?.ok === true ? detail.value : undefined
  const original = task?.editable === true ? task.payload?.text : undefined
  const lives = task !== undefined && task.row.state !== "Exited"
  const submit = async (form: FormData): Promise<string | undefined> => {
    const text = form.get("payload")
    const edited = typeof text === "string" && text.trim() !== original?.trim() ? { payload: text } : {}
    const answer = await actions.act(
      "runAgain",
      { taskId, ...edited },
      ({ origin, taskId }) => `${origins[origin]} ${taskId}.`
    )
    if (!answer.ok) return answer.text
    actions.close()
    tree.select(answer.value.taskId)
    return undefined
  }
  return (
    <Confirm title="Run again" verb="Run again" destroys={lives} disabled={detail?.ok !== true} onSubmit={submit}>
      <p>
        <code>{taskId}</code>{" "}
        {lives ? "still runs: with the same payload it is cancelled first." : "runs again as a new task."}
      </p>
      {detail?.ok === false ? <p class="problem">{detail.text}</p> : null}
      {original === undefined
        ? <p class="dim">Its payload cannot be edited here: it runs with the one it had.</p>
        : (
          <label>
            Payload <span class="dim">(JSON{task?.redacted === true ? "; <redacted> keeps what is there" : ""})</span>
            <textarea ref={focusNow} name="payload" rows={10} spellcheck={false} defaultValue={original} />
          </label>
        )}
    </Confirm>
  )
}

const RunMany = ({ ids, of }: { readonly ids: ReadonlyArray<string>, readonly of: string }) => {
  const { actions } = useModel()
  return (
    <Confirm
      title={`Run ${many(ids.length, "task")} again?`}
      verb={`Run ${many(ids.length, "task")} again`}
      disabled={ids.length === 0}
      onSubmit={() => actions.runAgain(ids)}
    >
      <p>
        {many(ids.length, "ended task")} of <code>{of}</code> {ids.length === 1 ? "runs" : "run"}{" "}
        again as new tasks, each with the payload it had. What the runtime no longer holds is left out, and counted.
      </p>
    </Confirm>
  )
}

const Priority = ({ priority, taskId }: { readonly taskId: string, readonly priority: number }) => {
  const { actions } = useModel()
  return (
    <Confirm
      title="Change priority"
      verb="Set priority"
      onSubmit={(form) => {
        const next = Number(form.get("priority"))
        return actions.actAndClose(
          "setPriority",
          { taskId, priority: next },
          () => `Priority is now ${next}.`
        )
      }}
    >
      <label>
        Priority of <code>{taskId}</code> <span class="dim">(higher runs first)</span>
        <input name="priority" type="number" step="1" required autofocus value={priority} />
      </label>
    </Confirm>
  )
}

const Workers = ({ workers }: { readonly workers: number }) => {
  const { actions } = useModel()
  return (
    <Confirm
      title="Change the number of workers"
      verb="Resize"
      onSubmit={(form) => {
        const next = Number(form.get("workers"))
        return actions.actAndClose("resize", { workers: next }, () => `There are ${next} workers now.`)
      }}
    >
      <p>Nothing that runs is interrupted.</p>
      <label>
        Workers
        <input name="workers" type="number" min="1" max="10000" step="1" required autofocus value={workers} />
      </label>
      <p>
        <button
          type="button"
          onClick={() => {
            void actions.act("drain", undefined, () => "Drained: nothing is queued or running.")
            actions.close()
          }}
        >
          Tell me when nothing is left
        </button>{" "}
        <span class="dim">Nothing is stopped or refused meanwhile.</span>
      </p>
    </Confirm>
  )
}

const Pause = ({ paused }: { readonly paused: boolean }) => {
  const { actions } = useModel()
  return (
    <Confirm
      title={paused ? "Let tasks start again?" : "Pause the worker pool?"}
      verb={paused ? "Resume" : "Pause"}
      onSubmit={() =>
        actions.actAndClose(
          paused ? "resume" : "pause",
          undefined,
          () => paused ? "Tasks start again." : "Paused: no task starts, running ones go on."
        )}
    >
      <p>
        {paused
          ? "Nothing has started since it was paused."
          : "No task starts until it is resumed; running ones go on."}
      </p>
    </Confirm>
  )
}

/** Every key, and what the mouse does beyond clicking. */
const Help = () => {
  const { actions } = useModel()
  return (
    <div>
      <h2 id="dialog-title">Keys</h2>
      <p class="dim">With the focus in the tree or the timeline.</p>
      <dl class="keys">
        {help.map(([keys, text]) => (
          <div key={keys}>
            <dt>{keys.split(/ +/).map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <div class="buttons">
        <button type="button" autofocus onClick={() => actions.close()}>Close</button>
      </div>
    </div>
  )
}
