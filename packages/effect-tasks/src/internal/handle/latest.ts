/** Streams of a value that changes: as fast as the reader goes. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Node, Reports, Source } from "../record/source.ts"
import { until } from "../wait/wait.ts"

/** A view of reports from the reader who has seen this version. */
export const reader = (reports: Reports, seen: number): Source => ({
  get ready() {
    return reports.ended || reports.version > seen
  },
  get waiters() {
    return reports.waiters
  },
  set waiters(waiters) {
    reports.waiters = waiters
  }
})

/** The defect of waiting for a later value. */
export type Check = NonNullable<Parameters<typeof until>[1]["check"]>

interface Options {
  /** The version before the first one to read. */
  readonly seen: number
  readonly check?: Check
  /** Whose values they are. */
  readonly target?: Node
  /** Whether the values go on as long as the worker pool. */
  readonly endless?: boolean
}

/** The current value, then later ones, the last one always, then the end. */
export const latest = <A>(
  reports: () => Reports,
  read: () => A,
  { check, endless, seen: first, target }: Options
): Stream.Stream<A> =>
  Stream.fromPull(Effect.sync(() => {
    const source = reports()
    let seen = first
    return Effect.suspend(() =>
      Effect.flatMap(
        until(reader(source, seen), { reason: "task", check, target, reads: endless }),
        () => {
          if (source.version === seen) return Cause.done()
          seen = source.version
          return Effect.succeed([read()] as const)
        }
      )
    )
  }))
