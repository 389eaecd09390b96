/**
 * What costs computing: to hash a file and tell what it is, to read an image and make a small one of it. It is done here,
 * or on threads; who asks for it does not know.
 */
import { Thread, Threads } from "@effect-tasks/threads"
import { Context, Effect, Layer, Schema } from "effect"
import { type DispatchError, Job, type Limit, type TaskError, type WorkerPool } from "effect-tasks"
import { Transferable } from "effect/workers"
import { Worker } from "node:worker_threads"
import * as ContentType from "./ContentType.ts"
import { FileError } from "./FileError.ts"
import { FilePath } from "./FilePath.ts"
import * as Fingerprint from "./Fingerprint.ts"
import * as ImageInfo from "./ImageInfo.ts"

export class ReadFile extends Job.make("ReadFile", {
  payload: { path: FilePath },
  success: Schema.Struct({
    size: Schema.Number,
    mtimeMs: Schema.Number,
    sha256: Schema.String,
    contentType: Schema.String
  }),
  error: FileError,
  progress: Schema.Struct({ bytes: Schema.Int }) // its task may report, and is the task of who asks
}) {}

export class ReadImage extends Job.make("ReadImage", {
  payload: { path: FilePath },
  success: Schema.Struct({
    width: Schema.Number,
    height: Schema.Number,
    takenAt: Schema.NullOr(Schema.String),
    thumbnail: Transferable.Uint8Array
  }),
  error: Schema.Union([ImageInfo.ImageError, FileError])
}) {}

/** Done as work of the task that is given. */
type Read<J extends Job.Any> = (
  payload: Job.Payload<J>,
  task: Thread.ThreadTask<unknown, unknown, Job.Progress<J>>
) => Effect.Effect<Job.Success<J>, Job.Error<J> | TaskError | DispatchError>

export class Reading extends Context.Service<Reading, {
  readonly file: Read<typeof ReadFile>,
  readonly image: Read<typeof ReadImage>
}>()("indexer/Reading") {}

export const readFile = Thread.of(ReadFile)(Effect.fnUntraced(function*({ path }) {
  const { head, ...fingerprint } = yield* Fingerprint.take(path)
  return { ...fingerprint, contentType: yield* ContentType.detect(path, head) }
}))

export const readImage = Thread.of(ReadImage)(({ path }) =>
  // as bytes that can be moved to another thread
  Effect.map(ImageInfo.read(path), (image) => ({ ...image, thumbnail: new Uint8Array(image.thumbnail) }))
)

export const here: Layer.Layer<Reading> = Layer.succeed(Reading, { file: readFile, image: readImage })

/** As many threads as the limit allows; tasks that read have to stand under the same limit. */
export const onThreads = (size: Limit.Limit): Layer.Layer<Reading, never, WorkerPool> =>
  Layer.effect(
    Reading,
    Effect.gen(function*() {
      return { file: yield* Threads.handler(ReadFile), image: yield* Threads.handler(ReadImage) }
    })
  ).pipe(Layer.provide(
    Threads.layer<typeof import("./reading.thread.ts")>(
      () => new Worker(new URL("./reading.thread.ts", import.meta.url)),
      { size }
    )
  ))
