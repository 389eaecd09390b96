/**
 * A process of the mutation run: loads all tests of a mirror once, then runs the tests it is told to under the mutant it
 * is told to. Its arguments: the mirror, the mutant to load the modules with (0 is none), the test files.
 */
import { registerHooks } from "node:module"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { pathToFileURL } from "node:url"
import type { Test } from "./vitest.ts"

/** What a test takes, or may take, in milliseconds: not by the clock, since the machine may have other work. */
export interface Effort {
  readonly busy: number
  /** With nothing to do but wait: a test that hangs does only that. */
  readonly idle: number
}

export interface TestResult {
  readonly file: string
  readonly name: string
  readonly effort: Effort
  readonly error: string | undefined
  /** The mutants whose place the test comes by. */
  readonly hits: ReadonlyArray<number>
}

export type Request =
  | { readonly _tag: "baseline" }
  | {
    readonly _tag: "mutant",
    readonly id: number,
    readonly tests: ReadonlyArray<readonly [index: number, limit: Effort]>
  }

export type Reply =
  | { readonly _tag: "ready", readonly tests: number, readonly statics: ReadonlyArray<number> }
  | { readonly _tag: "testing", readonly index: number }
  | { readonly _tag: "baseline", readonly results: ReadonlyArray<TestResult> }
  | { readonly _tag: "survived" }
  | { readonly _tag: "killed", readonly index: number, readonly error: string, readonly clean: boolean }

const [mirror, initial, ...files] = process.argv.slice(2)
const shim = new URL("vitest.ts", import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "vitest" && context.parentURL !== shim ? { url: shim, shortCircuit: true } : next(specifier, context)
})

// every place of a mutant asks this whether it is the one
let active = Number(initial)
let hits = new Set<number>()
let recording = true
Object.assign(globalThis, {
  __mutant: (id: number): boolean => {
    if (recording) hits.add(id)
    return id === active
  }
})

const send = (reply: Reply): void => void process.send!(reply)

let stray: string | undefined
const onStray = (error: unknown): void => {
  stray ??= textOf(error)
}

const textOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error))

const tooBusy = "busy for too long"

/** Measures from now on. */
const measure = (): () => Effort => {
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  return () => {
    const { system, user } = process.cpuUsage(cpu)
    return { busy: (user + system) / 1000, idle: performance.eventLoopUtilization(loop).idle }
  }
}

/** Runs one test; what is wrong, if anything. */
const run = async (test: Test, limit: Effort): Promise<string | undefined> => {
  const controller = new AbortController()
  const effort = measure()
  stray = undefined
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<string>((resolve) => {
    timer = setInterval(() => {
      const { busy, idle } = effort()
      if (busy <= limit.busy && idle <= limit.idle) return
      resolve(busy > limit.busy ? tooBusy : "hangs")
      controller.abort()
    }, 100)
  })
  const context = { signal: controller.signal, onTestFinished: () => {}, task: {} }
  const body = (async () => {
    try {
      await test.run(context)
      return stray
    } catch (error) {
      return textOf(error)
    }
  })()
  const error = await Promise.race([body, timeout])
  clearInterval(timer)
  return error
}

const { collect, tests } = await import(shim) as typeof import("./vitest.ts")
for (const file of files) await collect(file, () => import(pathToFileURL(join(mirror, file)).href))
const statics = [...hits]
process.on("uncaughtException", onStray)
process.on("unhandledRejection", onStray)
send({ _tag: "ready", tests: tests.length, statics })

const baseline = async (): Promise<void> => {
  const results: Array<TestResult> = []
  for (const [index, test] of tests.entries()) {
    hits = new Set()
    send({ _tag: "testing", index })
    const effort = measure()
    const error = await run(test, { busy: 30_000, idle: 5000 })
    const { file, name } = test
    results.push({ file, name, effort: effort(), error, hits: [...hits] })
  }
  send({ _tag: "baseline", results })
}

const underMutant = async (id: number, chosen: ReadonlyArray<readonly [number, Effort]>): Promise<void> => {
  recording = false
  for (const [index, limit] of chosen) {
    send({ _tag: "testing", index })
    active = id
    const error = await run(tests[index], limit)
    if (error === undefined) continue
    active = Number(initial)
    // what this mutant has left behind must not kill the next one
    const clean = active === 0 && error !== tooBusy && await run(tests[index], limit) === undefined
    return send({ _tag: "killed", index, error, clean })
  }
  active = Number(initial)
  send({ _tag: "survived" })
}

process.on("message", (request: Request) => {
  if (request._tag === "baseline") void baseline()
  else void underMutant(request.id, request.tests)
})
process.on("disconnect", () => process.exit())
