import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { crc32 } from "node:zlib"
import sharp, { type Sharp } from "sharp"
import * as ImageInfo from "../src/ImageInfo.ts"
import * as TempFolder from "./TempFolder.ts"

const picture = (width: number, height: number): Sharp =>
  sharp({ create: { width, height, channels: 3, background: "teal" } })

const bytesOf = (image: Sharp) => Effect.promise(() => image.toBuffer())

describe("ImageInfo", () => {
  it.effect("tells the size and makes a small WebP picture", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const path = temp.write("a.png", yield* bytesOf(picture(1_200, 600).png()))
      const { thumbnail, ...info } = yield* ImageInfo.read(path)
      const { format, width, height } = yield* Effect.promise(() => sharp(thumbnail).metadata())
      assert.deepStrictEqual(info, { width: 1_200, height: 600, takenAt: null })
      assert.deepStrictEqual({ format, width, height }, { format: "webp", width: 256, height: 128 })
    }))

  it.effect("reads the date from EXIF, and turns the picture the way it was taken", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const image = picture(40, 20).jpeg().withMetadata({ orientation: 6 }).withExifMerge({
        IFD2: { DateTimeOriginal: "2024:05:17 18:30:15" }
      })
      const path = temp.write("a.jpg", yield* bytesOf(image))
      const { width, height, takenAt } = yield* ImageInfo.read(path)
      assert.deepStrictEqual({ width, height, takenAt }, { width: 20, height: 40, takenAt: "2024-05-17T18:30:15" })
    }))

  it.effect("does without an EXIF date that is none", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const image = picture(4, 4).jpeg().withExif({ IFD2: { DateTimeOriginal: "    :  :     :  :  " } })
      assert.strictEqual((yield* ImageInfo.read(temp.write("a.jpg", yield* bytesOf(image)))).takenAt, null)
    }))

  it.effect("does not enlarge a small picture", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const { thumbnail } = yield* ImageInfo.read(temp.write("a.gif", yield* bytesOf(picture(3, 2).gif())))
      const { width, height } = yield* Effect.promise(() => sharp(thumbnail).metadata())
      assert.deepStrictEqual([width, height], [3, 2])
    }))

  it.effect("fails on an image that is cut off or none", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const whole = yield* bytesOf(picture(400, 400).png())
      const cut = yield* Effect.flip(ImageInfo.read(temp.write("cut.png", whole.subarray(0, whole.length / 2))))
      const none = yield* Effect.flip(ImageInfo.read(temp.write("none.png", "this is no picture")))
      assert.deepStrictEqual([cut._tag, none._tag], ["ImageError", "ImageError"])
      assert.match(none.message, /^not a readable image: .*unsupported image format/)
    }))

  it.effect("fails on more pixels than it decodes", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const huge = yield* bytesOf(picture(4, 4).png())
      huge.writeUInt32BE(30_000, 16)
      huge.writeUInt32BE(30_000, 20)
      huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29)
      assert.match((yield* Effect.flip(ImageInfo.read(temp.write("huge.png", huge)))).message, /pixel limit/)
    }))

  it.effect("draws a large SVG small", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60000\" height=\"30000\"/>"
      const { width, height, thumbnail } = yield* ImageInfo.read(temp.write("large.svg", svg))
      const small = yield* Effect.promise(() => sharp(thumbnail).metadata())
      assert.deepStrictEqual([width, height, small.width, small.height], [60_000, 30_000, 256, 128])
    }))

  it.effect("draws an SVG without loading what it refers to", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const secret = temp.write("secret.png", yield* bytesOf(picture(10, 10).png()))
      const path = temp.write(
        "a.svg",
        `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><image href="${secret}" width="10" height="10"/>` +
          `<image href="secret.png" width="10" height="10"/></svg>`
      )
      const { width, height, thumbnail } = yield* ImageInfo.read(path)
      const { channels } = yield* Effect.promise(() => sharp(thumbnail).stats())
      assert.deepStrictEqual([width, height], [10, 10])
      assert.strictEqual(channels[3]?.max, 0, "all of it is transparent")
    }))

  it.effect("fails on an SVG that multiplies itself", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      const entities = Array.from({ length: 12 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("")
      const path = temp.write(
        "bomb.svg",
        `<!DOCTYPE svg [<!ENTITY l0 "x">${entities}]><svg xmlns="http://www.w3.org/2000/svg"><text>&l12;</text></svg>`
      )
      assert.strictEqual((yield* Effect.flip(ImageInfo.read(path)))._tag, "ImageError")
    }))

  it.effect("fails as a file does when there is no reading it", () =>
    Effect.gen(function*() {
      const temp = yield* TempFolder.make
      assert.strictEqual((yield* Effect.flip(ImageInfo.read(temp.at("gone.png"))))._tag, "FileNotFound")
      assert.isFalse(Fs.existsSync(temp.at("gone.png")))
    }))
})
