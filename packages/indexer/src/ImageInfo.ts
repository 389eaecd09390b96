/**
 * Size, date and a small WebP picture of an image, through `sharp`.
 *
 * Safe on images from anywhere: the pixels that it decodes and the time that it takes are limited, an SVG cannot load
 * other files because it comes without a place of its own, and an image that is broken fails with `ImageError`.
 */
import { Effect, Schema } from "effect"
import readExif from "exif-reader"
import * as Fs from "node:fs"
import sharp from "sharp"
import * as FileError from "./FileError.ts"
import * as FilePath from "./FilePath.ts"

export interface ImageInfo {
  readonly width: number
  readonly height: number
  /** The camera's local time as ISO 8601 without a zone, which EXIF does not know. */
  readonly takenAt: string | null
  readonly thumbnail: Uint8Array
}

export class ImageError extends Schema.TaggedError<ImageError>()("ImageError", {
  path: FilePath.FilePath,
  reason: Schema.String
}) {
  override get message() {
    return `not a readable image: ${this.reason}`
  }
}

/** Whether a file of this type is a picture that can be read here. */
export const isReadable = (contentType: string): boolean => readable.has(contentType)

export const read = Effect.fnUntraced(function*(path: FilePath.FilePath) {
  const content = yield* readContent(path)
  // without limits, for it decodes no pixels
  const { autoOrient: { height, width }, exif } = yield* decode(
    path,
    () => sharp(content, { ...limits, limitInputPixels: false }).metadata()
  )
  const thumbnail = yield* decode(path, () => makeThumbnail(content, densityFor(Math.max(width, height))))
  return { width, height, takenAt: dateTaken(exif), thumbnail }
})

const readable = new Set(
  ["jpeg", "png", "apng", "webp", "gif", "tiff", "avif", "svg+xml"].map((format) => `image/${format}`)
)
const thumbnailEdge = 256
const limits = { limitInputPixels: 100_000_000, failOn: "error" } as const
const secondsToDecode = 10

// Every image is seen once, so what libvips would keep of it is never asked for again.
sharp.cache(false)

const readContent = (path: FilePath.FilePath) =>
  Effect.callback<Buffer, FileError.FileError>((resume, signal) => {
    Fs.readFile(FilePath.toNative(path), { signal }, (error, content) =>
      resume(error === null ? Effect.succeed(content) : Effect.fail(FileError.fromNode(path, error))))
  })

const fullDensity = 72

/** Drawings have no pixels of their own: a large one is drawn small at once. It means nothing to other formats. */
const densityFor = (edge: number): number => Math.min(fullDensity, Math.max(1, (fullDensity * thumbnailEdge) / edge))

const makeThumbnail = (content: Buffer, density: number): Promise<Uint8Array> =>
  sharp(content, { ...limits, density })
    .autoOrient()
    .resize({ width: thumbnailEdge, height: thumbnailEdge, fit: "inside", withoutEnlargement: true })
    .webp({ quality: 75 })
    .timeout({ seconds: secondsToDecode })
    .toBuffer()

// Uninterruptible: sharp cannot be stopped midway, and a cancelled task shall have stopped when it says so.
const decode = <A>(path: FilePath.FilePath, run: () => Promise<A>) =>
  Effect.uninterruptible(Effect.tryPromise({
    try: run,
    catch: (error) => new ImageError({ path, reason: error instanceof Error ? error.message : String(error) })
  }))

const dateTaken = (exif: Buffer | undefined): string | null => {
  const date = exif === undefined ? undefined : readDate(exif)
  return date === undefined || Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 19)
}

/** EXIF is written by cameras and editors of every quality; a broken one takes nothing away from the picture. */
const readDate = (exif: Buffer): Date | undefined => {
  try {
    const { Photo, Image } = readExif(exif)
    return Photo?.DateTimeOriginal ?? Photo?.DateTimeDigitized ?? Image?.DateTime
  } catch {
    return undefined
  }
}
