import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Ref } from "effect"
import { TestClock } from "effect/testing"
import { Writable } from "node:stream"
import { stripVTControlCharacters } from "node:util"
import * as TerminalView from "../src/TerminalView.ts"

const state: TerminalView.ViewState = {
  root: "/photos",
  discovering: false,
  total: 12_000,
  done: 3_000,
  bytes: 30_000_000,
  elapsedMillis: 10_000,
  allFound: { elapsedMillis: 0, done: 0 },
  jobs: [
    { name: "ScanFolder", queued: 3, running: 1, waiting: 20, done: 400, failed: 0, canceled: 0 },
    { name: "IndexFile", queued: 9_000, running: 1, waiting: 0, done: 3_000, failed: 2, canceled: 0 }
  ],
  running: [
    { job: "ScanFolder", what: "holidays/2024", millis: 40 },
    { job: "IndexFile", what: "holidays/2024/a-film.mp4", millis: 3_210 }
  ],
  failures: [{ path: "broken.png", reason: "not a readable image" }]
}

const plain = { width: 80, height: 24, color: false }

const timeLeft = (changes: Partial<TerminalView.ViewState>) =>
  TerminalView.renderPlain({ ...state, ...changes }).split(", ").at(1)

describe("TerminalView", () => {
  it("draws the bar, the jobs and what is running", () => {
    assert.deepStrictEqual(TerminalView.render(state, plain), [
      "Indexing /photos",
      "██░░░░░░░░ 3,000/12,000 files, 30.0 s left, 300 files/s, 3 MB/s, 10.0 s",
      "  ScanFolder     1 running · 20 waiting · 3 queued · 400 done · 0 failed",
      "  IndexFile      1 running · 0 waiting · 9,000 queued · 3,000 done · 2 failed",
      "  ScanFolder holidays/2024 (0.0 s)",
      "  IndexFile holidays/2024/a-film.mp4 (3.2 s)"
    ])
  })

  it("tells the time left only when the total is known", () => {
    assert.strictEqual(timeLeft({}), "30.0 s left")
    assert.strictEqual(timeLeft({ allFound: { elapsedMillis: 9_000, done: 2_000 } }), "9.0 s left")
    assert.strictEqual(timeLeft({ discovering: true }), "still finding files")
    assert.strictEqual(timeLeft({ done: 0 }), "time left unknown")
    assert.strictEqual(timeLeft({ done: 12_000 }), "done")
  })

  it("tells how the run has ended", () => {
    const nothing = { ...state, total: 0, done: 0 }
    const canceled = { ...state, jobs: state.jobs.map((job) => ({ ...job, canceled: 2 })) }
    assert.include(TerminalView.renderPlain(nothing, "interrupted"), "0/0 files, interrupted, ")
    assert.include(TerminalView.renderPlain(nothing, "ended"), "0/0 files, done, ")
    assert.include(TerminalView.renderPlain(canceled, "ended"), "3,000/12,000 files, some cancelled, ")
    assert.include(TerminalView.render(canceled, { ...plain, width: 100 })[2], "0 failed · 2 cancelled")
  })

  it("keeps the line that matters where there is little room", () => {
    const small = { width: 30, height: 3, color: false }
    assert.deepStrictEqual(TerminalView.render(state, small), [
      "Indexing /photos",
      "3,000/12,000 files, 30.0 s le…",
      "  ScanFolder     1 running · …"
    ])
    assert.deepStrictEqual(TerminalView.render(state, { ...small, height: 1 }), ["3,000/12,000 files, 30.0 s le…"])
  })

  it("keeps the end of a path", () => {
    const deep = {
      ...state,
      root: "/home/somebody/pictures/2024",
      running: [{ ...state.running[1]!, what: "2024/x/y/film.mp4" }]
    }
    const lines = TerminalView.render(deep, { ...plain, width: 34 })
    assert.strictEqual(lines[0], "Indexing …e/somebody/pictures/2024")
    assert.strictEqual(lines.at(-1), "  IndexFile …/x/y/film.mp4 (3.2 s)")
  })

  it("draws an empty start", () => {
    const empty = { ...state, total: 0, done: 0, bytes: 0, elapsedMillis: 0, discovering: true, jobs: [], running: [] }
    assert.deepStrictEqual(TerminalView.render(empty, { ...plain, width: 100 }), [
      "Indexing /photos",
      "░░░░░░░░░░░░░░░░░░░░░░░░ 0/0+ files, still finding files, 0 files/s, 0 B/s, 0.0 s"
    ])
  })

  it("keeps every line within the width, wide characters and colours included", () => {
    const wide = { ...state, running: [{ job: "IndexFile", what: "猫".repeat(100), millis: 1 }] }
    for (const line of TerminalView.render(wide, { width: 40, height: 24, color: true })) {
      assert.isAtMost(widthOf(stripVTControlCharacters(line)), 40)
    }
  })

  it("has colours only where they are wanted", () => {
    assert.include(TerminalView.render(state, { ...plain, color: true }).join(), "\u001b[")
    assert.notInclude(TerminalView.render(state, plain).join(), "\u001b[")
  })

  it.effect("writes a plain line every two seconds where there is no terminal, and each failure once", () =>
    Effect.gen(function*() {
      const { stream, written } = output({ isTTY: false })
      const current = yield* Ref.make({ ...state, failures: [] as TerminalView.ViewState["failures"] })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* TerminalView.show(Ref.get(current), stream, true, Effect.never)
        yield* TestClock.adjust("1 second")
        yield* Ref.set(current, { ...state, done: 6_000 })
        yield* TestClock.adjust("2 seconds")
        yield* Ref.set(current, { ...state, done: 12_000 })
      }))
      assert.deepStrictEqual(written().trim().split("\n"), [
        "3,000/12,000 files, 30.0 s left, 300 files/s, 3 MB/s, 10.0 s, 0 failures",
        "✗ broken.png: not a readable image",
        "6,000/12,000 files, 10.0 s left, 600 files/s, 3 MB/s, 10.0 s, 1 failure",
        "12,000/12,000 files, done, 1,200 files/s, 3 MB/s, 10.0 s, 1 failure"
      ])
    }))

  it.effect("says once that the run is being stopped, and at the end that it was interrupted", () =>
    Effect.gen(function*() {
      const { stream, written } = output({ isTTY: false })
      const stopping = yield* Deferred.make<void>()
      const run = Effect.scoped(
        Effect.andThen(
          TerminalView.show(Effect.succeed(state), stream, false, Deferred.await(stopping)),
          Effect.never
        )
      )
      const fiber = yield* Effect.forkChild(run)
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(stopping, undefined)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.lengthOf(written().match(/Stopping; what is indexed is kept/g)!, 1)
      assert.match(written(), /files, interrupted, .*\n$/)
    }))

  it.effect("cuts a long failure to the width of the terminal", () =>
    Effect.gen(function*() {
      const { stream, written } = output({ isTTY: true, columns: 40, rows: 30 })
      const failing = { ...state, failures: [{ path: `${"deep/".repeat(20)}broken.png`, reason: "permission denied" }] }
      yield* Effect.scoped(TerminalView.show(Effect.succeed(failing), stream, false, Effect.never))
      assert.include(stripVTControlCharacters(written()), "✗ …ep/deep/broken.png: permission denied\n")
    }))

  it.effect("redraws in place on a terminal, with failures above, and leaves the last state", () =>
    Effect.gen(function*() {
      const { stream, written } = output({ isTTY: true, columns: 100, rows: 30 })
      const current = yield* Ref.make({ ...state, failures: [] as TerminalView.ViewState["failures"] })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* TerminalView.show(Ref.get(current), stream, false, Effect.never)
        yield* TestClock.adjust("100 millis")
        yield* Ref.set(current, state)
        yield* TestClock.adjust("100 millis")
        yield* Ref.set(current, { ...state, done: 12_000 })
      }))
      const text = stripVTControlCharacters(written())
      assert.strictEqual(text.split("✗ broken.png: not a readable image\n").length, 2)
      assert.include(text.slice(text.indexOf("✗")), "3,000/12,000 files")
      assert.include(text.slice(text.lastIndexOf("█".repeat(24))), "12,000/12,000 files")
    }))
})

const output = (terminal: { readonly isTTY: boolean, readonly columns?: number, readonly rows?: number }) => {
  const chunks: Array<string> = []
  const stream = new Writable({
    write: (chunk, _, done) => {
      chunks.push(String(chunk))
      done()
    }
  })
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, written: () => chunks.join("") }
}

const widthOf = (text: string): number =>
  Array.from(text).reduce((sum, character) => sum + (character === "猫" ? 2 : 1), 0)
