/**
 * The program from its arguments to its exit code.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Clock, Effect, Exit, Layer, Logger } from "effect"
import { Limit, WorkerPool } from "effect-tasks"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import { Catalog } from "./Catalog.ts"
import * as Cli from "./Cli.ts"
import * as Dashboard from "./Dashboard.ts"
import type { FilePath } from "./FilePath.ts"
import * as Interrupts from "./Interrupts.ts"
import * as Jobs from "./Jobs.ts"
import * as Line from "./Line.ts"
import * as Palette from "./Palette.ts"
import * as Progress from "./Progress.ts"
import * as Reading from "./Reading.ts"
import * as Report from "./Report.ts"
import * as TerminalView from "./TerminalView.ts"
import * as Usage from "./Usage.ts"

/** Ends when every task has ended; interrupted, when every task has stopped. */
const index = Effect.fnUntraced(function*(root: FilePath, color: boolean) {
  if (Interrupts.isAsked()) return yield* Effect.interrupt
  const workerPool = yield* WorkerPool
  const state = yield* Progress.follow(root)
  yield* TerminalView.show(state, process.stderr, color, Effect.promise(() => Interrupts.first))
  // A root that cannot be listed is remembered like every other failure, and told in the report.
  yield* Effect.ignore(Jobs.ScanFolder.run({ path: root }))
  yield* workerPool.drain
}, Effect.scoped)

const run = Effect.fnUntraced(function*(request: Cli.Request) {
  const { root, workers, threads, json, color, keepOpen } = request
  const dashboard = request.dashboard ? Dashboard.layer(`Indexing ${root}`, process.stderr) : Layer.empty
  // a page that is opened after the end shows what the runtime still remembers
  const history = keepOpen ? 100_000 : undefined
  const jobs = threads === 0 ? Layer.provide(Jobs.layer(), Reading.here) : onThreads(Limit.permits(threads))
  const tasks = Layer.merge(jobs, dashboard).pipe(Layer.provideMerge(WorkerPool.layer({ workers, history })))
  const startedAt = yield* Clock.currentTimeMillis
  let reported = false

  const report = Effect.fnUntraced(function*(interrupted: boolean) {
    const endedAt = yield* Clock.currentTimeMillis
    const report = yield* Report.make(root, { startedAt, endedAt, interrupted })
    const style = { width: Line.widthOf(process.stdout), color: Palette.isWanted(color, process.stdout) }
    yield* print(json ? Report.toJson(report) : Report.toText(report, style))
    if (report.failures.length > 0 || report.outcome === "canceled") process.exitCode = 1
    reported = true
  })

  const indexing = Effect.interruptible(index(root, Palette.isWanted(color, process.stderr)))
  const staying = Effect.interruptible(Dashboard.stay(process.stderr))
  yield* (keepOpen ? Effect.andThen(indexing, Effect.andThen(report(false), staying)) : indexing)
    .pipe(
      Effect.provide(tasks),
      // after an interruption not before the last task has stopped
      Effect.onExit((exit) => reported || Exit.hasDies(exit) ? Effect.void : report(Exit.hasInterrupts(exit)))
    )
})

const onThreads = (size: Limit.Limit) => Layer.provide(Jobs.layer([size]), Reading.onThreads(size))

const print = (text: string) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(`${text}\n`, () => resume(Effect.void))
  })

const command = Cli.make((request) =>
  run(request).pipe(
    Effect.provide(Catalog.layer(request.catalog)),
    Effect.mapError((error) => new CliError.UserError({ cause: error, userMessage: error.message }))
  )
)

export const main = (): void => {
  // A reader that has seen enough (`| head`) closes the pipe; that is no error of this program.
  process.stdout.on("error", () => {})

  command.pipe(
    Command.run({ version: "0.1.0" }),
    // A Ctrl-C waits for the indexing to begin and stops that, so that the summary is printed however early it comes.
    Effect.uninterruptible,
    Effect.provideService(Logger.LogToStderr, true), // standard output is for the report alone
    Effect.provide([
      NodeServices.layer,
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
      Usage.layer(Usage.callOf(process.env, process.argv[1]!))
    ]),
    NodeRuntime.runMain
  )
}
