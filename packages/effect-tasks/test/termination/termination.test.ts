import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import { maxSteps, type Program, programs, programsWithCancels } from "./program.ts"
import { run } from "./run.ts"

/** `RUNS=100000 SEED=7 vitest run --config vitest.workspace.ts --project effect-tasks packages/effect-tasks/test/termination` */
const { RUNS, SEED } = process.env
const runs = Number(RUNS ?? 3000)
/** The same programs at every run of the suite; others when more are asked for. */
const seed = Number(SEED ?? (RUNS === undefined ? 1 : Math.floor(Math.random() * 2 ** 31)))

/** Programs grow with the runs up to this size; it is so much higher that only the first of them are short. */
const size = 100 * maxSteps

const check = (programs: Arbitrary.Arbitrary<Program>) =>
  Effect.gen(function*() {
    let failed = false
    const property = (program: Program) =>
      // while a program is made smaller each gets several schedules
      Effect.tapError(run(program, failed ? 10 : 1), () => Effect.sync(() => (failed = true)))
    const result = yield* Arbitrary.checkEffect(programs, property, { runs, seed, size, maxShrinks: 3000 })
    if (result._tag === "Passed") return
    const after = "runs" in result ? ` after ${result.runs} programs` : ""
    const why = result._tag === "Falsified" && result.failure._tag === "PropertyError"
      ? result.failure.error.message
      : ""
    assert.fail(`SEED=${seed} RUNS=${runs}: ${result._tag}${after}\n${why}`)
  })

describe("Termination", () => {
  it.live(
    "programs in which nobody cancels anything end by themselves, with any number of workers",
    () => check(programs),
    1000 * runs
  )
  it.live(
    "programs that share much end when anything is cancelled at any time",
    () => check(programsWithCancels),
    1000 * runs
  )
})
