/**
 * Indexes a folder: shows how far it is, and reports at the end what is there, which files are copies and what failed.
 *
 * Exit code: 0, 1 when anything failed, 130 after Ctrl-C.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Clock, Effect, Exit, Layer, Logger } from "effect"
import { WorkerPool } from "effect-tasks"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import { Catalog } from "./Catalog.ts"
import * as Cli from "./Cli.ts"
import type { FilePath } from "./FilePath.ts"
import * as Interrupts from "./Interrupts.ts"
import * as Jobs from "./Jobs.ts"
import * as Palette from "./Palette.ts"
import * as Progress from "./Progress.ts"
import * as Report from "./Report.ts"
import * as TerminalView from "./TerminalView.ts"

/** Ends when every task has ended; interrupted, when every task has stopped. */
const index = Effect.fnUntraced(function*(root: FilePath, color: boolean) {
  const workerPool = yield* WorkerPool
  const state = yield* Progress.follow(root)
  yield* TerminalView.show(state, process.stderr, color)
  // A root that cannot be listed is remembered like every other failure, and told in the report.
  yield* Effect.ignore(Jobs.ScanFolder.run({ path: root }))
  yield* workerPool.drain
}, Effect.scoped)

const run = Effect.fnUntraced(function*({ root, workers, json, color }: Cli.Request) {
  const startedAt = yield* Clock.currentTimeMillis
  const tasks = Jobs.layer.pipe(
    Layer.provideMerge(WorkerPool.layer({ workers }))
  )
  yield* index(root, Palette.isWanted(color, process.stderr)).pipe(
    Effect.provide(tasks),
    Effect.onExit(Effect.fnUntraced(function*(exit) {
      if (Exit.hasDies(exit)) return
      const endedAt = yield* Clock.currentTimeMillis
      const report = yield* Report.make(root, { startedAt, endedAt, interrupted: Exit.hasInterrupts(exit) })
      yield* print(json ? Report.toJson(report) : Report.toText(report, Palette.isWanted(color, process.stdout)))
      if (report.failures.length > 0) process.exitCode = 1
    }))
  )
})

const print = (text: string) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(`${text}\n`, () => resume(Effect.void))
  })

const command = Cli.make((request) =>
  run(request).pipe(
    Effect.provide(Catalog.layer()),
    Effect.mapError((error) => new CliError.UserError({ cause: error, userMessage: error.message }))
  )
)

// A reader that has seen enough (`| head`) closes the pipe; that is no error of this program.
process.stdout.on("error", () => {})
Interrupts.listen(process.stderr)

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provideService(Logger.LogToStderr, true), // standard output is for the report alone
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })]),
  NodeRuntime.runMain
)
