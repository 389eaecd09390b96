/**
 * `node scripts/mutate.ts [--sample=250] [--seed=1] [--files=transition,run/hooks] [--jobs=2] [--resume=file] [--json=file]`:
 * do the tests notice when the runtime is wrong?
 *
 * Mutants of `packages/effect-tasks/src/internal` are small changes (a flipped condition, a statement left out) and the
 * broken rules of `scripts/mutation/rules.ts`. Each must make some test fail. They live in a copy in the folder for
 * temporary files. All small ones are in one source that asks which of them to run, so a worker process loads the tests
 * once; a first run without mutants notes which tests come by the place of which, and a mutant runs only these.
 *
 * `--sample` takes that many small ones, spread over the files (all unless given, 0 for none); `--rules` takes the broken
 * rules whose name holds one of these words (`--rules="R15|ring"`), `--no-rules` none; `--tests` names the folders
 * and files of tests (`rules,scenarios,WorkerPool`), `--slow` how many milliseconds a test may take to be worth running hundreds of times.
 * `--resume` keeps results in a file, one a line, and does not run again what it finds there for the same sources and
 * tests. Exits 1 when the score is below `--score` (90).
 */
import { createHash } from "node:crypto"
import { appendFileSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { internals, makeMirror, sources, write } from "./mutation/mirror.ts"
import { type Mutant, mutate } from "./mutation/mutators.ts"
import { type RuleMutant, rules } from "./mutation/rules.ts"
import { Runner, type Verdict } from "./mutation/runner.ts"
import type { Effort, TestResult } from "./mutation/worker.ts"

const { values: options } = parseArgs({
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    files: { type: "string", default: "" },
    tests: {
      type: "string",
      default: "Job,Task,TaskPool,WorkerPool,queue,rules,scenarios,faults,input,testing,model,memory"
    },
    slow: { type: "string", default: "1500" },
    jobs: { type: "string", default: "2" },
    score: { type: "string", default: "90" },
    resume: { type: "string" },
    json: { type: "string" },
    rules: { type: "string", default: "" },
    "no-rules": { type: "boolean", default: false }
  }
})

interface Result {
  readonly key: string
  readonly where: string
  readonly kind: string
  readonly original: string
  readonly mutated: string
  readonly status: "killed" | "survived" | "uncovered"
  readonly by?: string | undefined
  readonly error?: string | undefined
}

const folder = join(tmpdir(), `effect-tasks-mutants-${process.pid}`)
const mirror = join(folder, "all")
const originals = sources()
const tests = options.tests.split(",").flatMap((name) =>
  globSync(`packages/effect-tasks/test/${name}{/*,}.test.ts`, { cwd: join(import.meta.dirname, "..") })
).toSorted()

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12)

/** The sources in one with all mutants, and those mutants. */
const makeMutants = (): { readonly mutants: ReadonlyArray<Mutant>, readonly code: ReadonlyMap<string, string> } => {
  const mutants: Array<Mutant> = []
  const code = new Map<string, string>()
  for (const [name, source] of originals) {
    const made = mutate(name, source, mutants.length)
    mutants.push(...made.mutants)
    code.set(name, made.code)
  }
  return { mutants, code }
}

const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

/** Some of the mutants, in turn from each file. */
const choose = (mutants: ReadonlyArray<Mutant>): ReadonlyArray<Mutant> => {
  const wanted = options.files.split(",")
  const next = random(Number(options.seed))
  const ranked = mutants.filter(({ file }) => wanted.some((part) => file.includes(part))).map((mutant) => ({
    mutant,
    rank: next()
  })).toSorted((a, b) => a.rank - b.rank)
  if (options.sample === undefined) return ranked.map(({ mutant }) => mutant)
  const queues = [...Map.groupBy(ranked, ({ mutant }) => mutant.file).values()]
  const rounds = Math.max(...queues.map((queue) => queue.length))
  const spread = Array.from({ length: rounds }, (_, i) => queues.flatMap((queue) => queue.slice(i, i + 1))).flat()
  return spread.slice(0, Number(options.sample)).map(({ mutant }) => mutant)
}

// ---------------------------------------------------------------------------------------------------------------------
// tests: which to run, in which order
// ---------------------------------------------------------------------------------------------------------------------

