/** What all parts of a durable layer share. */
import type { Connection, Port } from "effect-tasks/Backend"
import type * as Effect from "effect/Effect"
import type { Codec } from "./codec.ts"
import type { Journal } from "./journal.ts"

/** What a job's layer has asked for, in milliseconds; null keeps for ever. */
export interface Policy {
  readonly keepSuccess: number | null
  readonly keepError: number | null
  readonly crashes: number
  readonly version: number
  readonly upgrade: ((encoded: unknown, fromVersion: number) => unknown) | undefined
}

/** A job whose layer is open here. */
export interface Entry {
  readonly port: Port
  readonly codec: Codec
  readonly policy: Policy
  /** Whether its tasks run here. */
  readonly runs: boolean
}

export interface Store {
  readonly journal: Journal
  readonly connection: Connection
  readonly namespace: string
  readonly isClient: boolean
  /** In milliseconds. */
  readonly dispatchTimeout: number
  readonly entries: Map<string, Entry>
  /** This node: an id that nobody else ever has. Another one after it was taken for dead. */
  me: number
  /** Runs what belongs to the layer; its end is the layer's end at the latest. */
  readonly fork: (effect: Effect.Effect<unknown>) => void
  /** Tells other processes; a hint, made good by slow looks where it is lost. */
  readonly tell: (text: string) => void
}

export const entryOf = (store: Store, job: string): Entry => store.entries.get(job)! // a task's job has a layer

/** Rows to take. */
export const taken = "q"
export const ended = (ids: ReadonlyArray<string>): string => `d:${ids.join(",")}`
export const canceling = (ids: ReadonlyArray<string>): string => `c:${ids.join(",")}`
export const mailed = (id: string): string => `m:${id}`
/** Rows that are due later. */
export const dueLater = "s"
export const pauseChanged = "z"

/** So many ids fit into one notification. */
export const mostIds = 200

export const chunks = <A>(all: ReadonlyArray<A>, size: number): Array<ReadonlyArray<A>> => {
  const parts: Array<ReadonlyArray<A>> = []
  for (let i = 0; i < all.length; i += size) parts.push(all.slice(i, i + size))
  return parts
}
