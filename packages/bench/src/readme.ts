/** Puts the tables and charts of a run into README.md, between markers. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { fileURLToPath } from "node:url"
import { growthChart, peersChart } from "./chart.ts"
import { markdownOf, noiseLine, summary, tablesOf, targetTables } from "./report.ts"
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

const replace = (text: string, name: string, body: string): string => {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`README.md has no place for ${name}`)
  return `${text.slice(0, from)}${open}\n\n${body}\n\n${text.slice(to)}`
}

/** The sections that these reports fill. The target table is only written whole. */
const sections = (
  reports: ReadonlyArray<Report>,
  cases: ReadonlyArray<Case>,
  rounds: number
): ReadonlyArray<[string, string]> => {
  const done = reports.filter(({ result }) => result !== undefined)
  const goals = cases.filter(({ target }) => target === true).map(({ name }) => name)
  const rows = done.filter(({ name }) => goals.includes(name))
  const own = done.filter(({ name }) => !goals.includes(name)).map((report): [string, string] => [
    report.name,
    [machine(rounds), ...tablesOf(report).map(markdownOf), noisiest([report])].filter((part) => part !== "").join(
      "\n\n"
    )
  ])
  if (rows.length < goals.length) return own
  const table = [machine(rounds), ...targetTables(rows).map(markdownOf), `${summary(rows)}. ${noisiest(rows)}`]
  return [["targets", table.join("\n\n")], ...own]
}

export const writeReadme = (reports: ReadonlyArray<Report>, cases: ReadonlyArray<Case>, rounds: number): void => {
  const readme = file("README.md")
  const text = sections(reports, cases, rounds).reduce(
    (text, [name, body]) => replace(text, name, body),
    readFileSync(readme, "utf8")
  )
  writeFileSync(readme, text)
  spawnSync("dprint", ["fmt", readme], { stdio: "inherit" })
  writeCharts(reports, file("peers.svg"), file("growth.svg"))
}

/** Writes the chart of each of the two cases that has run. */
export const writeCharts = (reports: ReadonlyArray<Report>, peersFile: string, growthFile: string): void => {
  const bars = reports.flatMap(({ result }) => result?.bars ?? [])
  const curves = reports.flatMap(({ result }) => result?.curves ?? [])
  if (bars.length > 0) writeFileSync(peersFile, peersChart(bars))
  if (curves.length > 0) writeFileSync(growthFile, growthChart(curves))
}
