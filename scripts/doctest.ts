/**
 * Takes the samples out of the documentation and writes each to `build/doctest` as a module that `tsc -b` type-checks, with
 * tests that run them (the vitest project `docs`).
 *
 * A sample is a fence marked `ts` in the JSDoc of a public module or in a Markdown file. `ts no-run` only type-checks it,
 * `ts test` is a test file of its own, `ts skip-check` leaves it out. `console.log(x) // => text` asserts a printed line,
 * `expr // => value` a value. The lines of a written module have the numbers of their source, so a type error points to
 * the place to mend.
 */
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

interface Sample {
  readonly line: number
  readonly use: "run" | "check" | "test"
  readonly code: ReadonlyArray<string>
}

const root = join(import.meta.dirname, "..")
const out = join(root, "build/doctest")

const sources = globSync([
  "*.md",
  "docs/**/*.md",
  "packages/*/*.md",
  "packages/*/docs/**/*.md",
  "packages/*/src/**/*.ts"
], {
  cwd: root,
  exclude: ["**/node_modules/**", "**/internal/**"]
}).toSorted()

/** The lines that may hold documentation, without comment marks; other lines are empty, so that the numbers stay. */
const documentation = (file: string, text: string): Array<string> => {
  const lines = text.split(/\r?\n/)
  if (file.endsWith(".md")) return lines
  let inside = false
  return lines.map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const content = inside ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "").replace(/\s*\*\/\s*$/, "") : ""
    if (line.includes("*/")) inside = false
    return content
  })
}

const uses: Record<string, Sample["use"] | undefined> = { "": "run", "no-run": "check", "test": "test" }

const samplesOf = (file: string, lines: ReadonlyArray<string>): Array<Sample> => {
  const samples: Array<Sample> = []
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(\s*)(`{3,})(\S*) *(.*)$/.exec(lines[i])
    if (fence === null) continue
    const [, indent, marks, language, flag] = fence
    const start = i + 1
    while (++i < lines.length && lines[i].trim() !== marks);
    if (i === lines.length) throw new Error(`${file}:${start}: this fence is never closed`)
    if (language !== "ts" || flag === "skip-check") continue
    const use = uses[flag]
    if (use === undefined) throw new Error(`${file}:${start}: unknown mark "${flag}" (no-run, test or skip-check)`)
    const code = lines.slice(start, i).map((line) => line.startsWith(indent) ? line.slice(indent.length) : line)
    samples.push({ line: start + 1, use, code })
  }
  return samples
}

const printed = /^\s*console\.log\(.*\/\/ => (.+)$/
const valued = /^(?!\s*\/\/)(\s*)(.+?);?\s+\/\/ => (.+)$/

/** The sample's module: an import on its first line, blank lines up to its place in the source, then its code. */
const moduleOf = ({ code, line }: Sample): string =>
  "import { expect as $expect } from \"vitest\"; void $expect" + "\n".repeat(line - 1) +
  code.map((text) => printed.test(text) ? text : text.replace(valued, "$1$expect($2).toEqual($3)")).join("\n") + "\n"

const testOf = (file: string, name: string, { code, line }: Sample): string => {
  const lines = code.flatMap((text) => printed.exec(text)?.[1].trim() ?? [])
  return `
it(${JSON.stringify(`${file}:${line}`)}, async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {})
  await import("./${name}.${line}.ts")
  const expected: Array<string> = ${JSON.stringify(lines)}
  const actual = log.mock.calls.map((args) => format(...args))
  log.mockRestore()
  expect(actual.filter((line) => expected.includes(line)), "printed: " + JSON.stringify(actual)).toEqual(expected)
})
`
}

mkdirSync(out, { recursive: true })
const written = new Set<string>()
const write = (name: string, text: string): void => {
  const path = join(out, name)
  written.add(name)
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text)
}

let total = 0
for (const file of sources) {
  const name = file.replaceAll(/[/\\]/g, "-")
  const samples = samplesOf(file, documentation(file, readFileSync(join(root, file), "utf8")))
  total += samples.length
  for (const sample of samples) {
    write(`${name}.${sample.line}${sample.use === "test" ? ".test" : ""}.ts`, moduleOf(sample))
  }
  const tests = samples.filter(({ use }) => use === "run").map((sample) => testOf(file, name, sample))
  const imports = "import { format } from \"node:util\"\nimport { expect, it, vi } from \"vitest\"\n"
  if (tests.length > 0) write(`${name}.test.ts`, imports + tests.join(""))
}
for (const stale of readdirSync(out)) if (!written.has(stale)) rmSync(join(out, stale), { force: true })
console.log(`${total} samples from ${sources.length} files`)
