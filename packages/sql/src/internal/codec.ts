/** What stands in a row: payloads, outcomes, progress and messages as JSON. */
import { ChildTaskFailed, PoolCanceled, TaskCanceled, TaskTimeout } from "effect-tasks"
import type { JobDefinition, Outcome } from "effect-tasks/Backend"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { TaskForgotten, TaskLost, UndecodablePayload, UnstorableOutcome } from "../DurableError.ts"
import { State } from "./schema.ts"

/** An outcome as it is stored. */
interface StoredOutcome {
  readonly state: number
  readonly exit: string | null
}

/** A row that has ended. */
interface EndedRow {
  readonly id: string
  readonly state: number
  readonly exit: string | null
  readonly crashes: number
  readonly queue_timeout: number | null
}

export interface Codec {
  readonly payload: (value: unknown) => string
  /** Reads a payload; a text says why it does not decode. */
  readonly decodePayload: (encoded: unknown) => Exit.Exit<unknown, unknown>
  readonly outcome: (id: string, outcome: Outcome) => StoredOutcome
  readonly outcomeOf: (row: EndedRow) => Outcome
  readonly progress: (value: unknown) => string
  readonly progressOf: (text: string) => unknown
  readonly message: (value: unknown) => string
  readonly messageOf: (text: string) => unknown
}

/** What a statement writes where nobody runs the task: the reader knows the rest. */
const lost = "\"lost\""
const timedOut = "\"timeout\""

export const reasonText = (reason: string | undefined): string => JSON.stringify(reason ?? null)
export const reasonOf = (text: string | null): string | undefined =>
  text === null ? undefined : JSON.parse(text) as string | null ?? undefined // what `reasonText` wrote

const jsonOf = (schema: Schema.Top) => {
  const codec = Schema.toCodecJson(schema as Schema.Codec<unknown>) // a job's schemas need no services
  const encode = Schema.encodeUnknownSync(codec)
  const decode = Schema.decodeUnknownSync(codec)
  return {
    write: (value: unknown): string => JSON.stringify(encode(value)) ?? "null",
    read: (text: string): unknown => decode(JSON.parse(text))
  }
}

export const codecOf = (job: JobDefinition): Codec => {
  const { tag } = job
  const payload = jsonOf(job.payload)
  const success = jsonOf(job.success)
  const progress = jsonOf(job.progress)
  const message = jsonOf(job.message)
  const failure = jsonOf(Schema.Cause(
    Schema.Union([job.error, TaskCanceled, TaskTimeout, ChildTaskFailed, PoolCanceled]),
    Schema.Union([TaskLost, UndecodablePayload, UnstorableOutcome, TaskForgotten, Schema.Defect()])
  ))

  const written = (id: string, exit: Exit.Exit<unknown, unknown>): StoredOutcome => {
    try {
      return Exit.isSuccess(exit)
        ? { state: State.success, exit: exit.value === undefined ? null : success.write(exit.value) }
        : { state: State.error, exit: failure.write(exit.cause) }
    } catch (issue) {
      return unstorable(id, issue)
    }
  }
  const unstorable = (id: string, issue: unknown): StoredOutcome => {
    const text = issue instanceof Error ? issue.message : String(issue)
    return {
      state: State.error,
      exit: failure.write(Cause.die(new UnstorableOutcome({ taskId: id, job: tag, issue: text.slice(0, 2000) })))
    }
  }
  return {
    payload: payload.write,
    decodePayload: job.decode,
    outcome: (id, outcome) =>
      outcome._tag === "cancel"
        ? { state: State.canceled, exit: reasonText(outcome.reason) }
        : outcome._tag === "timeout"
        ? {
          state: State.error,
          exit: failure.write(
            Cause.fail(new TaskTimeout({ taskId: id, job: tag, phase: outcome.phase, after: outcome.after }))
          )
        }
        : written(id, outcome),
    outcomeOf: ({ crashes, exit, id, queue_timeout, state }) => {
      if (state === State.canceled) return { _tag: "cancel", reason: reasonOf(exit) }
      if (exit === lost && state === State.error) return Exit.die(new TaskLost({ taskId: id, job: tag, crashes }))
      if (exit === timedOut && state === State.error) {
        return { _tag: "timeout", phase: "queued", after: queue_timeout ?? 0 }
      }
      try {
        if (state === State.success) return Exit.succeed(exit === null ? undefined : success.read(exit))
        return Exit.failCause(failure.read(exit!) as Cause.Cause<unknown>) // an error has one, of this codec
      } catch (issue) {
        return Exit.die(
          new UnstorableOutcome({ taskId: id, job: tag, issue: `it no longer decodes: ${String(issue)}` })
        )
      }
    },
    progress: progress.write,
    progressOf: progress.read,
    message: message.write,
    messageOf: message.read
  }
}
