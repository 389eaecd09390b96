import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

const run = (path: string): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const child = execFile(process.execPath, [path], (error, stdout, stderr) => {
      resume(Effect.succeed({ code: error === null ? 0 : error.code, stdout, stderr }))
    })
    return Effect.sync(() => child.kill())
  })

describe("the first program", () => {
  // a child process, which TestClock does not rule
  it.live("runs as a user wrote it and prints its four lines", () =>
    Effect.gen(function*() {
      const ended = yield* run(fileURLToPath(new URL("fixtures/first-program.ts", import.meta.url)))
      assert.deepStrictEqual(ended, {
        code: 0,
        stdout: [
          `scanned 8 files; first progress {"discovered":3}`,
          "uploaded 11 bytes",
          "1 failed: IndexFile",
          "canceled: enough",
          ""
        ].join("\n"),
        stderr: ""
      })
    }), 30_000)
})
