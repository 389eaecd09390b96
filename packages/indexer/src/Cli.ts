/**
 * The command line: what may be asked for, and what is said about a folder that cannot be indexed.
 */
import { Effect } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import * as Fs from "node:fs/promises"
import * as NodePath from "node:path"
import { fileURLToPath } from "node:url"
import { defaultFile } from "./Catalog.ts"
import * as FileError from "./FileError.ts"
import * as FilePath from "./FilePath.ts"

export interface Request {
  readonly root: FilePath.FilePath
  readonly catalog: string
  readonly workers: number
  readonly threads: number
  readonly json: boolean
  readonly color: boolean
  readonly dashboard: boolean
  readonly keepOpen: boolean
}

/** The command that reads a `Request` from the arguments and has it carried out. */
export const make = <E, R>(run: (request: Request) => Effect.Effect<void, E, R>) =>
  Command.make("indexer", {
    folder: Argument.String("folder").pipe(
      Argument.withDescription("The folder to index; by default this project's own, node_modules included"),
      Argument.withDefault(ownCheckout)
    ),
    catalog: Flag.String("catalog").pipe(
      Flag.withMetavar("file"),
      Flag.withDescription(
        `Where to remember what was indexed; by default ${defaultFile()}. Delete the file to be rid of it`
      ),
      Flag.map((file) => NodePath.resolve(base(), file)),
      Flag.withDefault(defaultFile())
    ),
    workers: Flag.Int("workers").pipe(
      Flag.filter((workers) => workers > 0, () => "at least 1"),
      Flag.withDescription(`How many tasks run at once; by default ${defaultWorkers}`),
      Flag.withDefault(defaultWorkers)
    ),
    threads: Flag.Int("threads").pipe(
      Flag.filter((threads) => threads >= 0, () => "at least 0"),
      Flag.withDescription(
        "How many threads hash files and make thumbnails; by default 0, that is none but the main one"
      ),
      Flag.withDefault(0)
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the report as one JSON document"),
      Flag.withDefault(false)
    ),
    color: Flag.Boolean("color").pipe(
      Flag.withDescription("Use colours where the terminal has them"),
      Flag.withDefault(true)
    ),
    dashboard: Flag.Boolean("dashboard").pipe(
      Flag.withDescription("Serve a page on which the tasks can be watched and stopped; --no-dashboard leaves it out"),
      Flag.withDefault(true)
    ),
    keepOpen: Flag.Boolean("keep-open").pipe(
      Flag.withDescription("Keep the page there after the end, until Ctrl-C"),
      Flag.withDefault(false)
    )
  }, ({ folder, ...options }) => Effect.flatMap(findRoot(folder), (root) => run({ root, ...options }))).pipe(
    Command.withDescription("Index a folder: what every file is, which are copies, and a thumbnail of every image")
  )

// Files are read by the four threads that Node has for it, however many processors there are: two tasks for each.
const defaultWorkers = 8

const ownCheckout = fileURLToPath(new URL("../../..", import.meta.url))

// npm runs scripts in the package's folder and says here where the user was.
const base = (): string => process.env["INIT_CWD"] ?? process.cwd()

const findRoot = (folder: string): Effect.Effect<FilePath.FilePath, CliError.UserError> => {
  const typed = FilePath.resolve(base(), folder)
  const fail = (error: FileError.FileError) =>
    new CliError.UserError({ cause: error, userMessage: `cannot index ${typed}: ${error.message}` })
  return Effect.tryPromise({
    try: () => realFolder(typed),
    catch: (error) => fail(error instanceof FileError.NotAFolder ? error : FileError.fromNode(typed, error as Error))
  })
}

/** Symlinks on the way to the root are followed, so that a folder has one name in the catalog. */
const realFolder = async (path: FilePath.FilePath): Promise<FilePath.FilePath> => {
  const real = await Fs.realpath(FilePath.toNative(path), "buffer")
  if (!(await Fs.stat(real)).isDirectory()) throw new FileError.NotAFolder({ path })
  return FilePath.fromBytes(real)
}
