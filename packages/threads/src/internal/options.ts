/** What users give, checked before anything starts. A refusal names the option, its value and the mend. */
import { Limit } from "effect-tasks"
import * as Duration from "effect/Duration"
import type { Options } from "../Threads.ts"

const refuse = (option: string, value: unknown, mend: string): never => {
  throw new Error(`Threads: ${option} cannot be ${String(value)}; ${mend}`)
}

const toCount = (least: number) => (value: unknown, option: string): number =>
  Number.isInteger(value) && (value as number) >= least
    ? value as number // an integer
    : refuse(option, value, `give an integer of at least ${least}`)

const toSize = (value: unknown, option: string): Limit.Limit =>
  typeof value === "object" && value !== null && "~effect-tasks/Limit" in value
    ? value as Limit.Limit // by its mark
    : Limit.permits(toCount(1)(value, option))

const toMillis = (value: unknown, option: string): number => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some"
    ? Math.max(0, Duration.toMillis(duration.value))
    : refuse(option, value, `give milliseconds or a duration such as "30 seconds"`)
}

const checks = { size: toSize, gracePeriod: toMillis, timeToLive: toMillis, warm: toCount(0) }

const usual = (): Required<Options> => ({
  size: globalThis.navigator?.hardwareConcurrency ?? 4,
  gracePeriod: "1 second",
  timeToLive: "1 minute",
  warm: 0
})

type Read = { readonly [Name in keyof typeof checks]: ReturnType<typeof checks[Name]> }

/** Durations in milliseconds. */
export const read = (options: Options): Read => {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(checks, name))
  if (unknown !== undefined) refuse(unknown, "an option", `there are only ${Object.keys(checks).join(", ")}`)
  const given = usual()
  const value = <Name extends keyof Read>(name: Name) => checks[name](options[name] ?? given[name], name) as Read[Name]
  return {
    size: value("size"),
    gracePeriod: value("gracePeriod"),
    timeToLive: value("timeToLive"),
    warm: value("warm")
  }
}
