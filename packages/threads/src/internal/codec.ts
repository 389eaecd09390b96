/** The encoded forms of what belongs to a job. All of it is synchronous, and a value that does not fit is a defect. */
import { DispatchError, type Job, TaskError } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import type { Outcome } from "./protocol.ts"

export interface Encoded<A = unknown> {
  readonly value: A
  readonly transfer: Array<globalThis.Transferable>
}

export interface Codec {
  readonly encode: (value: unknown) => Encoded
  readonly decode: (encoded: unknown) => unknown
}

/** What a codec is made of. */
export type Schemas = Pick<
  Job.Any,
  "tag" | "payloadSchema" | "successSchema" | "errorSchema" | "progressSchema" | "messageSchema"
>

export interface JobCodec {
  readonly tag: string
  /** How a defect names it. */
  readonly subject: string
  readonly payload: Codec
  readonly progress: Codec
  readonly message: Codec
  readonly hasProgress: boolean
  readonly hasMessages: boolean
  readonly encodeExit: (exit: Exit.Exit<unknown, unknown>) => Encoded<Outcome>
  readonly decodeExit: (outcome: Outcome) => Exit.Exit<unknown, unknown>
}

const none: Array<globalThis.Transferable> = []

const codecOf = (subject: string, schema: Schema.Top): Codec => {
  const wire = Schema.toCodecJson(schema) as unknown as Schema.Codec<unknown, unknown>
  const encode = Schema.encodeUnknownEffect(wire)
  const decode = Schema.decodeUnknownEffect(wire)
  const fit = <A>(exit: Exit.Exit<A, unknown>, verb: string): A => {
    if (Exit.isSuccess(exit)) return exit.value
    const cause = Cause.squash(exit.cause)
    throw new Error(`${subject} cannot be ${verb}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause
    })
  }
  return {
    encode: (value) => {
      const encoding = encode(value)
      if (Exit.isExit(encoding)) return { value: fit(encoding, "encoded"), transfer: none }
      const collector = Transferable.makeCollectorUnsafe()
      const exit = Effect.runSyncExit(Effect.provideService(encoding, Transferable.Collector, collector))
      return { value: fit(exit, "encoded"), transfer: collector.readUnsafe() }
    },
    decode: (encoded) => {
      const decoding = decode(encoded)
      return fit(Exit.isExit(decoding) ? decoding : Effect.runSyncExit(decoding), "decoded")
    }
  }
}

/** Made when it is first used. */
const lazyCodec = (subject: string, part: string, schema: () => Schema.Top): Codec => {
  let made: Codec | undefined
  const codec = () => made ??= codecOf(`${subject}: its ${part}`, schema())
  return { encode: (value) => codec().encode(value), decode: (encoded) => codec().decode(encoded) }
}

const defect = Schema.Defect({ includeStack: true })

/** A cause of which nothing is known. */
export const causeCodec: Codec = codecOf("A cause", Schema.Cause(defect, defect))

export const makeCodec = (job: Schemas): JobCodec => {
  const { tag } = job
  const subject = `Job "${tag}"`
  const success = lazyCodec(subject, "success", () => job.successSchema)
  const failures = () => Schema.Union([job.errorSchema as Schema.Top, TaskError, DispatchError])
  const cause = lazyCodec(subject, "error", () => Schema.Cause(failures(), defect))
  const encodeExit = (exit: Exit.Exit<unknown, unknown>): Encoded<Outcome> => {
    const { transfer, value } = Exit.isSuccess(exit) ? success.encode(exit.value) : cause.encode(exit.cause)
    return { value: [Exit.isSuccess(exit), value], transfer }
  }
  return {
    tag,
    subject,
    payload: lazyCodec(subject, "payload", () => job.payloadSchema),
    progress: lazyCodec(subject, "progress", () => job.progressSchema),
    message: lazyCodec(subject, "message", () => job.messageSchema),
    hasProgress: job.progressSchema.ast._tag !== "Never",
    hasMessages: job.messageSchema.ast._tag !== "Never",
    encodeExit: (exit) => {
      try {
        return encodeExit(exit)
      } catch (unfit) {
        return encodeExit(Exit.die(unfit))
      }
    },
    decodeExit: ([ok, value]) => {
      try {
        return ok ? Exit.succeed(success.decode(value)) : Exit.failCause(cause.decode(value) as Cause.Cause<unknown>)
      } catch (unfit) {
        return Exit.die(unfit)
      }
    }
  }
}

/** For what belongs to no job. */
export const nothing: JobCodec = makeCodec({
  tag: "unknown",
  payloadSchema: Schema.Void,
  successSchema: Schema.Void,
  errorSchema: Schema.Never,
  progressSchema: Schema.Never,
  messageSchema: Schema.Never
})
