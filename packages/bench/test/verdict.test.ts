import { assert, describe, it } from "@effect/vitest"
import { exponentOf, grows } from "../src/fit.ts"
import { estimate, interleave, quantile, ratio, type Series } from "../src/measure.ts"
import { judge, type Target } from "../src/result.ts"

const quiet = { mean: 0.05, worst: 0.1 }
const busy = { mean: 1, worst: 3 }

const target = (samples: ReadonlyArray<number>, bound: Target["bound"], unit: Target["unit"] = "times"): Target => ({
  name: "",
  unit,
  value: estimate(samples),
  bound
})

describe("a verdict", () => {
  it("is met or not when the middle half lies on one side of the target", () => {
    assert.strictEqual(judge(target([1, 1.1, 1.2], { atMost: 2 }), quiet), "met")
    assert.strictEqual(judge(target([3, 3.1, 3.2], { atMost: 2 }), quiet), "not met")
    assert.strictEqual(judge(target([3, 3.1, 3.2], { atLeast: 2 }), quiet), "met")
    assert.strictEqual(judge(target([1, 1.1, 1.2], { atLeast: 2 }), quiet), "not met")
  })

  it("is unclear when the target lies within the middle half", () => {
    assert.strictEqual(judge(target([1, 2, 3], { atMost: 2 }), quiet), "unclear")
  })

  it("is refused for times on a busy machine, and given for bytes and counts", () => {
    assert.strictEqual(judge(target([1], { atMost: 2 }), busy), "too noisy")
    assert.strictEqual(judge(target([1], { atMost: 2 }, "ms"), busy), "too noisy")
    assert.strictEqual(judge(target([1], { atMost: 2 }, "bytes"), busy), "met")
    assert.strictEqual(judge(target([3], { atMost: 2 }, "count"), undefined), "not met")
  })
})

describe("the figures", () => {
  it("take a ratio within each round, and one of the minima", () => {
    const series = (wall: ReadonlyArray<number>): Series => ({ name: "", size: 1, wall, cpu: wall })
    // the second round was slow for both
    const { best, median } = ratio(series([2, 20, 4]), series([1, 10, 1]))
    assert.strictEqual(median, 2)
    assert.strictEqual(best, 2)
  })

  it("interpolate quantiles", () => {
    assert.strictEqual(quantile([4, 1, 3, 2], 0.5), 2.5)
    assert.strictEqual(quantile([1], 0.9), 1)
  })

  it("find the exponent of a power", () => {
    const points = (exponent: number) => [1, 10, 100, 1_000].map((x) => ({ x, nanos: 50 * x ** exponent }))
    assert.approximately(exponentOf(points(0)), 0, 1e-9)
    assert.approximately(exponentOf(points(0.5)), 0.5, 1e-9)
    assert.isFalse(grows({ allowed: 0, exponent: exponentOf(points(0.1)) }))
    assert.isTrue(grows({ allowed: 0, exponent: exponentOf(points(0.5)) }))
    assert.isFalse(grows({ allowed: 1, exponent: exponentOf(points(1)) }))
  })
})

describe("a measurement", () => {
  it("gives each subject its turn in every round, which begins with another one than the last", async () => {
    let order = ""
    const subjects = ["a", "b", "c"].map((name) => ({
      name,
      size: 1,
      run: async () => {
        order += name
      }
    }))
    const { series } = await interleave(subjects, 4, 1)
    assert.strictEqual(order, "abcbcacababcbca")
    assert.deepStrictEqual(series.map(({ name, wall }) => [name, wall.length]), [["a", 4], ["b", 4], ["c", 4]])
  })
})
