/**
 * How everything here is timed: whole rounds in which every subject has its turn, never one subject after the other, so
 * that a noisy minute hits all of them; medians of ratios within a round; and a calibration loop that says how noisy it was.
 */
import { createHash } from "node:crypto"
import { setImmediate as nextTurn } from "node:timers/promises"

/** Something to time. `before` and `after` are not timed. */
export interface Subject {
  readonly name: string
  /** How many operations one run does. */
  readonly size: number
  readonly run: () => Promise<unknown>
  readonly before?: (() => Promise<unknown>) | undefined
  readonly after?: (() => Promise<unknown>) | undefined
}

/** Nanoseconds per operation, one of each for every round. */
export interface Series {
  readonly name: string
  readonly size: number
  readonly wall: ReadonlyArray<number>
  readonly cpu: ReadonlyArray<number>
}

/** By how much a fixed loop exceeded its own minimum during the measurement: the mean is what a long sample sees. */
export interface Noise {
  readonly mean: number
  readonly worst: number
}

export interface Measured {
  readonly series: ReadonlyArray<Series>
  readonly noise: Noise
}

/** The middle of some figures and where the middle half of them lies. */
export interface Estimate {
  readonly median: number
  readonly low: number
  readonly high: number
  /** The same from the minima, which other programs disturb least. */
  readonly best: number
}

/** Runs and records one sample. */
export type Time = (name: string, size: number, run: () => Promise<unknown>) => Promise<void>

export const quantile = (numbers: ReadonlyArray<number>, q: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1)
}

export const median = (numbers: ReadonlyArray<number>): number => quantile(numbers, 0.5)
export const least = (numbers: ReadonlyArray<number>): number => Math.min(...numbers)

/** Where figures lie. */
export const estimate = (numbers: ReadonlyArray<number>): Estimate => ({
  median: median(numbers),
  low: quantile(numbers, 0.25),
  high: quantile(numbers, 0.75),
  best: least(numbers)
})

/** How many times what `below` takes `above` takes, round by round. */
export const ratio = (above: Series, below: Series, clock: "wall" | "cpu" = "wall"): Estimate => ({
  ...estimate(above[clock].map((value, round) => value / below[clock][round]!)),
  best: least(above[clock]) / least(below[clock])
})

export const seriesOf = ({ series }: Measured, name: string): Series => {
  const found = series.find((one) => one.name === name)
  if (found === undefined) throw new Error(`nothing measured under the name ${name}`)
  return found
}

const block = Buffer.alloc(16_384)

/** Milliseconds of a loop that does the same every time; in native code, since V8 compiles its own anew when it likes. */
const calibrate = (): number => {
  const start = performance.now()
  const hash = createHash("sha256")
  for (let i = 0; i < 128; i++) hash.update(block)
  hash.digest()
  return performance.now() - start
}

const noiseOf = (loops: ReadonlyArray<number>): Noise => ({
  mean: loops.reduce((sum, loop) => sum + loop, 0) / loops.length / least(loops) - 1,
  worst: quantile(loops, 0.9) / least(loops) - 1
})

/** The noise of several measurements in a row. */
export const worstOf = (noises: ReadonlyArray<Noise>): Noise => ({
  mean: Math.max(...noises.map(({ mean }) => mean)),
  worst: Math.max(...noises.map(({ worst }) => worst))
})

/** The same in the same order, but beginning with another one each round. */
export const rotated = <A>(all: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const first = round % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}

/** Calls `round` so many times after the warm-ups, and gathers what it times. */
export const measure = async (
  rounds: number,
  warmups: number,
  round: (time: Time, index: number) => Promise<void>
): Promise<Measured> => {
  const series = new Map<string, { size: number, wall: Array<number>, cpu: Array<number> }>()
  const loops: Array<number> = []
  for (let i = 0; i < 3; i++) calibrate()
  for (let index = -warmups; index < rounds; index++) {
    await round(async (name, size, run) => {
      const before = [calibrate(), calibrate()]
      await nextTurn()
      const cpu = process.cpuUsage()
      const start = performance.now()
      await run()
      const wall = performance.now() - start
      const { system, user } = process.cpuUsage(cpu)
      if (index < 0) return
      loops.push(...before)
      const samples = series.get(name) ?? { size, wall: [], cpu: [] }
      samples.wall.push((wall * 1e6) / size)
      samples.cpu.push(((user + system) * 1e3) / size)
      series.set(name, samples)
    }, index)
  }
  return { series: [...series].map(([name, samples]) => ({ name, ...samples })), noise: noiseOf(loops) }
}

/**
 * Times every subject in every round, each round beginning with another one. The compiler needs about ten rounds before
 * figures settle. Nobody asks for collections in between: V8 would make the young generation small each time, at the cost
 * of whoever keeps what it makes.
 */
export const interleave = async (
  subjects: ReadonlyArray<Subject>,
  rounds: number,
  warmups = 10
): Promise<Measured> => {
  const measured = await measure(rounds, warmups, async (time, index) => {
    for (const { after, before, name, run, size } of rotated(subjects, index + warmups)) {
      await before?.()
      await time(name, size, run)
      await after?.()
    }
  })
  return { ...measured, series: subjects.map(({ name }) => seriesOf(measured, name)) }
}
