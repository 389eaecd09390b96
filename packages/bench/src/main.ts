/**
 * Benchmarks of effect-tasks against its targets, its peers and itself: `npm run bench -- --help`.
 */
import { parseArgs } from "node:util"
import { cases } from "./cases/index.ts"
import { writeCharts, writeReadme } from "./readme.ts"
import { describe, summary, verdicts } from "./report.ts"
import type { Case } from "./result.ts"
import { type Report, runCase } from "./run.ts"

const usage = `npm run bench [-- options] [case…]

A case is a name of --list, or "targets": all rows of the target table. Without one, all cases run.

  --list           the cases
  --rounds <n>     rounds of each measurement, at least 7 for a verdict worth having (default 9)
  --full           larger sizes; peers with every body, C and N (hours)
  --json           one JSON document instead of text
  --svg <file>     the chart of the peers, or of growth when the peers have not run
  --write-readme   the tables of this run into packages/bench/README.md, the charts beside it, and what a
                   task costs into packages/effect-tasks/README.md`

const read = () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      rounds: { type: "string", default: "9" },
      svg: { type: "string" },
      "write-readme": { type: "boolean", default: false }
    }
  })
  return { ...values, rounds: roundsOf(values.rounds), chosen: select(positionals) }
}

const select = (names: ReadonlyArray<string>): ReadonlyArray<Case> => {
  const unknown = names.filter((name) => name !== "targets" && cases.every((one) => one.name !== name))
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(", ")} (--list shows them)`)
  if (names.length === 0) return cases
  return cases.filter(({ name, target }) => names.includes(name) || (target === true && names.includes("targets")))
}

const roundsOf = (text: string): number => {
  const rounds = Number(text)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1 on")
  return rounds
}

type Command = ReturnType<typeof read>

const bench = async ({ chosen, full, json, rounds, svg, ...command }: Command): Promise<void> => {
  const reports: Array<Report> = []
  for (const one of chosen) {
    process.stderr.write(`${one.name} …\n`)
    const report = await runCase(one, { rounds, full })
    reports.push(report)
    if (!json) console.log(describe(report))
  }
  if (json) console.log(JSON.stringify({ node: process.versions.node, rounds, full, reports }, null, 2))
  else if (verdicts(reports).length > 0) console.log(`\ntargets: ${summary(reports)}`)
  if (svg !== undefined) writeSvg(reports, svg)
  if (command["write-readme"]) writeReadme(reports, cases, rounds)
  if (reports.some(({ result }) => result === undefined)) process.exitCode = 1
}

const writeSvg = (reports: ReadonlyArray<Report>, file: string): void => {
  const withPeers = reports.some(({ result }) => result?.bars !== undefined)
  writeCharts(withPeers ? reports.filter(({ result }) => result?.curves === undefined) : reports, file, file)
}

const list = (): void => {
  for (const { about, name, target } of cases) {
    console.log(`${name.padEnd(12)}${target === true ? "target  " : "        "}${about}`)
  }
}

const main = async (): Promise<void> => {
  let command: Command
  try {
    command = read()
  } catch (error) {
    // a wrong argument: what is wrong is all there is to say
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  if (command.help) console.log(usage)
  else if (command.list) list()
  else await bench(command)
}

await main()
