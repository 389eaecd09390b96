/** Each npm script of the repository may be the first command of a fresh clone: each of its commands goes through scripts/run.mjs. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

/** What the shell runs one after the other, or at once. */
const commandsOf = (line: string): ReadonlyArray<string> =>
  line.split(/(?<!>)&+|[|;\n]+|\$\(|`/).map((part) => part.trim())

let wrong = 0
for (const manifest of ["package.json", ...globSync("packages/*/package.json", { cwd: root })]) {
  const start = `node ${manifest === "package.json" ? "" : "../../"}scripts/run.mjs `
  const { scripts = {} } = JSON.parse(readFileSync(join(root, manifest), "utf8")) as {
    readonly scripts?: Record<string, string>
  }
  for (const [name, line] of Object.entries(scripts)) {
    if (commandsOf(line).every((command) => command.startsWith(start) || command.startsWith("npm run "))) continue
    console.log(`${manifest}: "${name}" cannot be a first command: begin each command of it with "${start.trim()}"`)
    wrong++
  }
}
process.exit(wrong > 0 ? 1 : 0)
