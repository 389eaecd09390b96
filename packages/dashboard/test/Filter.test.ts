import { Filter } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"

const row: Filter.FilterRow = {
  id: "Scan-12",
  job: "Scan",
  key: "/photos/Beach 1.jpg",
  state: "Exited",
  exitStatus: "error",
  poolId: "Pool-3",
  error: "FileError: ENOENT, no such file",
  queuedAt: 1_000,
  delay: 0,
  startedAt: 3_500,
  finishedAt: 4_000
}
const context: Filter.MatchContext = { now: 10_000, poolName: (id) => id === "Pool-3" ? "import photos" : undefined }
const matches = (text: string, over: Partial<Filter.FilterRow> = {}) =>
  Filter.matches(Result.getOrThrow(Filter.parse(text)), { ...row, ...over }, context)
const issueOf = (text: string) => {
  const result = Filter.parse(text)
  assert.isTrue(Result.isFailure(result), text)
  return Result.isFailure(result) ? result.failure : undefined
}

describe("Filter", () => {
  it("matches by each field", () => {
    const yes = [
      "",
      "   ",
      "job:Scan",
      "job:scan",
      "job:S*n",
      "job:Other,Scan",
      "state:exited",
      "state:error",
      "state:queued,error",
      "pool:Pool-3",
      "pool:\"import photos\"",
      "pool:import*",
      "key:beach",
      "key:\"Beach 1\"",
      "error:enoent",
      "error:*",
      "wait:>1s",
      "wait:>=2.5s wait:<=2500ms",
      "wait:2s",
      "run:<1s",
      "run:>=500ms",
      "beach",
      "enoent",
      "scan-12",
      "-job:Other",
      "-state:queued,running",
      "job:Scan state:error -key:music wait:>1s"
    ]
    for (const text of yes) assert.isTrue(matches(text), text)
    const no = [
      "job:Sca",
      "job:Scan*1",
      "state:success",
      "pool:Pool",
      "key:music",
      "wait:>3s",
      "run:>1s",
      "-beach",
      "*x*"
    ]
    for (const text of no) assert.isFalse(matches(text), text)
  })

  it("measures what is still waiting or running until now", () => {
    const waiting = { state: "Queued", exitStatus: null, startedAt: null, finishedAt: null, error: null } as const
    assert.isTrue(matches("wait:>8s", waiting))
    assert.isFalse(matches("run:<1d", waiting))
    assert.isTrue(matches("run:>6s", { ...waiting, state: "Running", startedAt: 3_500 }))
    assert.isFalse(matches("error:*", waiting))
    assert.isTrue(matches("-error:*", waiting))
  })

  it("takes what is quoted as it is", () => {
    const hostile = [
      "a,b",
      "<script>alert(1)</script>",
      "say \"hi\" \\ *",
      "job:Scan",
      "__proto__",
      " ",
      "日本 語",
      "-x"
    ]
    for (const job of hostile) {
      const text = Filter.word("job", job)
      assert.isTrue(matches(text, { job }), text)
      assert.isFalse(matches(text), text)
    }
  })

  it("says what is wrong, and where", () => {
    assert.strictEqual(issueOf("job:Scan colour:red")?.at, 9)
    assert.include(issueOf("colour:red")?.issue, "colour")
    assert.include(issueOf("state:lost")?.issue, "lost")
    assert.include(issueOf("wait:soon")?.issue, ">1s")
    assert.include(issueOf("wait:>1s,>2s")?.issue, ">1s")
    assert.include(issueOf("job:")?.issue, "job:")
    assert.include(issueOf("job:a,")?.issue, "job:")
    assert.include(issueOf("key:\"open")?.issue, "quotation")
    assert.include(issueOf("key:\"open\\")?.issue, "quotation")
  })

  it("searches for addresses and lone signs", () => {
    assert.isTrue(matches("\"c:/photos\"", { key: "C:/photos/1" }))
    assert.isTrue(matches("-", { key: "a-b" }))
    assert.isTrue(matches("1:2", { key: "1:2" }))
  })

  it("writes a filter that reads back", () => {
    const text = "job:Scan  -state:exited   wait:>1s \"a b\""
    const filter = Result.getOrThrow(Filter.parse(text))
    assert.strictEqual(Filter.format(filter), "job:Scan -state:exited wait:>1s \"a b\"")
    assert.strictEqual(Filter.format(Result.getOrThrow(Filter.parse(Filter.format(filter)))), Filter.format(filter))
  })

  it("takes no longer for a hostile pattern", () => {
    const started = performance.now()
    assert.isFalse(matches(`key:${"*a".repeat(400)}*b`, { key: "a".repeat(100_000) }))
    assert.isBelow(performance.now() - started, 200)
  })
})
