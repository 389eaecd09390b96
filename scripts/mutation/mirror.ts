/** Copies of effect-tasks in the folder for temporary files: mutants never touch the working tree. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "../..")
const home = "packages/effect-tasks"
export const internals = `${home}/src/internal`

/** The sources that are mutated: those beside each other in `src/internal`. */
export const sources = (): ReadonlyMap<string, string> => {
  const files = readdirSync(join(root, internals)).filter((name) => name.endsWith(".ts"))
  return new Map(files.map((name) => [name, readFileSync(join(root, internals, name), "utf8")]))
}

/** Makes a mirror in which `effect-tasks` is the copy and every other package the installed one. */
export const makeMirror = (folder: string): void => {
  rmSync(folder, { recursive: true, force: true })
  for (const part of ["package.json", "src", "test"]) {
    cpSync(join(root, home, part), join(folder, home, part), { recursive: true })
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
