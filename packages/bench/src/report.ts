/** Results as tables, and tables as text and Markdown. */
import { grows } from "./fit.ts"
import type { Noise } from "./measure.ts"
import { type Peer, peers, tasks } from "./peers.ts"
import { type Bar, type Curve, isTooNoisy, judge, type Table, type Target, type Unit, type Verdict } from "./result.ts"
import type { Report } from "./run.ts"

const figure = (value: number, unit: Unit): string => {
  switch (unit) {
    case "times":
      return `${value.toFixed(2)} ×`
    case "percent":
      return `${value.toFixed(0)} %`
    case "µs":
      return `${value.toFixed(2)} µs`
    case "ms":
      return `${value.toFixed(1)} ms`
    case "MB":
      return `${value.toFixed(2)} MB`
    case "bytes":
    case "count":
      return String(Math.round(value))
  }
}

const bare = (value: number, unit: Unit): string => figure(value, unit).replace(/ \D+$/, "")

const boundOf = ({ bound, unit }: Target): string => {
  const [sign, value] = "atMost" in bound ? ["≤", bound.atMost] : ["≥", bound.atLeast]
  return `${sign} ${value}${/( \D+)?$/.exec(figure(0, unit))![0]}`
}

const rowOf = (target: Target, verdict: Verdict): ReadonlyArray<string> => {
  const { cpu, name, unit, value } = target
  return [
    name,
    figure(value.median, unit),
    `${bare(value.low, unit)}–${bare(value.high, unit)}`,
    figure(value.best, unit),
    cpu === undefined ? "" : figure(cpu, unit),
    boundOf(target),
    verdict
  ]
}

/** Every target row of these reports, with its verdict. */
export const verdicts = (reports: ReadonlyArray<Report>): ReadonlyArray<readonly [Target, Verdict]> =>
  reports.flatMap(({ result }) =>
    (result?.targets ?? []).map((target) => [target, judge(target, result?.noise)] as const)
  )

/** The rows of these reports: the targets, and further bounds below them. */
export const targetTables = (reports: ReadonlyArray<Report>): ReadonlyArray<Table> =>
  [false, true].flatMap((further) => {
    const rows = verdicts(reports).filter(([target]) => (target.further ?? false) === further)
    return rows.length === 0 ? [] : [{
      title: further ? "Further bounds" : "Targets",
      columns: ["", "median", "middle half", "of minima", "CPU", "target", "verdict"],
      rows: rows.map(([target, verdict]) => rowOf(target, verdict))
    }]
  })

const curveTable = (curves: ReadonlyArray<Curve>, noise: Noise | undefined): Table => ({
  title: "Growth of the cost of a task",
  columns: ["with", "ns per task", "exponent", "allowed", "verdict"],
  rows: curves.map((curve) => [
    curve.name,
    curve.points.map(({ nanos, x }) => `${Math.round(nanos)} at ${x.toLocaleString("en")}`).join(", "),
    curve.exponent.toFixed(2),
    String(curve.allowed),
    isTooNoisy(noise) ? "too noisy" : grows(curve) ? "grows" : curve.allowed === 0 ? "flat" : "as it should"
  ])
})

/** What a task costs, against what. Not with timers: their millisecond passes whoever waits for it. */
export const costTable = (bars: ReadonlyArray<Bar>): Table => {
  const bodies = [...new Set(bars.map(({ cell }) => cell))].filter((cell) => cell !== "timer")
  const cellOf = (peer: Peer, body: string): string => {
    const { nanos, times } = bars.find(({ cell, name }) => cell === body && name === peer.name)!
    return peer === tasks ? figure(nanos / 1e3, "µs") : figure(times, "times")
  }
  return {
    title: "What a task takes, and how many times what it takes with others",
    columns: ["", ...bodies.map((body) => `${body} body`), "which does not do"],
    rows: peers.map((peer) => [peer.name, ...bodies.map((body) => cellOf(peer, body)), peer.lacks])
  }
}

/** Everything a report has to show. */
export const tablesOf = (report: Report): ReadonlyArray<Table> => {
  const { curves, noise, tables } = report.result ?? {}
  return [
    ...targetTables([report]),
    ...(curves === undefined ? [] : [curveTable(curves, noise)]),
    ...(tables ?? [])
  ]
}

const percent = (value: number): string => `${Math.round(value * 100)} %`

export const noiseLine = (noise: Noise): string =>
  `noise: a fixed loop took ${percent(noise.mean)} more than its minimum in the mean, ` +
  `${percent(noise.worst)} more in the worst tenth${isTooNoisy(noise) ? "; too much for a verdict" : ""}`

/** Figures stand to the right, words to the left. */
const isNumeric = ({ rows }: Table, column: number): boolean =>
  rows.every((row) => /^([-≤≥]? ?\d|$)/.test(row[column]!))

export const textOf = (table: Table): string => {
  const { columns, notes = [], rows, title } = table
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]!.length)))
  const pad = (cell: string, i: number) => isNumeric(table, i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)
  const line = (row: ReadonlyArray<string>) => `  ${row.map(pad).join("  ")}`.trimEnd()
  return [title, line(columns), ...rows.map(line), ...notes.map((note) => `  ${note}`)].join("\n")
}

export const markdownOf = (table: Table): string => {
  const { columns, notes = [], rows, title } = table
  const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  const rule = columns.map((_, i) => (isNumeric(table, i) ? "---:" : "---"))
  return [`**${title}**`, "", row(columns), row(rule), ...rows.map(row), ...notes.map((note) => `\n${note}`)].join("\n")
}

/** What a person reads on a terminal. */
export const describe = (report: Report): string => {
  const { about, name, result, seconds } = report
  const noise = result?.noise === undefined ? [] : [noiseLine(result.noise)]
  const body = result === undefined ? ["failed: see above"] : [...tablesOf(report).map(textOf), ...noise]
  return [`\n=== ${name}: ${about} (${seconds.toFixed(1)} s)`, ...body].join("\n")
}

/** How many targets are met. */
export const summary = (reports: ReadonlyArray<Report>): string => {
  const all = verdicts(reports).map(([, verdict]) => verdict)
  const kinds = ["met", "not met", "unclear", "too noisy"] as const
  return kinds.map((kind) => `${all.filter((verdict) => verdict === kind).length} ${kind}`).join(", ")
}
