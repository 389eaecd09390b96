/** What users give, checked before anything starts. A refusal names the option, its value and the mend. */
import * as Duration from "effect/Duration"
import type { Options } from "../Threads.ts"

const refuse = (option: string, value: unknown, mend: string): never => {
  throw new Error(`Threads: ${option} cannot be ${String(value)}; ${mend}`)
}

const toCount = (least: number) => (value: unknown, option: string): number => {
  const fits = typeof value === "number" && value >= least && (Number.isInteger(value) || value === Infinity)
  return fits ? value : refuse(option, value, `give an integer of at least ${least}`)
}

const toMillis = (value: unknown, option: string): number => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some"
    ? Math.max(0, Duration.toMillis(duration.value))
    : refuse(option, value, `give milliseconds or a duration such as "30 seconds"`)
}

const checks = { size: toCount(1), gracePeriod: toMillis, timeToLive: toMillis, warm: toCount(0) }

const usual = (): Required<Options> => ({
  size: globalThis.navigator?.hardwareConcurrency ?? 4,
  gracePeriod: "1 second",
  timeToLive: "1 minute",
  warm: 0
})

/** Durations in milliseconds. */
export const read = (options: Options): { readonly [Name in keyof Required<Options>]: number } => {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(checks, name))
  if (unknown !== undefined) refuse(unknown, "an option", `there are only ${Object.keys(checks).join(", ")}`)
  const given = usual()
  const value = (name: keyof Options) => checks[name](options[name] ?? given[name], name)
  return {
    size: value("size"),
    gracePeriod: value("gracePeriod"),
    timeToLive: value("timeToLive"),
    warm: value("warm")
  }
}
