/** The pulse over a minute, five minutes and an hour: the server keeps it, and the page goes on with it. It runs in a browser too. */
import type { History, Pulse } from "../Rows.ts"
import { series } from "./limits.ts"

/** Adds one sample, and those that become whole with it. */
export const record = (history: History, sample: Pulse): History => {
  const [seconds, fives, minutes] = history
  return [
    latest([...seconds, sample]),
    thinned(fives, seconds, sample, series.seconds[1]),
    thinned(minutes, seconds, sample, series.seconds[2])
  ]
}

export const noHistory: History = [[], [], []]

const latest = (samples: ReadonlyArray<Pulse>): ReadonlyArray<Pulse> => samples.slice(-series.points)

/** What the seconds since the last longer sample have in common, once there are enough of them. */
const thinned = (
  longer: ReadonlyArray<Pulse>,
  seconds: ReadonlyArray<Pulse>,
  sample: Pulse,
  length: number
): ReadonlyArray<Pulse> => {
  const slot = (at: number) => Math.floor(at / 1_000 / length)
  const before = seconds.at(-1)
  if (before === undefined || slot(before.at) === slot(sample.at)) return longer
  return latest([...longer, summary(seconds.filter(({ at }) => slot(at) === slot(before.at)), sample.at)])
}

const means = ["busy", "sleeping", "free", "queued", "delayed", "utilization", "rate", "heapUsed"] as const
const worst = ["loopDelayMean", "loopDelayP99"] as const

const summary = (samples: ReadonlyArray<Pulse>, at: number): Pulse => {
  const last = { ...samples.at(-1)!, at }
  for (const field of means) {
    const values = samples.flatMap((sample) => sample[field] ?? [])
    if (values.length > 0) last[field] = values.reduce((sum, value) => sum + value, 0) / values.length
  }
  for (const field of worst) last[field] = Math.max(...samples.map((sample) => sample[field]))
  const p99 = (field: "waitP99" | "runP99") => {
    const values = samples.flatMap(({ times }) => times[field] ?? [])
    return values.length === 0 ? null : Math.max(...values)
  }
  return { ...last, times: { ...last.times, waitP99: p99("waitP99"), runP99: p99("runP99") } }
}
