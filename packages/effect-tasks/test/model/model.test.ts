import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import { run } from "./driver.ts"
import { maxCommands, programs } from "./program.ts"

/** `PROGRAMS=100000 SEED=7 vitest run --config vitest.workspace.ts --project effect-tasks packages/effect-tasks/test/model` */
const { PROGRAMS, SEED } = process.env
const runs = Number(PROGRAMS ?? 1000)
/** The same programs at every run of the suite; others when more are asked for. */
const seed = Number(SEED ?? (PROGRAMS === undefined ? 1 : Math.floor(Math.random() * 2 ** 31)))

/** Programs grow with the runs up to this size; it is so much higher that only the first of them are short. */
const size = 8 * maxCommands

describe("Random programs", () => {
  it.live(
    "do what a plain sequential model of the rules says, after every step",
    () =>
      Effect.gen(function*() {
        const result = yield* Arbitrary.checkEffect(programs, run, {
          runs,
          seed,
          size,
          maxShrinks: 3000
        })
        if (result._tag === "Passed") return
        const after = "runs" in result ? ` after ${result.runs} programs` : ""
        const why = result._tag === "Falsified" && result.failure._tag === "PropertyError"
          ? result.failure.error.message
          : ""
        assert.fail(`SEED=${seed} PROGRAMS=${runs}: ${result._tag}${after}\n${why}`)
      }),
    1000 * runs
  )
})
