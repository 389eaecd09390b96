import { Contract } from "@effect-tasks/dashboard"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const source = fileURLToPath(new URL("../src/", import.meta.url))

/** Everything that a module of this package imports, directly and through others. */
const importsOf = (
  file: string,
  seen = new Map<string, ReadonlyArray<string>>()
): ReadonlyMap<string, ReadonlyArray<string>> => {
  if (seen.has(file)) return seen
  const found = [...readFileSync(file, "utf8").matchAll(/^(?:import (?!type)[^"]*|export \* from )"(.+?)"/gm)].map((
    match
  ) => match[1])
  seen.set(file, found)
  for (const each of found) if (each.startsWith(".")) importsOf(fileURLToPath(new URL(each, `file://${file}`)), seen)
  return seen
}

describe("Contract", () => {
  it("runs in a browser: it knows neither Node nor the runtime", () => {
    for (const module of ["Contract.ts", "Filter.ts"]) {
      for (const [file, imports] of importsOf(`${source}${module}`)) {
        for (const each of imports) assert.match(each, /^(\.|effect\/)/, `${file} imports ${each}`)
      }
    }
  })

  it.effect("checks what it reads, field by field", () =>
    Effect.gen(function*() {
      const watch = Contract.DashboardRpcs.requests.get("watch")!
      const stream = watch.successSchema as unknown as { readonly success: Schema.Codec<Contract.Message, unknown> }
      const decode = Schema.decodeUnknownEffect(stream.success)
      assert.deepStrictEqual(yield* decode({ _tag: "Ready", seq: 1 }), { _tag: "Ready", seq: 1 })
      for (
        const wrong of [{ _tag: "Ready", seq: "1" }, { _tag: "Other" }, null, { _tag: "Rows", tasks: [{ id: 1 }] }]
      ) {
        assert.strictEqual((yield* Effect.flip(decode(wrong)))._tag, "SchemaError")
      }
    }))
})
