/** Each npm script of the repository may be the first command of a fresh clone: each of its commands goes through scripts/run.mjs. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const isReady = (command: string): boolean => /^(npm run|node (\.\.\/\.\.\/)?scripts\/run\.mjs) /.test(command)

let wrong = 0
for (const manifest of ["package.json", ...globSync("packages/*/package.json", { cwd: root })]) {
  const { scripts = {} } = JSON.parse(readFileSync(join(root, manifest), "utf8")) as {
    readonly scripts?: Record<string, string>
  }
  for (const [name, line] of Object.entries(scripts)) {
    if (line.split(/&&|\|\||[;|]/).every((command) => isReady(command.trim()))) continue
    console.log(
      `${manifest}: "${name}" cannot be a first command: begin each of its commands with "node scripts/run.mjs"`
    )
    wrong++
  }
}
process.exit(wrong > 0 ? 1 : 0)
