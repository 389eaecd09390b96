/**
 * `node scripts/run.mjs <command> <argument> …` runs a command under the pinned Node, once the dependencies are there: it installs
 * them when package-lock.json changed since the last install, and is instant otherwise.
 *
 * Every npm script begins with it (scripts/npm-scripts.ts asks that), so each may be the first one of a fresh clone. A command
 * beside the install, in one line of the shell, would run under the machine's own Node: a shell looks `node` up once.
 *
 * Plain JavaScript without dependencies, for any Node from 20 on. `--stamp`, of the root's `postinstall`, notes what was installed.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const modules = join(root, "node_modules")
const stamp = join(modules, ".install-stamp")
const isWindows = process.platform === "win32"
const pinnedNode = join(modules, "node", "bin", isWindows ? "node.exe" : "node")
const lockHash = () => createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex")

const npm = (...args) => {
  const cli = process.env.npm_execpath
  const [command, prefix] = cli ? [process.execPath, [cli]] : ["npm", []]
  // what `npm pack --workspace` was told is not meant for this one
  const { npm_config_dry_run: _, npm_config_workspace: __, ...env } = process.env
  const options = { cwd: root, env, stdio: ["ignore", "ignore", "inherit"], shell: !cli }
  return spawnSync(command, [...prefix, ...args, "--loglevel=error"], options).status === 0
}

const install = () => {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash() && existsSync(pinnedNode)) return
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
  if (!existsSync(pinnedNode)) {
    console.error(
      "The pinned Node.js is missing: npm's install scripts are off (ignore-scripts). Try `npm rebuild node`."
    )
    process.exit(1)
  }
}

const run = (command, args) => {
  const child = spawn(command === "node" ? pinnedNode : command, args, {
    stdio: "inherit",
    env: { ...process.env, PATH: join(modules, ".bin") + delimiter + process.env.PATH },
    shell: isWindows && command !== "node"
  })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("error", ({ message }) => {
    console.error(message)
    process.exit(127)
  })
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

const [command, ...args] = process.argv.slice(2)
if (command === "--stamp") {
  mkdirSync(modules, { recursive: true })
  writeFileSync(stamp, lockHash())
} else {
  install()
  run(command, args)
}
