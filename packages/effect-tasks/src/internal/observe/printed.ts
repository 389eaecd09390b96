import { NodeInspectSymbol } from "effect/Inspectable"

/** What prints as the one line of its `toString`, and not as the machine behind it. */
export abstract class Printed {
  abstract toString(): string

  [NodeInspectSymbol](): string {
    return this.toString()
  }
}

/** The same for what has no class. */
export const printedAs = (toString: () => string) => ({ toString, [NodeInspectSymbol]: toString })
