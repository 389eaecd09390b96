import * as Context from "effect/Context"
import type { Machine } from "./machine.ts"

/** Where a test that looks for leaks has every machine registered. */
export const Census = Context.Reference<Set<Machine> | undefined>("effect-tasks/Census", {
  defaultValue: () => undefined
})
