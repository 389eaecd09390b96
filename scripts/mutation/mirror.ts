/** Copies of effect-tasks in the folder for temporary files: mutants never touch the working tree. */
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "../..")
const home = "packages/effect-tasks"
export const internals = `${home}/src/internal`

/** The sources that are mutated, by room and name: all of `src/internal` but what only tests use. */
export const sources = (): ReadonlyMap<string, string> => {
  const files = globSync("*/*.ts", { cwd: join(root, internals), exclude: ["testing"] }).toSorted()
  return new Map(files.map((name) => [name, readFileSync(join(root, internals, name), "utf8")]))
}

/** Makes a mirror, of another one unless of here, in which `effect-tasks` is the copy and the rest what is installed. */
export const makeMirror = (folder: string, of = root): void => {
  rmSync(folder, { recursive: true, force: true })
  for (const part of ["package.json", "src", "test"]) {
    cpSync(join(of, home, part), join(folder, home, part), { recursive: true })
  }
  link(join(root, "node_modules"), join(folder, "node_modules"), readdirSync(join(root, "node_modules")))
}

const link = (from: string, to: string, names: ReadonlyArray<string>): void => {
  mkdirSync(to)
  for (const name of names) {
    const own = name === "effect-tasks"
    symlinkSync(own ? join(dirname(to), home) : join(from, name), join(to, name))
  }
}

/** Writes sources of `src/internal` into a mirror. */
export const write = (folder: string, files: Iterable<readonly [name: string, code: string]>): void => {
  for (const [name, code] of files) writeFileSync(join(folder, internals, name), code)
}
