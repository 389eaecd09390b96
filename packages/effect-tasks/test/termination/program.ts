/**
 * Random programs that must end by themselves. A program is a list of scripts; the first is that of the driver, each other one
 * is what a task does. A script dispatches only later scripts, so no program goes on for ever.
 */
import { Arbitrary, Schema } from "effect"
import { type JobName, jobNames } from "../model/jobs.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Small = int(0, 11)

/** What a step does, and how often it comes; shrinking goes towards the first. */
const deeds = {
  Yield: 3,
  Dispatch: 18,
  Await: 6,
  AwaitAny: 2,
  AwaitAll: 4,
  JoinFibers: 4,
  MakePool: 4,
  Join: 3,
  Settled: 2,
  Seal: 1,
  Use: 2,
  Nested: 2,
  Run: 2,
  Sleep: 3,
  Report: 2,
  ReadProgress: 1,
  FirstProgress: 1,
  ReadChanges: 1,
  Send: 2,
  Receive: 1,
  SetTimeout: 1,
  Drain: 1,
  DispatchAll: 3,
  ResizePool: 1,
  PauseJob: 1,
  Snooze: 2
} as const

/** What cuts short what others do. */
const cuts = {
  Cancel: 4,
  CancelAny: 3,
  CancelPool: 3,
  InterruptRun: 4,
  InterruptFibers: 2,
  Recompute: 2,
  Resize: 1
} as const

export type Deed = keyof typeof deeds | keyof typeof cuts

/** How a step is done. */
const ways = {
  plainly: 14,
  forked: 6,
  forkedInScope: 2,
  forkedAndMasked: 3,
  acquiring: 2,
  masked: 2,
  sleeping: 2,
  limited: 2,
  finalizing: 2,
  onExit: 2,
  onFailure: 1,
  finalizingPool: 1
} as const
type Way = keyof typeof ways

const weighted = <Name extends string>(weights: { readonly [N in Name]: number }): ReadonlyArray<Name> =>
  (Object.keys(weights) as Array<Name>).flatMap((name) => Array.from({ length: weights[name] }, () => name)) // its own keys

const allWays = weighted(ways)

/** `WITHOUT=Send,Drain` leaves some deeds out: to look past what is known to be wrong. */
const without = new Set(process.env["WITHOUT"]?.split(","))

/** Jobs whose tasks share slots, permits and keys are drawn more often. */
const quiet: ReadonlyArray<JobName> = jobNames.filter((name) => name !== "Reject" && name !== "Supersede")
const sharing: ReadonlyArray<JobName> = [...jobNames, "Join", "Join", "Join", "Join", "Kept", "Latest"]

export interface Step {
  readonly deed: Deed
  readonly way: Way
  readonly job: JobName
  readonly key: string
  /** Which later script a dispatched task follows, and which task or pool is meant. */
  readonly target: number
  readonly n: number
  /** Which pool a dispatch goes into: none, the newest of this script, or any. */
  readonly into: number
  /** Whether a failure ends the script. */
  readonly through: boolean
}

interface Script {
  readonly outcome: "success" | "fail" | "die"
  readonly steps: ReadonlyArray<Step>
}

export interface Program {
  readonly workers: number
  /** The schedule. */
  readonly seed: number
  /** The worker pool is closed without waiting for anything. */
  readonly close: boolean
  readonly scripts: ReadonlyArray<Script>
}

const outcomes = ["success", "success", "success", "fail", "fail", "die"] as const

const programsOf = (drawn: ReadonlyArray<Deed>, jobs: ReadonlyArray<JobName>, close: boolean) => {
  const deeds = drawn.filter((deed) => !without.has(deed))
  const Drawn = Schema.Struct({
    deed: int(0, deeds.length - 1),
    way: int(0, allWays.length - 1),
    job: int(0, jobs.length - 1),
    key: int(0, 3),
    target: Small,
    n: Small,
    into: int(0, 3),
    through: int(0, 3)
  })
  const DrawnProgram = Schema.Struct({
    workers: int(1, 4),
    seed: int(0, 99_999),
    close: int(0, close ? 3 : 0),
    scripts: Schema.Array(Schema.Struct({
      outcome: int(0, outcomes.length - 1),
      steps: Schema.Array(Drawn).check(Schema.isMinLength(3), Schema.isMaxLength(maxSteps))
    })).check(Schema.isMinLength(3), Schema.isMaxLength(maxScripts))
  })
  return Arbitrary.map(Arbitrary.schema(DrawnProgram), ({ close, scripts, seed, workers }): Program => ({
    workers,
    seed,
    close: close === 3,
    scripts: scripts.map(({ outcome, steps }) => ({
      outcome: outcomes[outcome]!,
      steps: steps.map(({ deed, into, job, key, n, target, through, way }) => ({
        deed: deeds[deed]!,
        way: allWays[way]!,
        job: jobs[job]!,
        key: key < 3 ? "a" : "b",
        target,
        n,
        into,
        through: through === 3
      }))
    }))
  }))
}

const maxScripts = 7
export const maxSteps = 8

/** Programs in which nobody cancels anything. */
export const programs = programsOf(weighted(deeds), quiet, false)

/** Programs in which much is shared, and anything may be cancelled at any time. */
export const programsWithCancels = programsOf([...weighted(deeds), ...weighted(cuts)], sharing, true)

/** A program as a person reads it. */
export const describe = ({ scripts, ...rest }: Program): string =>
  [
    JSON.stringify(rest),
    ...scripts.flatMap(({ outcome, steps }, number) => [
      `script ${number}: ${outcome}`,
      ...steps.filter(({ deed }) => deed !== "Yield").map(({ deed, into, job, key, n, target, through, way }) =>
        `  ${way} ${deed} ${job} ${key} target ${target}, n ${n}, into ${into}${through ? ", through" : ""}`
      )
    ])
  ].join("\n")