/** The tests that have killed come first, then the quick ones. */
class Plan {
  private readonly results: ReadonlyArray<TestResult>
  private readonly kills = new Map<string, number>()
  private readonly visitors = new Map<number, Array<number>>()

  constructor(results: ReadonlyArray<TestResult>) {
    this.results = results
    for (const [index, { hits }] of results.entries()) {
      if (!this.isUsed(index)) continue
      for (const id of hits) {
        if (!this.visitors.has(id)) this.visitors.set(id, [])
        this.visitors.get(id)!.push(index)
      }
    }
  }

  visiting(mutant: Mutant): ReadonlyArray<readonly [number, Effort]> {
    return this.ordered(this.visitors.get(mutant.id) ?? [], mutant.file)
  }

  all(topic: string): ReadonlyArray<readonly [number, Effort]> {
    return this.ordered([...this.results.keys()].filter((index) => this.isUsed(index)), topic)
  }

  /** The tests of some files, as a process knows them that has loaded no others; `all` says which they are here. */
  of(files: ReadonlyArray<string>) {
    const all = [...this.results.keys()].filter((index) => files.includes(this.results[index].file))
    const chosen = this.ordered(all.filter((index) => this.isUsed(index)), "")
    return { all, chosen: chosen.map(([index, limit]) => [all.indexOf(index), limit] as const) }
  }

  private isUsed(index: number): boolean {
    const { effort, error } = this.results[index]
    return error === undefined && effort.busy <= Number(options.slow)
  }

  private ordered(indices: ReadonlyArray<number>, topic: string): ReadonlyArray<readonly [number, Effort]> {
    const rank = (index: number): number => {
      const { effort: { busy }, file } = this.results[index]
      const killed = this.kills.get(`${topic} ${index}`) ?? 0
      return killed > 0 ? -killed : file.includes(topic) ? busy : 1000 + busy
    }
    return indices.toSorted((a, b) => rank(a) - rank(b)).map((index) => {
      const { busy, idle } = this.results[index].effort
      return [index, { busy: 1000 + 8 * busy, idle: 600 + 3 * idle }]
    })
  }

  hasKilled(test: number, topic: string): void {
    const key = `${topic} ${test}`
    this.kills.set(key, (this.kills.get(key) ?? 0) + 1)
  }

  nameOf(test: number): string {
    const result = this.results[test]
    return result === undefined ? "" : `${result.file.replace(/^.*test\//, "")}: ${result.name}`
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// running
// ---------------------------------------------------------------------------------------------------------------------

const { code, mutants } = makeMutants()
makeMirror(mirror)
const state = hash([...originals.values(), ...tests.map((file) => readFileSync(join(mirror, file), "utf8"))].join("\n"))
write(mirror, code)
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1))

const first = new Runner(mirror, tests)
const { statics } = await first.ready()
const measured = await first.baseline()
const plan = new Plan(measured)
const broken = measured.filter(({ error }) => error !== undefined)
const seconds = measured.reduce((sum, { effort: { busy } }) => sum + busy, 0) / 1000
console.log(`${mutants.length} mutants of ${code.size} files; ${measured.length} tests take ${seconds.toFixed(1)} s`)
const slow = measured.filter(({ effort: { busy } }) => busy > Number(options.slow))
for (const { effort: { busy }, name } of slow) {
  console.log(`too slow to run for each mutant: ${name} (${busy.toFixed()} ms)`)
}
for (const { error, name } of broken) console.log(`fails without a mutant, so it is left out: ${name}\n  ${error}`)

const known = new Map<string, Result>()
if (options.resume !== undefined && existsSync(options.resume)) {
  for (const line of readFileSync(options.resume, "utf8").trim().split("\n")) {
    const result = JSON.parse(line) as Result
    known.set(result.key, result)
  }
}

const results: Array<Result> = []

const record = (result: Result): void => {
  results.push(result)
  if (options.resume !== undefined && !known.has(result.key)) {
    appendFileSync(options.resume, JSON.stringify(result) + "\n")
  }
  if (result.status !== "killed") console.log(`${result.status} ${describe(result)}`)
  if (results.length % 100 === 0) console.log(`  ${results.length} of ${jobs}`)
}

const describe = ({ kind, mutated, original, where }: Result): string =>
  `${where} ${kind}\n  - ${short(original)}\n  + ${short(mutated)}`

const short = (text: string): string => text.replace(/\s+/g, " ").slice(0, 200)

