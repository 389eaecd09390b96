/** What a case gives, as plain data: it crosses from the process of the case to the one that reports. */
import type { Estimate, Noise } from "./measure.ts"

/** What a figure is counted in; `times` is a ratio. */
export type Unit = "times" | "percent" | "µs" | "ms" | "bytes" | "MB" | "count"

/** A row of the target table. */
export interface Target {
  readonly name: string
  readonly unit: Unit
  readonly value: Estimate
  /** The same ratio in CPU time, where there is one. */
  readonly cpu?: number | undefined
  readonly bound: { readonly atMost: number } | { readonly atLeast: number }
  /** A bound that has been kept for long, below the targets. */
  readonly further?: boolean
}

/** `unclear`: the bound lies within the middle half of the samples. */
export type Verdict = "met" | "not met" | "unclear" | "too noisy"

export interface Table {
  readonly title: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly notes?: ReadonlyArray<string> | undefined
}

/** One bar of the chart of peers. */
export interface Bar {
  readonly cell: string
  readonly name: string
  readonly nanos: number
  /** How many times this effect-tasks takes. */
  readonly times: number
}

/** How a cost per task develops, and the exponent up to which that is right. */
export interface Curve {
  readonly name: string
  readonly points: ReadonlyArray<{ readonly x: number, readonly nanos: number }>
  readonly exponent: number
  readonly allowed: number
}

export interface Result {
  readonly targets?: ReadonlyArray<Target> | undefined
  readonly tables?: ReadonlyArray<Table> | undefined
  readonly bars?: ReadonlyArray<Bar> | undefined
  readonly curves?: ReadonlyArray<Curve> | undefined
  /** Nothing where counts and bytes are measured, which noise does not touch. */
  readonly noise?: Noise | undefined
}

export interface Options {
  readonly rounds: number
  readonly full: boolean
}

export interface Case {
  readonly name: string
  readonly about: string
  /** Whether it is rows of the target table. */
  readonly target?: boolean
  readonly run: (options: Options) => Promise<Result>
}

/** Above this the calibration loop says that the machine had other things to do. */
const tooNoisy = 0.25

const counted: ReadonlyArray<Unit> = ["bytes", "MB", "count"]

export const isTooNoisy = (noise: Noise | undefined): boolean => noise !== undefined && noise.mean > tooNoisy

export const judge = ({ bound, unit, value: { high, low } }: Target, noise: Noise | undefined): Verdict => {
  if (!counted.includes(unit) && isTooNoisy(noise)) return "too noisy"
  const [sure, hopeless] = "atMost" in bound
    ? [high <= bound.atMost, low > bound.atMost]
    : [low >= bound.atLeast, high < bound.atLeast]
  return sure ? "met" : hopeless ? "not met" : "unclear"
}
