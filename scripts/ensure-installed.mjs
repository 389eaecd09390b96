// Installs the dependencies when package-lock.json changed since the last install; instant when nothing is to do.
// Plain JavaScript without dependencies: it runs under the machine's own Node, before the pinned one exists.
// The root `postinstall` calls it with --stamp, so that every `npm ci` and `npm install` counts.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const modules = join(root, "node_modules")
const stamp = join(modules, ".install-stamp")
const lockHash = () => createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex")
const hasNode = () => existsSync(join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node"))

const npm = (...args) => {
  const cli = process.env.npm_execpath
  const [command, prefix] = cli ? [process.execPath, [cli]] : ["npm", []]
  const stdio = ["ignore", "ignore", "inherit"]
  return spawnSync(command, [...prefix, ...args, "--loglevel=error"], { cwd: root, stdio, shell: !cli }).status === 0
}

if (process.argv.includes("--stamp")) {
  mkdirSync(modules, { recursive: true })
  writeFileSync(stamp, lockHash())
} else if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lockHash() || !hasNode()) {
  console.error("Installing dependencies (once, about a minute) ...")
  if (!npm("ci")) {
    console.error("`npm ci` failed; trying `npm install` without changing the lockfile ...")
    if (!npm("install", "--no-save")) {
      console.error(
        "The dependencies could not be installed: see npm's message above (network? disk?), then try again."
      )
      process.exit(1)
    }
  }
  if (!hasNode()) {
    console.error(
      "The pinned Node.js is missing: npm's install scripts are off (ignore-scripts). Try `npm rebuild node`."
    )
    process.exit(1)
  }
}
