/** Builds the dashboard's page when its sources are newer than it; instant when nothing is to do. */
import { spawnSync } from "node:child_process"
import { globSync, statSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

const changedAt = (pattern: string): number =>
  Math.max(-Infinity, ...globSync(pattern, { cwd: root }).map((path) => statSync(join(root, path)).mtimeMs))

// folders count too: what is gone from them is a change
const sources = Math.max(changedAt("package-lock.json"), changedAt("packages/dashboard/{src,web}/**"))

if (sources > changedAt("packages/dashboard/dist-web/index.html")) {
  const { status } = spawnSync("npm", ["run", "--silent", "build:web", "--workspace", "@effect-tasks/dashboard"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32"
  })
  if (status !== 0) console.error("The dashboard's page could not be built; the dashboard says so in its place.")
}
