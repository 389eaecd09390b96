import { Dashboard } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { app, ask, token } from "./support.ts"

const compared: Array<readonly [number, number]> = []
let answer: boolean | undefined

vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>()
  return {
    ...crypto,
    timingSafeEqual: (a: Uint8Array, b: Uint8Array) => {
      compared.push([a.length, b.length])
      return answer ?? crypto.timingSafeEqual(a, b)
    }
  }
})

describe("the comparison with the token", () => {
  it.effect("takes constant time wherever the token comes from, and tells not even its length", () =>
    Effect.gen(function*() {
      const { address } = yield* Dashboard
      const cookie = `effect-tasks-${new URL(address).port}=x`
      for (
        const [path, headers] of [
          ["/?token=x", {}],
          [`/?token=${token}x`, {}],
          ["/", { authorization: "Bearer x" }],
          ["/", { authorization: `Bearer ${token.slice(0, -1)}` }],
          ["/", { cookie }],
          ["/", {}]
        ] as const
      ) {
        compared.length = 0
        assert.strictEqual((yield* ask(path, { headers })).status, 401)
        assert.isNotEmpty(compared)
        for (const lengths of compared) assert.deepStrictEqual(lengths, [32, 32])
      }
    }).pipe(Effect.provide(app())))

  it.effect("alone decides", () =>
    Effect.gen(function*() {
      answer = true
      assert.strictEqual((yield* ask("/", { headers: { authorization: "Bearer wrong" } })).status, 200)
      answer = false
      assert.strictEqual((yield* ask("/", { headers: { authorization: `Bearer ${token}` } })).status, 401)
      assert.strictEqual((yield* ask(`/?token=${token}`)).status, 401)
    }).pipe(Effect.ensuring(Effect.sync(() => answer = undefined)), Effect.provide(app())))
})
