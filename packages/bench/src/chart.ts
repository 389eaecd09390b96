/** Charts as SVG text. */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"
import { peers, tasks } from "./peers.ts"
import type { Bar, Curve } from "./result.ts"

const draw = (options: Plot.PlotOptions): string => {
  const { document } = parseHTML("<html><body></body></html>")
  const svg = Plot.plot({ ...options, document, style: { background: "white", fontFamily: "sans-serif" } })
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg")
  return `${svg.outerHTML}\n`
}

const color = ({ name }: Bar): string => (name === tasks.name ? "#d6336c" : "#495057")

/** What a task costs with each peer, a panel for each body. */
export const peersChart = (bars: ReadonlyArray<Bar>): string => {
  const nanos = bars.map(({ nanos }) => nanos)
  const domain = [Math.min(...nanos) / 1.3, Math.max(...nanos) * 1.3]
  return draw({
    width: 760,
    height: 60 + 17 * bars.length,
    marginLeft: 190,
    marginRight: 100,
    x: { type: "log", label: "ns per task, log scale →", grid: true, domain, tickFormat: "~s" },
    y: { label: null, domain: peers.map(({ name }) => name) },
    fy: { label: null, domain: [...new Set(bars.map(({ cell }) => cell))] },
    marks: [
      Plot.ruleY(bars, { y: "name", fy: "cell", x1: domain[0]!, x2: "nanos", stroke: color, strokeOpacity: 0.4 }),
      Plot.dot(bars, { x: "nanos", y: "name", fy: "cell", r: 4, fill: color }),
      Plot.frame({ stroke: "#ced4da" })
    ]
  })
}

/** How many times the cost at the left end, a panel for each curve. */
export const growthChart = (curves: ReadonlyArray<Curve>): string => {
  const points = curves.flatMap(({ name, points }) =>
    points.map(({ nanos, x }) => ({ name, x, times: nanos / points[0]!.nanos }))
  )
  const times = points.map(({ times }) => times)
  const domain = [Math.min(0.5, ...times), Math.max(16, ...times)]
  return draw({
    width: 760,
    height: 60 + 90 * curves.length,
    marginLeft: 60,
    marginRight: 330,
    x: { type: "log", label: "how much of it, log scale →", grid: true, tickFormat: "~s" },
    y: { type: "log", label: "times the cost at the left", grid: true, ticks: 3, tickFormat: "~r", domain },
    fy: { label: null, domain: curves.map(({ name }) => name) },
    marks: [
      Plot.ruleY([1], { stroke: "#adb5bd" }),
      Plot.line(points, { x: "x", y: "times", fy: "name", stroke: "#d6336c" }),
      Plot.dot(points, { x: "x", y: "times", fy: "name", fill: "#d6336c" }),
      Plot.frame({ stroke: "#ced4da" })
    ]
  })
}
