/**
 * `npm run nodes [-- 22.19.0 24 26]`: the tests of threads under other versions of Node, which npx fetches; the other
 * packages have nothing that depends on it.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const vitest = join(import.meta.dirname, "../node_modules/vitest/vitest.mjs")
const tests = ["run", "--config", "vitest.workspace.ts", "--project", "threads"]
const asked = process.argv.slice(2)

for (const version of asked.length === 0 ? ["22.19.0", "24", "26"] : asked) {
  console.log(`--- Node ${version}`)
  const { status } = spawnSync("npx", ["--yes", "--package", `node@${version}`, "--", "node", vitest, ...tests], {
    cwd: join(import.meta.dirname, ".."),
    stdio: "inherit"
  })
  if (status !== 0) process.exitCode = 1
}
