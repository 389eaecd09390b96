/**
 * Stands in for `vitest` in the worker of the mutation run: it collects the tests of a file instead of running them, so that
 * one process loads everything once and then runs any test under any mutant.
 */
import { assert, expect, expectTypeOf } from "vitest" // the real one: the worker's hook makes an exception for this file

export { assert, expect, expectTypeOf }

export interface Test {
  readonly file: string
  readonly name: string
  readonly run: (context: TestContext) => unknown
}

export interface TestContext {
  readonly signal: AbortSignal
  readonly onTestFinished: (f: () => unknown) => void
  readonly task: object
}

export const tests: Array<Test> = []

let file = ""
let path: ReadonlyArray<string> = []

/** Loads a test file. */
export const collect = async (name: string, load: () => Promise<unknown>): Promise<void> => {
  file = name
  await load()
}

type Body = (...args: ReadonlyArray<any>) => unknown

const register = (name: string, first: object | Body, second?: object | Body): void => {
  const run = (typeof first === "function" ? first : second) as Body
  tests.push({ file, name: [...path, name].join(" > "), run })
}

const skip = (): void => {}

const each = (cases: ReadonlyArray<any>, call: (run: Body, each: any, context: TestContext) => unknown) =>
(
  name: string,
  first: object | Body,
  second?: object | Body
): void => {
  const run = (typeof first === "function" ? first : second) as Body
  const titleOf = (args: any): string => name.replace(/\$(\w+)/g, (_, key) => String(args[key]))
  cases.forEach((args, i) => register(`${titleOf(args)} #${i}`, (context: TestContext) => call(run, args, context)))
}

export const it = Object.assign(register, {
  for: (cases: ReadonlyArray<any>) => each(cases, (run, args, context) => run(args, context)),
  each: (cases: ReadonlyArray<any>) => each(cases, (run, args) => (Array.isArray(args) ? run(...args) : run(args))),
  skip,
  skipIf: (condition: unknown) => (condition ? skip : register),
  runIf: (condition: unknown) => (condition ? register : skip),
  only: register,
  fails: skip
})
export const test = it

const suite = (name: string, first: object | Body, second?: Body): void => {
  const body = (typeof first === "function" ? first : second) as Body
  const outer = path
  path = [...outer, name]
  body()
  path = outer
}

export const describe = Object.assign(suite, { skip })

const unsupported = (): never => {
  throw new Error("The mutation run knows no hooks of vitest: leave this file out, or teach scripts/mutation/vitest.ts")
}
export const beforeAll = unsupported
export const beforeEach = unsupported
export const afterAll = unsupported
export const afterEach = unsupported
export const TestRunner = { getCurrentSuite: unsupported }
