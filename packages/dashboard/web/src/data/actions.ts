/** What a person can do from anywhere on the page. */
import { signal } from "@preact/signals"
import type { Effect } from "effect/Effect"
import { copy } from "./clipboard.ts"
import { type Answer, ask, type Client } from "./connection.ts"
import { count } from "./format.ts"
import { readonly } from "./signals.ts"
import { store } from "./store.ts"
import { say } from "./toasts.ts"

/** The dialogue that is open. */
export type Dialog =
  | { readonly _tag: "cancelTask", readonly taskId: string }
  | { readonly _tag: "cancelPool", readonly poolId: string }
  | { readonly _tag: "cancelMatching", readonly filter: string }
  | { readonly _tag: "runAgain", readonly taskId: string }
  | { readonly _tag: "priority", readonly taskId: string, readonly priority: number }
  | { readonly _tag: "resize", readonly workers: number }
  | { readonly _tag: "drain" }
  | { readonly _tag: "help" }

export const dialog = signal<Dialog | undefined>(undefined)

/** Opens a dialogue; those that act only where acting is allowed. */
export const open = (next: Dialog): void => {
  if (next._tag === "help" || !readonly.peek()) dialog.value = next
}

export const close = (): void => {
  dialog.value = undefined
}

/** Acts, and says how it went; gives the answer to whoever wants more of it. */
export const act = async <A, E extends { readonly _tag: string }>(
  request: (client: Client) => Effect<A, E>,
  done: (value: A) => string
): Promise<Answer<A>> => {
  const answer = await ask(request)
  if (answer.ok) say("good", done(answer.value))
  return answer
}

/** Acts from a dialogue, which closes when it went well; else gives what went wrong. */
export const actAndClose = async <A, E extends { readonly _tag: string }>(
  request: (client: Client) => Effect<A, E>,
  done: (value: A) => string
): Promise<string | undefined> => {
  const answer = await act(request, done)
  if (!answer.ok) return answer.text
  close()
  return undefined
}

/** Acts from a button without a dialogue. */
export const actNow = async <A, E extends { readonly _tag: string }>(
  request: (client: Client) => Effect<A, E>,
  done: (value: A) => string
): Promise<void> => {
  const answer = await act(request, done)
  if (!answer.ok) say("bad", answer.text)
}

export const canceledText = ({ stopped, tasks }: { readonly tasks: number, readonly stopped: boolean }): string =>
  tasks === 0
    ? "There was nothing left to cancel."
    : `Canceled ${count(tasks)} ${tasks === 1 ? "task" : "tasks"}${stopped ? "." : "; some still clean up."}`

export const togglePause = (): void => {
  if (readonly.peek()) return
  const paused = store.pulse?.paused === true
  void actNow(
    (client) => paused ? client.resume() : client.pause(),
    () => paused ? "Tasks start again." : "Paused: no task starts, running ones go on."
  )
}

/** Copies the line of TypeScript that dispatches a task. */
export const copyCall = async (taskId: string): Promise<void> => {
  const answer = await ask((client) => client.inspect({ taskId }))
  if (answer.ok) await copy(answer.value.dispatchCall, "the dispatch call")
  else say("bad", answer.text)
}
