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
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const modules = join(root, "node_modules")
const stamp = join(modules, ".install-stamp")
const lock = join(root, ".install-lock")
const isWindows = process.platform === "win32"
const pinnedNode = join(modules, "node", "bin", isWindows ? "node.exe" : "node")
const lockHash = () => createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex")
const isInstalled = () => existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash() && existsSync(pinnedNode)
const setStamp = () => {
  mkdirSync(modules, { recursive: true })
  writeFileSync(stamp, lockHash())
}

const npm = (...args) => {
  const cli = process.env.npm_execpath
  const [command, prefix] = cli ? [process.execPath, [cli]] : ["npm", []]
  // what `npm pack --workspace` was told is not meant for this one
  const { npm_config_dry_run: _, npm_config_workspace: __, ...env } = process.env
  const options = { cwd: root, env, stdio: ["ignore", "ignore", "inherit"], shell: !cli }
  return spawnSync(command, [...prefix, ...args, "--include=dev", "--loglevel=error"], options).status === 0
}

const install = () => {
  console.error("Installing dependencies (once, about a minute) ...")
  if (!npm("ci")) {
    console.error("`npm ci` failed; trying `npm install` without changing the lockfile ...")
    if (!npm("install", "--no-save")) {
      console.error(
        "The dependencies could not be installed: see npm's message above (network? disk?), then try again."
      )
      return false
    }
  }
  // where npm's install scripts are off, it has not been linked
  if (!existsSync(pinnedNode) && !(npm("rebuild", "node", "--ignore-scripts=false") && existsSync(pinnedNode))) {
    console.error("The pinned Node.js could not be set up: see what `npm rebuild node --ignore-scripts=false` says.")
    return false
  }
  setStamp()
  return true
}

const takeLock = () => {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" })
    return true
  } catch (error) {
    if (error.code !== "EEXIST") throw error
    return false
  }
}

const freeLock = () => rmSync(lock, { force: true })

const isHeld = () => {
  try {
    const holder = readFileSync(lock, "utf8")
    return holder === "" || process.kill(Number(holder), 0) // "": about to be written
  } catch {
    return false
  }
}

/** One installs at a time; the others wait as long as that one lives. */
const ensureInstalled = () => {
  for (let looks = 0; !isInstalled(); looks++) {
    if (takeLock()) {
      const done = isInstalled() || install()
      freeLock()
      if (!done) process.exit(1)
      return
    }
    if (!isHeld()) freeLock()
    else if (looks === 0) console.error(`Waiting for another command that installs the dependencies (${lock}) ...`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  }
}

const run = (command, args) => {
  const child = spawn(command === "node" ? pinnedNode : command, args, {
    stdio: "inherit",
    env: { ...process.env, PATH: join(modules, ".bin") + delimiter + process.env.PATH },
    shell: isWindows && command !== "node"
  })
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT")) // a terminal tells the child too
  child.on("error", ({ message }) => {
    console.error(message)
    process.exit(127)
  })
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

const [command, ...args] = process.argv.slice(2)
if (command === "--stamp") setStamp()
else {
  ensureInstalled()
  run(command, args)
}
