/** Runs the npm scripts it is given, one after the other; goes on after a failure and names all that failed. */
import { spawnSync } from "node:child_process"

const failed: Array<string> = []
for (const name of process.argv.slice(2)) {
  console.log(`\n--- npm run ${name}`)
  const start = performance.now()
  const { status } = spawnSync("npm", ["run", "--silent", name], { stdio: "inherit" })
  if (status !== 0) failed.push(name)
  console.log(`${status === 0 ? "ok" : "FAILED"} after ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
console.log(failed.length === 0 ? "\ncheck passed" : `\ncheck failed: ${failed.join(", ")}`)
process.exit(failed.length === 0 ? 0 : 1)
