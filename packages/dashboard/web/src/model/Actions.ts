/** What a person can do: the dialogue that asks first, what becomes of it, and the notes that tell. */
import { signal } from "@preact/signals"
import type { Canceled, RanAgain } from "../../../src/Contract.ts"
import { taken } from "../../../src/internal/limits.ts"
import type { Answer, Connection, Payload, Success } from "./Connection.ts"
import { many } from "./format.ts"
import type { Store } from "./Store.ts"

/** The dialogue that is open. What it shows is what it acts on: so it holds the tasks, not a filter. */
export type Dialog =
  | { readonly _tag: "cancelPool", readonly poolId: string }
  | { readonly _tag: "cancel", readonly ids: ReadonlyArray<string>, readonly of: string }
  | { readonly _tag: "runAgain", readonly taskId: string }
  | { readonly _tag: "runMany", readonly ids: ReadonlyArray<string>, readonly of: string }
  | { readonly _tag: "priority", readonly taskId: string, readonly priority: number }
  | { readonly _tag: "workers", readonly workers: number }
  | { readonly _tag: "pause", readonly paused: boolean }
  | { readonly _tag: "help" }

interface Note {
  readonly id: number
  readonly tone: "good" | "bad"
  readonly text: string
}

type Asked = Parameters<Connection["ask"]>[0]

export class Actions {
  readonly dialog = signal<Dialog | undefined>(undefined)
  readonly notes = signal<ReadonlyArray<Note>>([])
  private last = 0
  private readonly store: Store
  private readonly connection: Connection

  constructor(store: Store, connection: Connection) {
    this.store = store
    this.connection = connection
  }

  /** Opens a dialogue; those that act only where acting is allowed. */
  open(next: Dialog): void {
    if (next._tag === "help" || !this.store.readonly.peek()) this.dialog.value = next
  }

  close(): void {
    this.dialog.value = undefined
  }

  say(tone: Note["tone"], text: string): void {
    const id = ++this.last
    this.notes.value = [...this.notes.value.slice(-3), { id, tone, text }]
    setTimeout(() => this.dismiss(id), tone === "bad" ? 10_000 : 5_000)
  }

  dismiss(id: number): void {
    this.notes.value = this.notes.value.filter((note) => note.id !== id)
  }

  /** Acts, and says how it went; gives the answer to whoever wants more of it. */
  async act<Name extends Asked>(
    name: Name,
    payload: Payload<Name>,
    done: (value: Success<Name>) => string
  ): Promise<Answer<Success<Name>>> {
    const answer = await this.connection.ask(name, payload)
    if (answer.ok) this.say("good", done(answer.value))
    return answer
  }

  /** Acts from a dialogue, which closes when it went well; else gives what went wrong. */
  async actAndClose<Name extends Asked>(
    name: Name,
    payload: Payload<Name>,
    done: (value: Success<Name>) => string
  ): Promise<string | undefined> {
    const answer = await this.act(name, payload, done)
    if (!answer.ok) return answer.text
    this.close()
    return undefined
  }

  async cancel(ids: ReadonlyArray<string>, reason: { readonly reason?: string }): Promise<string | undefined> {
    const all = { tasks: 0, below: 0, stopped: true }
    for (const taskIds of chunks(ids)) {
      const answer = await this.connection.ask("cancelTasks", { taskIds, ...reason })
      if (!answer.ok) return answer.text
      all.tasks += answer.value.tasks
      all.below += answer.value.below
      all.stopped &&= answer.value.stopped
    }
    this.say("good", canceledText(all, ids))
    this.close()
    return undefined
  }

  async runAgain(ids: ReadonlyArray<string>): Promise<string | undefined> {
    let all: RanAgain = { created: 0, joined: 0, reused: 0, refused: 0, forgotten: 0, problem: null }
    for (const taskIds of chunks(ids)) {
      const answer = await this.connection.ask("runTasksAgain", { taskIds })
      if (!answer.ok) return answer.text
      const { value } = answer
      all = {
        created: all.created + value.created,
        joined: all.joined + value.joined,
        reused: all.reused + value.reused,
        refused: all.refused + value.refused,
        forgotten: all.forgotten + value.forgotten,
        problem: all.problem ?? value.problem
      }
    }
    this.say(all.refused > 0 || all.created === 0 ? "bad" : "good", ranText(all))
    this.close()
    return undefined
  }

  /** Copies a text and says that it did. */
  async copy(text: string, what: string): Promise<void> {
    const isCopied = navigator.clipboard === undefined
      ? copySelected(text)
      : await navigator.clipboard.writeText(text).then(() => true, () => false)
    if (isCopied) this.say("good", `Copied ${what}.`)
    else this.say("bad", "The browser does not let this page copy.")
  }

  /** Copies the line of TypeScript that dispatches a task. */
  async copyCall(taskId: string): Promise<void> {
    const answer = await this.connection.ask("inspect", { taskId })
    if (answer.ok) await this.copy(answer.value.dispatchCall, "the dispatch call")
    else this.say("bad", answer.text)
  }
}

function* chunks(ids: ReadonlyArray<string>): Generator<ReadonlyArray<string>> {
  for (let i = 0; i < ids.length; i += taken.ids) yield ids.slice(i, i + taken.ids)
}

export const canceledText = ({ below, stopped, tasks }: Canceled, ids: ReadonlyArray<string>): string => {
  if (tasks === 0) return "There was nothing left to cancel."
  const what = ids.length === 1 ? ids[0] : many(tasks, "task")
  return `Canceled ${what}${belowText(below)}${stopped ? "." : "; some still clean up."}`
}

export const belowText = (below: number): string => below === 0 ? "" : ` and ${many(below, "unfinished task")} below it`

const ranText = ({ created, forgotten, joined, problem, refused, reused }: RanAgain): string => {
  const parts = [
    created > 0 ? `${many(created, "task")} started` : "",
    joined > 0 ? `${many(joined, "live task")} joined` : "",
    reused > 0 ? `${many(reused, "result")} reused` : "",
    refused > 0 ? `${many(refused, "task")} refused (${problem})` : "",
    forgotten > 0 ? `${many(forgotten, "task")} no longer held by the runtime` : ""
  ]
  return `${parts.filter((part) => part !== "").join(", ") || "There was nothing to run"}.`
}

/** Plain http away from loopback has no clipboard. */
const copySelected = (text: string): boolean => {
  const area = document.createElement("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand("copy")
  area.remove()
  return isCopied
}
