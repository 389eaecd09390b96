/** A worker process as its owner sees it: what hangs is killed and counts as killed. */
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import type { Effort, Reply, Request, TestResult } from "./worker.ts"

export type Verdict =
  | { readonly _tag: "survived" }
  | { readonly _tag: "killed", readonly test: number, readonly error: string }

/** How long a process may say nothing, in milliseconds: it hangs in a loop, so that it cannot notice itself. */
const silence = 20_000
const loading = 60_000

export class Runner {
  private readonly child: ChildProcess
  private readonly start: Promise<Extract<Reply, { readonly _tag: "ready" }>>
  private listener: (reply: Reply | "gone") => void = () => {}
  private testing = -1
  private errors = ""
  /** Whether it can run another mutant. */
  usable = true

  constructor(mirror: string, files: ReadonlyArray<string>, initial = 0) {
    this.child = fork(join(import.meta.dirname, "worker.ts"), [mirror, `${initial}`, ...files], {
      cwd: mirror,
      execArgv: ["--max-old-space-size=1024"],
      stdio: ["ignore", "ignore", "pipe", "ipc"]
    })
    this.child.stderr!.on("data", (chunk) => (this.errors = (this.errors + chunk).slice(-2000)))
    this.child.on("message", (reply: Reply) => this.listener(reply))
    process.on("exit", this.kill) // one that hangs in a loop would not notice that its owner has gone
    this.child.on("exit", () => {
      process.off("exit", this.kill)
      this.usable = false
      this.listener("gone")
    })
    this.start = this.expect("ready", loading)
  }

  ready() {
    return this.start
  }

  async baseline(): Promise<ReadonlyArray<TestResult>> {
    await this.start
    this.send({ _tag: "baseline" })
    return (await this.expect("baseline", 300_000)).results
  }

  /** Runs the tests until one fails. */
  async run(id: number, tests: ReadonlyArray<readonly [index: number, limit: Effort]>): Promise<Verdict> {
    try {
      await this.start
    } catch (error) {
      return { _tag: "killed", test: -1, error: `does not load: ${String(error)}` }
    }
    this.send({ _tag: "mutant", id, tests })
    const reply = await this.next(silence)
    if (reply === "gone" || reply === "hang") {
      this.stop()
      const error = reply === "hang" ? "hangs in a loop" : `crash: ${this.errors.trim().split("\n").at(-1) ?? ""}`
      return { _tag: "killed", test: this.testing, error }
    }
    if (reply._tag !== "killed") return { _tag: "survived" }
    if (!reply.clean) this.stop()
    return { _tag: "killed", test: reply.index, error: reply.error }
  }

  stop(): void {
    this.usable = false
    this.kill()
  }

  private readonly kill = (): void => void this.child.kill("SIGKILL")

  private send(request: Request): void {
    this.child.send(request)
  }

  private async expect<Tag extends Reply["_tag"]>(tag: Tag, patience: number) {
    const reply = await this.next(patience)
    if (typeof reply === "string" || reply._tag !== tag) {
      this.stop()
      throw new Error(`The worker has no ${tag} (at test ${this.testing}): ${JSON.stringify(reply)}\n${this.errors}`)
    }
    return reply as Extract<Reply, { readonly _tag: Tag }>
  }

  /** The next reply that is more than a sign of life. */
  private next(patience: number): Promise<Reply | "gone" | "hang"> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout
      const wait = () => {
        timer = setTimeout(() => resolve("hang"), patience)
      }
      this.listener = (reply) => {
        clearTimeout(timer)
        if (reply === "gone" || reply._tag !== "testing") return resolve(reply)
        this.testing = reply.index
        wait()
      }
      this.testing = -1
      wait()
    })
  }
}
