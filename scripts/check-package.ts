/**
 * What a consumer gets: packs effect-tasks, checks the tarball's shape, installs it with effect in an empty project,
 * type-checks a program there and runs it.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const home = join(root, "packages/effect-tasks")
const packed = join(root, "build/pack")
const project = mkdtempSync(join(tmpdir(), "effect-tasks-consumer-"))

// npm's scripts have node_modules/.bin first on their PATH, so `node` and the tools are the pinned ones everywhere
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status === 0) return stdout
  throw new Error(`${[command, ...args].join(" ")}\n${stdout ?? ""}${stderr ?? ""}${error ?? ""}`)
}

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"))

const tsconfig = {
  compilerOptions: {
    strict: true,
    declaration: true,
    exactOptionalPropertyTypes: true,
    module: "NodeNext",
    target: "ES2023",
    lib: ["ES2023", "DOM"]
  },
  files: ["program.ts"]
}

try {
  rmSync(packed, { recursive: true, force: true })
  mkdirSync(packed, { recursive: true })
  run(root, "npm", "pack", "--workspace", "effect-tasks", "--pack-destination", packed)
  const tarball = join(packed, `effect-tasks-${json(join(home, "package.json")).version}.tgz`)
  console.log(`packed ${(statSync(tarball).size / 1024).toFixed(0)} kB`)

  run(root, "publint", "run", tarball, "--strict")
  run(root, "attw", tarball, "--profile", "esm-only")

  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
  copyFileSync(join(import.meta.dirname, "consumer.ts"), join(project, "program.ts"))
  const effect = `effect@${json(join(root, "package.json")).devDependencies.effect}`
  run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", tarball, effect)
  run(project, "tsc", "-p", ".")
  const printed = run(project, "node", "program.js")
  if (printed !== "resized 3\n") throw new Error(`The consumer's program printed ${JSON.stringify(printed)}`)
  console.log("an empty project installs it, type-checks a program and runs it")
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  run(home, "node", "../../scripts/manifest.ts", "restore") // in case the pack failed between its two hooks
  rmSync(project, { recursive: true, force: true })
}
