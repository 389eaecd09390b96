/** Dispatching many tasks lazily: those that wait are no tasks yet. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { DispatchAllOptions, DispatchOptions } from "../../Job.ts"
import type { DispatchError } from "../../TaskError.ts"
import type { Cursor } from "../dispatch/cursor.ts"
import { openCursor, toAhead } from "../dispatch/dispatch.ts"
import { isInteger, refuse } from "../job/checks.ts"
import type { Definition } from "../job/definition.ts"
import { backendOf } from "../record/job.ts"
import { until } from "../wait/wait.ts"
import { machineIn } from "./service.ts"

type Items = Iterable<unknown> | Stream.Stream<unknown, unknown, any>
type All = Effect.Effect<void, unknown, any>

const isStream = (items: Items): items is Stream.Stream<unknown, unknown, any> => Stream.isStream(items)

export const dispatchAll = (
  definition: Definition,
  items: Items,
  options: DispatchAllOptions,
  one: (item: unknown, options: DispatchOptions) => Effect.Effect<unknown, DispatchError, any>
): All =>
  // between the making of the cursor and the wait for it nothing may come
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber): All => {
      const ahead = toAhead(options, definition)
      const { ahead: _, ...how } = options
      if (!isStream(items) && !Predicate.isIterable(items)) {
        refuse(definition.subject, "the items", items, "give an iterable or a Stream")
      }
      const machine = machineIn(fiber.context)
      const isStored = backendOf(machine.jobs.get(definition.tag)) !== undefined
      // inline each has ended when it returns, and what is stored waits where it is stored
      if (machine.settings.inline || isStored) return restore(eachOf(items, (item) => one(item, how)))
      const cursor = openCursor(fiber, machine, definition, ahead, how)
      if (cursor instanceof Error) return Effect.fail(cursor)
      const made = isStream(items) ? feeding(cursor, items) : filled(cursor, items)
      return Effect.ensuring(
        restore(Effect.andThen(made, Effect.suspend(() => cursor.result!))), // it has ended
        Effect.sync(() => cursor.end(Exit.void))
      )
    })
  )

const eachOf = (items: Items, f: (item: unknown) => All): All =>
  isStream(items) ? Stream.runForEach(items, f) : Effect.forEach(items, f, { discard: true })

const ended = (cursor: Cursor): Effect.Effect<void> =>
  until(cursor, { reason: "children", target: cursor.pool, check: () => undefined })

const filled = (cursor: Cursor, items: Iterable<unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    cursor.add(items[Symbol.iterator](), countOf(items))
    cursor.complete()
    return ended(cursor)
  })

/** How many there will be, where that is known. */
const countOf = (items: Iterable<unknown>): number => {
  const { length, size } = items as { readonly length?: unknown, readonly size?: unknown }
  const count = length ?? size
  return isInteger(count, 0) ? count : 0
}

/** The next chunk is pulled while the tasks of this one are made. */
const feeding = (cursor: Cursor, items: Stream.Stream<unknown, unknown, any>): All =>
  Effect.flatMap(
    Effect.forkChild(Effect.onExit(
      Stream.runForEachArray(items, (chunk) =>
        Effect.suspend(() => {
          cursor.add(chunk.values())
          return until(cursor.space, { reason: "children", target: cursor.pool, check: () => undefined })
        })),
      (exit) => Effect.sync(() => (Exit.isSuccess(exit) ? cursor.complete() : cursor.end(exit)))
    )),
    (fiber) => Effect.ensuring(ended(cursor), Fiber.interrupt(fiber))
  )
