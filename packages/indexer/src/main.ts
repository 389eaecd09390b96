/**
 * Indexes a folder: shows how far it is, and reports at the end what is there, which files are copies and what failed.
 *
 * Exit code: 0, 1 when anything failed, 130 after Ctrl-C (also of a page that was kept open).
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Clock, Effect, Exit, Layer, Logger } from "effect"
import { WorkerPool } from "effect-tasks"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import { Catalog } from "./Catalog.ts"
import * as Cli from "./Cli.ts"
import * as Dashboard from "./Dashboard.ts"
import type { FilePath } from "./FilePath.ts"
import * as Interrupts from "./Interrupts.ts"
import * as Jobs from "./Jobs.ts"
import * as Palette from "./Palette.ts"
import * as Progress from "./Progress.ts"
import * as Report from "./Report.ts"
import * as TerminalView from "./TerminalView.ts"
import * as Usage from "./Usage.ts"

/** Ends when every task has ended; interrupted, when every task has stopped. */
const index = Effect.fnUntraced(function*(root: FilePath, color: boolean) {
  const workerPool = yield* WorkerPool
  const state = yield* Progress.follow(root)
  yield* TerminalView.show(state, process.stderr, color)
  // A root that cannot be listed is remembered like every other failure, and told in the report.
  yield* Effect.ignore(Jobs.ScanFolder.run({ path: root }))
  yield* workerPool.drain
}, Effect.scoped)

const run = Effect.fnUntraced(function*(request: Cli.Request) {
  const { root, workers, json, color, keepOpen } = request
  const dashboard = request.dashboard ? Dashboard.layer(`Indexing ${root}`, process.stderr) : Layer.empty
  // a page that is opened after the end shows what the runtime still remembers
  const history = keepOpen ? 100_000 : undefined
  const tasks = Layer.merge(Jobs.layer, dashboard).pipe(Layer.provideMerge(WorkerPool.layer({ workers, history })))
  const startedAt = yield* Clock.currentTimeMillis
  let reported = false

  const report = Effect.fnUntraced(function*(interrupted: boolean) {
    const endedAt = yield* Clock.currentTimeMillis
    const report = yield* Report.make(root, { startedAt, endedAt, interrupted })
    yield* print(json ? Report.toJson(report) : Report.toText(report, Palette.isWanted(color, process.stdout)))
    if (report.failures.length > 0) process.exitCode = 1
    reported = true
  })

  const indexing = index(root, Palette.isWanted(color, process.stderr))
  yield* (keepOpen ? Effect.andThen(indexing, Effect.andThen(report(false), Dashboard.stay(process.stderr))) : indexing)
    .pipe(
      Effect.provide(tasks),
      // after an interruption not before the last task has stopped
      Effect.onExit((exit) => reported || Exit.hasDies(exit) ? Effect.void : report(Exit.hasInterrupts(exit)))
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
  Effect.provide([
    NodeServices.layer,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    Usage.layer(Usage.callOf(process.env, import.meta.filename))
  ]),
  NodeRuntime.runMain
)
