/** What the whole page shares: small signals. The tasks themselves are in the store, which bumps `version`. */
import { signal } from "@preact/signals"

export type Connection =
  | { readonly _tag: "connecting" }
  | { readonly _tag: "loading", readonly done: number, readonly total: number }
  | { readonly _tag: "live" }
  | { readonly _tag: "lost", readonly attempts: number }
  | { readonly _tag: "full", readonly limit: number }

export const isLost = ({ _tag }: Connection): boolean => _tag === "lost" || _tag === "full"

export interface Resync {
  readonly at: number
  readonly why: "behind" | "missed" | "restarted"
  readonly missed: number
}

export const connection = signal<Connection>({ _tag: "connecting" })
/** When and why the picture was last made anew. */
export const resync = signal<Resync | undefined>(undefined)
/** How often the connection went on where it was lost. */
export const resumes = signal(0)
export const readonly = signal(false)
export const title = signal("effect-tasks")
/** Rises at most once a frame, when the store has changed. */
export const version = signal(0)
