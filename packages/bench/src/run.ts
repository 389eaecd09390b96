/** Runs cases, each in a process of its own. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Case, Options, Result } from "./result.ts"

/** A case and what came of it. */
export interface Report {
  readonly name: string
  readonly about: string
  readonly seconds: number
  /** Nothing when the case failed. */
  readonly result: Result | undefined
}

const child = fileURLToPath(new URL("child.ts", import.meta.url))
const flags = ["--expose-gc", "--max-old-space-size=12000"]

const runIn = (name: string, options: Options): Promise<Result | undefined> =>
  new Promise((resolve) => {
    // what tasks log is no part of a report
    const stdio = ["ignore", "ignore", "inherit", "ipc"] as const
    const running = fork(child, [name, JSON.stringify(options)], { execArgv: flags, stdio: [...stdio] })
    let result: Result | undefined
    running.on("message", (message) => {
      result = message as Result
    })
    running.on("exit", () => resolve(result))
  })

export const runCase = async ({ about, name }: Case, options: Options): Promise<Report> => {
  const start = performance.now()
  const result = await runIn(name, options)
  return { name, about, seconds: (performance.now() - start) / 1000, result }
}
