/** Puts the tables and charts of a run into README.md here and in effect-tasks, between markers. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { fileURLToPath } from "node:url"
import { growthChart, peersChart } from "./chart.ts"
import { costTable, markdownOf, noiseLine, summary, tablesOf, targetTables } from "./report.ts"
import type { Case } from "./result.ts"
import type { Report } from "./run.ts"

const file = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** Where and when, since no figure means anything without. */
const machine = (rounds: number): string => {
  const all = cpus()
  const model = all[0]?.model.trim() ?? "unknown"
  const date = new Date().toISOString().slice(0, 10)
  return `${rounds} rounds, Node ${process.versions.node}, ${all.length} × ${model}, ${platform()} ${arch()}, ${date}`
}

const noisiest = (reports: ReadonlyArray<Report>): string => {
  const noises = reports.flatMap(({ result }) => result?.noise ?? [])
  const last = noises.toSorted((a, b) => a.mean - b.mean).at(-1)
  return last === undefined ? "" : `In the noisiest case, ${noiseLine(last).replace("noise: ", "")}.`
}

/** A name between markers, and what comes there. */
type Section = readonly [name: string, parts: ReadonlyArray<string>]

const replace = (text: string, [name, parts]: Section): string => {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`README.md has no place for ${name}`)
  return [text.slice(0, from) + open, ...parts.filter((part) => part !== ""), text.slice(to)].join("\n\n")
}

/** The sections that these reports fill. The target tables are only written whole. */
const sections = (
  reports: ReadonlyArray<Report>,
  cases: ReadonlyArray<Case>,
  rounds: number
): ReadonlyArray<Section> => {
  const done = reports.filter(({ result }) => result !== undefined)
  const goals = cases.filter(({ target }) => target === true).map(({ name }) => name)
  const rows = done.filter(({ name }) => goals.includes(name))
  const own = done.filter(({ name }) => !goals.includes(name)).map((report): Section => [
    report.name,
    [machine(rounds), ...tablesOf(report).map(markdownOf), noisiest([report])]
  ])
  if (rows.length < goals.length) return own
  return [
    ["targets", [machine(rounds), ...targetTables(rows).map(markdownOf), `${summary(rows)}. ${noisiest(rows)}`]],
    ...own
  ]
}

/** What the peers show, for those who use the package. */
const cost = (reports: ReadonlyArray<Report>, rounds: number): ReadonlyArray<Section> =>
  reports.filter(({ result }) => result?.bars !== undefined).map((report) => [
    "cost",
    [markdownOf(costTable(report.result!.bars!)), machine(rounds), noisiest([report])]
  ])

export const writeReadme = (reports: ReadonlyArray<Report>, cases: ReadonlyArray<Case>, rounds: number): void => {
  write(file("README.md"), sections(reports, cases, rounds))
  write(file("../effect-tasks/README.md"), cost(reports, rounds))
  writeCharts(reports, file("peers.svg"), file("growth.svg"))
}

const write = (readme: string, sections: ReadonlyArray<Section>): void => {
  writeFileSync(readme, sections.reduce(replace, readFileSync(readme, "utf8")))
  spawnSync("dprint", ["fmt", readme], { stdio: "inherit" })
}

/** Writes the chart of each of the two cases that has run. */
export const writeCharts = (reports: ReadonlyArray<Report>, peersFile: string, growthFile: string): void => {
  const bars = reports.flatMap(({ result }) => result?.bars ?? [])
  const curves = reports.flatMap(({ result }) => result?.curves ?? [])
  if (bars.length > 0) writeFileSync(peersFile, peersChart(bars))
  if (curves.length > 0) writeFileSync(growthFile, growthChart(curves))
}
