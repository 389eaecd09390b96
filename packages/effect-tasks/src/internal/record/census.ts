import * as Context from "effect/Context"
import type { Directory } from "./directory.ts"

/** Where a test that looks for leaks has every worker pool registered. */
export const Census = Context.Reference<Set<Directory> | undefined>("effect-tasks/Census", {
  defaultValue: () => undefined
})
