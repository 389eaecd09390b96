import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { soak } from "./soak/soak.ts"

describe("threads that run for long", () => {
  it.live("lose, miscount and keep nothing: a share of `npm run soak:threads`", () =>
    Effect.map(
      soak({ tasks: 2_000, mixed: 150, terminated: 20, seed: 7 }, () => {}),
      (problems) => assert.deepStrictEqual(problems, [])
    ), 120_000)
})
