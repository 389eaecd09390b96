import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Bytes, Increment, Moved } from "../fixtures/jobs.ts"
import { long, onThreads } from "../support.ts"

describe("T9 bytes", { timeout: long }, () => {
  it.live("a payload is copied: it is needed again", () =>
    onThreads(Effect.gen(function*() {
      const bytes = new Uint8Array(1 << 20).fill(7)
      const task = yield* Bytes.dispatch({ bytes })
      const result = yield* task.await
      assert.deepStrictEqual([result.first, result.bytes.byteLength, result.bytes[99]], [7, 1 << 20, 7])
      assert.strictEqual(bytes.byteLength, 1 << 20)
      assert.strictEqual(task.payload.bytes.byteLength, 1 << 20)
      const again = yield* Effect.flatMap(task.recompute, (task) => task.await)
      assert.strictEqual(again.first, 7)
    })))

  it.live("what a handler gives away is moved: it has it no longer", () =>
    onThreads(Effect.gen(function*() {
      const task = yield* Moved.dispatch({ size: 1000 })
      const progress = yield* Stream.runLast(task.progress)
      assert.strictEqual(yield* task.await, 0)
      assert.deepStrictEqual(progress._tag === "Some" ? progress.value : undefined, new Uint8Array(1000).fill(1))
    })))

  it.live("what cannot be moved is copied: small Buffers of Node share their memory", () =>
    onThreads(Effect.gen(function*() {
      assert.deepStrictEqual((yield* Bytes.run({ bytes: new Uint8Array() })).bytes, new TextEncoder().encode("pooled"))
    })))

  it.live("shared memory is shared", () =>
    onThreads(Effect.gen(function*() {
      const memory = new SharedArrayBuffer(4)
      yield* Effect.forEach([1, 2, 3, 4], () => Increment.run({ memory }), { concurrency: 2 })
      assert.strictEqual(new Int32Array(memory)[0], 4)
    })))
})