const outcome = (verdict: Verdict): Pick<Result, "status" | "by" | "error"> =>
  verdict._tag === "survived"
    ? { status: "survived" }
    : { status: "killed", by: plan.nameOf(verdict.test), error: verdict.error.split("\n")[0] }

const spare: Array<Runner> = [first]

/** A small mutant: in a process that serves many, unless it acts while modules load. */
const runMutant = async (mutant: Mutant): Promise<void> => {
  const { file, id, kind, line, mutated, original } = mutant
  const key = `${state} ${id}`
  const result = { key, where: `${file}:${line}`, kind, original, mutated }
  const before = known.get(key)
  if (before !== undefined) return record(before)
  const loads = statics.includes(id)
  const chosen = loads ? plan.all(file) : plan.visiting(mutant)
  if (chosen.length === 0) return record({ ...result, status: "uncovered" })
  const runner = loads ? new Runner(mirror, tests, id) : spare.pop() ?? new Runner(mirror, tests)
  const verdict = await runner.run(id, chosen)
  if (loads) runner.stop()
  else if (runner.usable) spare.push(runner)
  if (verdict._tag === "killed") plan.hasKilled(verdict.test, file)
  record({ ...result, ...outcome(verdict) })
}

let mirrors = 0

/** A broken rule: in a mirror and processes of its own, first with the tests of that rule, then with all others. */
const runRule = async (rule: RuleMutant): Promise<void> => {
  const key = `${state} ${hash(JSON.stringify(rule))}`
  const before = known.get(key)
  if (before !== undefined) return record(before)
  const own = join(folder, `rule-${++mirrors}`)
  makeMirror(own, mirror) // the tests as they were measured
  write(own, edited(rule))
  const isOwn = (file: string) => file.endsWith(`/${rule.rule}.test.ts`)
  let verdict = await runIn(own, tests.filter(isOwn))
  if (verdict._tag === "survived") verdict = await runIn(own, tests.filter((file) => !isOwn(file)))
  rmSync(own, { recursive: true, force: true })
  if (verdict._tag === "killed" && verdict.test < 0) throw new Error(`"${rule.name}": ${verdict.error}`)
  const [[file, original, mutated]] = rule.edits
  const where = `${rule.rule}, ${file}`
  record({ key, where, kind: rule.name, original, mutated, ...outcome(verdict) })
}

const runIn = async (folder: string, files: ReadonlyArray<string>): Promise<Verdict> => {
  const runner = new Runner(folder, files)
  const { chosen, all } = plan.of(files)
  const verdict = await runner.run(0, chosen)
  runner.stop()
  return verdict._tag === "killed" ? { ...verdict, test: all[verdict.test] ?? -1 } : verdict
}

const edited = ({ edits, name }: RuleMutant): ReadonlyMap<string, string> => {
  const files = new Map(originals)
  for (const [file, find, replace] of edits) {
    const parts = files.get(file)?.split(find) ?? []
    if (parts.length !== 2) {
      throw new Error(`"${name}" must match once in ${file}, not ${parts.length - 1} times: ${find}`)
    }
    files.set(file, parts.join(replace))
  }
  return files
}

rules.forEach(edited) // all must match before anything runs
const broke = options["no-rules"]
  ? []
  : rules.filter(({ name, rule }) => options.rules.split("|").some((part) => `${rule} ${name}`.includes(part)))
const queue = [...broke.map((rule) => () => runRule(rule)), ...choose(mutants).map((mutant) => () => runMutant(mutant))]
const jobs = queue.length

const work = async (): Promise<void> => {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job()
}

await Promise.all(Array.from({ length: Number(options.jobs) }, work))
for (const runner of spare) runner.stop()

// ---------------------------------------------------------------------------------------------------------------------
// the report
// ---------------------------------------------------------------------------------------------------------------------

const killed = results.filter(({ status }) => status === "killed")
const score = killed.length / results.length * 100
const hung = killed.filter(({ error }) => /^(hangs|busy)/.test(error ?? "")).length
console.log(`\nsurvivors in ${internals}:`)
for (const result of results) if (result.status !== "killed") console.log(`${result.status} ${describe(result)}`)
console.log(`\n${killed.length} of ${results.length} mutants killed (${hung} by a hang): ${score.toFixed(1)} %`)
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ score, results }, undefined, 2))
process.exit(score < Number(options.score) ? 1 : 0)
