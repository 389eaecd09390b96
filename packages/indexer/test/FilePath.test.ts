import { assert, describe, it } from "@effect/vitest"
import * as FilePath from "../src/FilePath.ts"

const folder = FilePath.resolve("/", "/folder")
const entry = (...bytes: ReadonlyArray<string | number>) =>
  Buffer.concat(bytes.map((part) => typeof part === "string" ? Buffer.from(part) : Buffer.from([part])))

const names: ReadonlyArray<readonly [name: Buffer, escaped: string]> = [
  [entry("plain.txt"), "plain.txt"],
  [entry("smörgås 猫 🐈.txt"), "smörgås 猫 🐈.txt"],
  [entry("100% & 50%-a"), "100% & 50%-a"],
  [entry("caf", 0xe9, ".txt"), "caf%E9.txt"],
  [entry("caf%E9.txt"), "caf%25E9.txt"],
  [entry("%", 0xe9), "%%E9"],
  [entry("%2", 0xff, "5"), "%2%FF5"],
  [entry("ö", 0xc3, "🐈", 0xf0, 0x9f), "ö%C3🐈%F0%9F"],
  [entry("bell\u0007 line\nescape\u001b[2J"), "bell%07 line%0Aescape%1B[2J"],
  [entry("c1 \u009b"), "c1 %C2%9B"]
]

describe("FilePath", () => {
  it.each(names)("writes the name %s as %s and gives its bytes back", (name, escaped) => {
    const path = FilePath.join(folder, name)
    assert.strictEqual(path, `/folder/${escaped}`)
    assert.deepStrictEqual(Buffer.from(FilePath.toNative(path)), Buffer.concat([Buffer.from("/folder/"), name]))
  })

  it("gives every sequence of bytes back", () => {
    for (let seed = 1; seed < 2_000; seed++) {
      const name = Buffer.from(Array.from({ length: 12 }, (_, i) => byte(seed * 31 + i)))
      const native = Buffer.from(FilePath.toNative(FilePath.join(folder, name)))
      assert.deepStrictEqual(native, Buffer.concat([Buffer.from("/folder/"), name]))
    }
  })

  it("joins below the file system's root", () => {
    assert.strictEqual(FilePath.join(FilePath.resolve("/", "/"), Buffer.from("etc")), "/etc")
  })

  it("bounds exactly what is below a folder", () => {
    const [from, to] = FilePath.below(folder)
    const isBelow = (path: string) => path >= from && path < to
    assert.isTrue(isBelow("/folder/a"))
    assert.isTrue(isBelow("/folder/\u{10ffff}"))
    assert.isFalse(isBelow("/folder"))
    assert.isFalse(isBelow("/folder-2/a"))
    assert.isFalse(isBelow("/folder0"))
  })

  it("names a path below a root for reading", () => {
    assert.strictEqual(FilePath.relative(folder, FilePath.join(folder, Buffer.from("a"))), "a")
    assert.strictEqual(FilePath.relative(folder, folder), "/folder")
  })

  it("tells the extension in small letters", () => {
    assert.strictEqual(FilePath.extension(FilePath.resolve("/", "/a.b/C.JPG")), "jpg")
    assert.strictEqual(FilePath.extension(FilePath.resolve("/", "/a.b/LICENSE")), "")
  })
})

/** A reproducible byte, often one that matters to the escape. */
const byte = (n: number): number => {
  const x = Math.imul(n ^ (n >>> 7), 2_654_435_761) >>> 8
  const interesting = [0x25, 0x45, 0x39, 0xc3, 0xb6, 0xf0, 0x9f]
  return x % 3 === 0 ? interesting[x % interesting.length]! : (x % 255) + 1
}
