/** How the page writes numbers and times. */
import { assert, describe, it } from "@effect/vitest"
import { duration, short, shorten } from "../web/src/model/format.ts"

describe("a duration", () => {
  for (
    const [millis, text] of [
      [0, "0 ms"],
      [0.4, "<1 ms"],
      [999.4, "999 ms"],
      [999.6, "1 s"],
      [1_000, "1 s"],
      [9_940, "9.9 s"],
      [9_960, "10 s"],
      [59_400, "59 s"],
      [59_600, "1 m 00 s"],
      [3_599_600, "1 h 00 m"],
      [3_600_000 * 47 + 59.6 * 60_000, "2 d 0 h"]
    ] as const
  ) {
    it(`of ${millis} ms is "${text}"`, () => assert.strictEqual(duration(millis), text))
  }
})

describe("a count", () => {
  for (
    const [value, text] of [
      [999, "999"],
      [999.6, "1k"],
      [9_949, "9.9k"],
      [9_951, "10k"],
      [999_400, "999k"],
      [999_600, "1M"]
    ] as const
  ) {
    it(`of ${value} is "${text}"`, () => assert.strictEqual(short(value), text))
  }
})

describe("a long name", () => {
  it("is cut in the middle, and never inside of what one sees as a character", () => {
    assert.strictEqual(shorten("/a/very/long/path/to/end.jpg", 15), "/a/very…end.jpg")
    const family = "👩‍👩‍👧‍👦"
    assert.strictEqual(shorten(family.repeat(4), 3), `${family}…${family}`)
    assert.strictEqual(shorten("שלום", 10), "שלום")
  })
})
