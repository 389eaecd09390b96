/** The work of one task, as an Effect and for the promise libraries: nothing, in four ways of doing it. */
import { Effect } from "effect"

export interface Body {
  readonly name: "sync" | "promise" | "setImmediate" | "timer"
  readonly effect: Effect.Effect<void>
  readonly promise: () => Promise<void>
  readonly callback: (done: (error: null) => void) => void
}

const sync: Body = {
  name: "sync",
  effect: Effect.sync(() => {}),
  promise: async () => {},
  callback: (done) => done(null)
}

const promise: Body = {
  name: "promise",
  effect: Effect.promise(() => Promise.resolve()),
  promise: async () => {
    await Promise.resolve()
  },
  callback: (done) => void Promise.resolve().then(() => done(null))
}

const turn: Body = {
  name: "setImmediate",
  effect: Effect.callback((resume) => {
    setImmediate(() => resume(Effect.void))
  }),
  promise: () => new Promise((resolve) => setImmediate(resolve)),
  callback: (done) => void setImmediate(done, null)
}

const timer: Body = {
  name: "timer",
  effect: Effect.sleep(1),
  promise: () => new Promise((resolve) => setTimeout(resolve, 1)),
  callback: (done) => void setTimeout(done, 1, null)
}

export const bodies = { sync, promise, setImmediate: turn, timer } as const

const cache = new Map<number, ReadonlyArray<number>>()

/** 0 to `size` - 1; made once, since making it is nobody's work. */
export const items = (size: number): ReadonlyArray<number> => {
  const known = cache.get(size)
  if (known !== undefined) return known
  const made = Array.from({ length: size }, (_, n) => n)
  cache.set(size, made)
  return made
}

/** The same pseudo-random integers below `limit` in every run. */
export const randoms = (size: number, limit: number): ReadonlyArray<number> => {
  let x = 1
  return items(size).map(() => {
    x = (x * 48_271) % 2_147_483_647
    return x % limit
  })
}
