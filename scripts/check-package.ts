/**
 * What a consumer gets: packs each published package, checks the shape of the tarballs, installs them with effect in an
 * empty project, type-checks a program for each there and runs it.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const packed = join(root, "build/pack")
/** What is published, with the program of a consumer and what it prints. */
const packages = [
  { folder: "effect-tasks", program: "consumer.ts", prints: "resized 3\n" },
  { folder: "dashboard", program: "consumer-dashboard.ts", prints: "the task is seen, the page is there\n" },
  { folder: "threads", program: "consumer-threads.ts", prints: "42 from another thread\n" },
  { folder: "sql", program: "consumer-sql.ts", prints: "after a restart: 42\n" }
].map((each) => ({ ...each, home: join(root, "packages", each.folder) }))
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
    lib: ["ES2023", "DOM"],
    types: ["node"]
  },
  files: packages.map(({ program }) => program)
}

const pack = ({ home }: typeof packages[number]): string => {
  const { name, version } = json(join(home, "package.json"))
  run(root, "npm", "pack", "--workspace", name, "--pack-destination", packed)
  const tarball = join(packed, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`)
  console.log(`packed ${name}: ${(statSync(tarball).size / 1024).toFixed(0)} kB`)
  run(root, "publint", "run", tarball, "--strict")
  run(root, "attw", tarball, "--profile", "esm-only")
  return tarball
}

try {
  rmSync(packed, { recursive: true, force: true })
  mkdirSync(packed, { recursive: true })
  const tarballs = packages.map(pack)

  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
  for (const { program } of packages) copyFileSync(join(import.meta.dirname, program), join(project, program))
  const { effect } = json(join(root, "package.json")).devDependencies
  const peers = [`effect@${effect}`, `@effect/platform-node@${effect}`]
  run(
    project,
    "npm",
    "install",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...tarballs,
    ...peers
  )
  run(project, "tsc", "-p", ".")
  for (const { prints, program } of packages) {
    const printed = run(project, "node", program.replace(".ts", ".js"))
    if (printed !== prints) throw new Error(`${program} printed ${JSON.stringify(printed)}`)
  }
  console.log("an empty project installs them, type-checks a program for each and runs it")
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  // in case a pack failed between its two hooks
  for (const { home } of packages) run(home, "node", "../../scripts/manifest.ts", "restore")
  rmSync(project, { recursive: true, force: true })
}
