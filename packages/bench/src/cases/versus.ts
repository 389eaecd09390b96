/** The same work with every peer: bodies, widths and sizes. */
import { bodies, type Body } from "../bodies.ts"
import { interleave, least, median, type Noise, ratio, seriesOf, worstOf } from "../measure.ts"
import { forEach, peers, tasks } from "../peers.ts"
import type { Bar, Case, Table } from "../result.ts"

interface Cell {
  readonly body: Body
  readonly concurrency: number
  readonly size: number
}

const { promise, setImmediate, sync, timer } = bodies

const quick: ReadonlyArray<Cell> = [
  { body: sync, concurrency: 64, size: 10_000 },
  { body: promise, concurrency: 64, size: 10_000 },
  { body: setImmediate, concurrency: 1, size: 10_000 },
  { body: setImmediate, concurrency: 8, size: 10_000 },
  { body: setImmediate, concurrency: 64, size: 10_000 },
  { body: setImmediate, concurrency: 1_000, size: 10_000 },
  { body: timer, concurrency: 64, size: 10_000 }
]

const full: ReadonlyArray<Cell> = Object.values(bodies).flatMap((body) =>
  [1, 8, 64, 1_000].flatMap((concurrency) => [10_000, 100_000, 1_000_000].map((size) => ({ body, concurrency, size })))
)

/** No more 1 ms timers than take about a third of a second, whoever waits for them. */
const sizeIn = ({ body, concurrency, size }: Cell, most = Infinity): number =>
  Math.min(size, most, body === timer ? concurrency * 250 : Infinity)

const label = (cell: Cell): string =>
  `${cell.body.name}, C = ${cell.concurrency.toLocaleString("en")}, N = ${sizeIn(cell).toLocaleString("en")}`

/** The chart shows the bodies side by side. */
const isDrawn = ({ concurrency, size }: Cell): boolean => concurrency === 64 && size === 10_000

const measureCell = async (cell: Cell, rounds: number): Promise<{ table: Table, bars: Array<Bar>, noise: Noise }> => {
  const subjects = peers.map(({ make, most, name }) => {
    const run = make(cell.body, cell.concurrency)
    const size = sizeIn(cell, most)
    return { name, size, run: () => run(size) }
  })
  const measured = await interleave(subjects, rounds, cell.size > 100_000 ? 1 : 2)
  const [base, ours] = [seriesOf(measured, forEach.name), seriesOf(measured, tasks.name)]
  const rows = peers.map(({ name }) => {
    const series = seriesOf(measured, name)
    const size = series.size < ours.size ? ` (N = ${series.size.toLocaleString("en")})` : ""
    return [
      name + size,
      `${ratio(series, base).median.toFixed(2)} ×`,
      `${ratio(series, base, "cpu").median.toFixed(2)} ×`,
      `${ratio(ours, series).median.toFixed(2)} ×`,
      String(Math.round(median(series.wall))),
      String(Math.round(least(series.wall))),
      String(Math.round(median(series.cpu)))
    ]
  })
  const columns = ["", "of forEach", "CPU, of forEach", "effect-tasks against it", "ns", "least ns", "CPU ns"]
  return {
    table: { title: label(cell), columns, rows },
    bars: isDrawn(cell)
      ? measured.series.map((series) => ({
        cell: cell.body.name,
        name: series.name,
        nanos: median(series.wall),
        times: ratio(ours, series).median
      }))
      : [],
    noise: measured.noise
  }
}

const lacks: Table = {
  title: "What each does not do",
  columns: ["", "does not do"],
  rows: peers.slice(1).map((peer) => [peer.name, peer.lacks])
}

export const versus: Case = {
  name: "peers",
  about: "the same work with eight peers: four bodies, C = 1 to 1,000, N = 10,000 (--full: to 1,000,000)",
  run: async (options) => {
    const cells = options.full ? full : quick
    const measured: Array<Awaited<ReturnType<typeof measureCell>>> = []
    for (const cell of cells) measured.push(await measureCell(cell, options.rounds))
    return {
      tables: [...measured.map(({ table }) => table), lacks],
      bars: measured.flatMap(({ bars }) => bars),
      noise: worstOf(measured.map(({ noise }) => noise))
    }
  }
}
