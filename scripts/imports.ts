/** The rules of .dependency-cruiser.cjs, and proof that they were asked: a parser that fails sees no modules and so no violations. */
import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const { status, stdout } = spawnSync("depcruise", ["packages", "--output-type", "err-long"], {
  cwd: root,
  encoding: "utf8"
})

// the rest is a remark on TypeScript 7, whose compiler has no API: swc parses instead
console.log(stdout.replace(/\n+‼ missing-tsc-transpiler[^]*/, "").trim())

const seen = Number(/(\d+) modules/.exec(stdout)?.[1] ?? 0)
const files = globSync("packages/*/{src,test,web}/**/*.{ts,tsx}", { cwd: root }).length
if (seen < files) console.log(`dependency-cruiser saw ${seen} modules; there are ${files}`)
process.exit(status === 0 && seen >= files ? 0 : 1)
