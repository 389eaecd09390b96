/** Values that hurt whoever looks at them. */
import { assert } from "@effect/vitest"
import { Cause, Exit } from "effect"

/** The defect of an exit that must hold nothing else; unlike `defect` it does not look at it. */
export const defectIn = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return assert.fail("expected a failure")
  const [reason, ...rest] = exit.cause.reasons
  assert.strictEqual(rest.length, 0)
  return reason !== undefined && Cause.isDieReason(reason) ? reason.defect : assert.fail("expected a Die")
}

const refuse = (): never => {
  throw new Error("do not touch")
}

const traps = ["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "apply", "construct"] as const

/** Throws at every touch. */
export const untouchable = (): any =>
  new Proxy(() => undefined, Object.fromEntries(traps.map((trap) => [trap, refuse])) as ProxyHandler<() => undefined>)

/** Throws when it is made readable. */
export const unreadable = (): any => ({
  get message() {
    return refuse()
  },
  get stack() {
    return refuse()
  },
  toString: refuse,
  toJSON: refuse
})

/** What code can throw, beside decent errors. */
export const throwables: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ["an Error", new Error("boom")],
  ["a string", "boom"],
  ["undefined", undefined],
  ["null", null],
  ["NaN", NaN],
  ["a symbol", Symbol("boom")],
  ["an object without prototype", Object.freeze(Object.create(null))],
  ["an object that throws when it is read", unreadable()],
  ["an object that throws at every touch", untouchable()]
]
