/** Payloads between the runtime and people: shown without secrets, taken back with them. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isMarked, visitMarked } from "../Sensitive.ts"
import { text as longest } from "./limits.ts"
import { holdsRedacted, type Path, pathText, type Plain, toJson, toPlain, withheld } from "./plain.ts"
import type { Runtime } from "./runtime.ts"
import { bounded } from "./text.ts"

type Codec = Schema.Codec<unknown, unknown>

/** Of a task, what is needed to know what it carries. */
export interface Carrier {
  readonly job: string
  readonly payload: unknown
}

export interface Payload {
  readonly json: unknown
  readonly redacted: boolean
  /** Whether `json`, its secrets restored, is what a dispatch by name takes. */
  readonly encoded: boolean
}

type Part = "payload" | "success" | "error" | "progress"

interface Known {
  readonly schemas: Readonly<Record<Part, Schema.Top>>
  readonly marked: Readonly<Record<Part, boolean>>
  codec: Codec | undefined
}

/** What is sent of the values of tasks, by the Schemas that the runtime knows. */
export class Payloads {
  private readonly known = new Map<string, Known>()
  private readonly jobs: Runtime["jobs"]

  constructor(jobs: Runtime["jobs"]) {
    this.jobs = jobs
  }

  /** The JSON form of a payload; nothing where there is none. */
  encode({ job, payload }: Carrier): unknown {
    const known = this.of(job)
    if (known === undefined) return undefined
    try {
      // what runtimes know are codecs, whatever else they need
      known.codec ??= Schema.toCodecJson(known.schemas.payload as Codec)
      const exit = Schema.encodeUnknownExit(known.codec)(payload)
      return Exit.isSuccess(exit) ? exit.value : undefined
    } catch {
      return undefined // a Schema that throws
    }
  }

  /**
   * The JSON form of a payload by its job's Schema, else the value itself.
   *
   * A Schema may encode what is withheld as it is. So where the value holds something of that kind, it must be found at the
   * same place of the encoded form and is withheld there; else the encoded form is not shown at all.
   */
  show(task: Carrier): Payload {
    const plain = this.plain(task)
    const encoded = this.encode(task)
    const asValue = { json: plain.json, redacted: plain.redacted.length > 0, encoded: false }
    if (!plain.complete || encoded === undefined) return asValue
    const { json, lossless } = toPlain(encoded)
    if (!lossless) return asValue
    const hidden = plain.redacted.map(({ path, value }) => hide(json, path, value))
    const shown = JSON.stringify(json)
    return hidden.every((secrets) => secrets?.every((secret) => !shown.includes(secret)))
      ? {
        json: plain.redacted[0]?.path.length === 0 ? withheld : json,
        redacted: plain.redacted.length > 0,
        encoded: true
      }
      : asValue
  }

  /** Puts the secrets of the earlier payload back where an edited one says that they were withheld. */
  restore(task: Carrier, edited: unknown): unknown {
    const encoded = this.encode(task)
    for (const { path, value } of this.plain(task).redacted) {
      if (at(edited, path) !== withheld) continue
      const secret = encoded === undefined ? revealed(value) : at(encoded, path)
      if (path.length === 0) return secret
      put(edited, path, secret)
    }
    return edited
  }

  /** The payload as plain JSON. */
  plain({ job, payload }: Carrier): Plain {
    return toPlain(payload, this.marks(job, "payload", payload))
  }

  /** What a task has reported, or given. */
  json(task: Carrier, part: "success" | "progress", value: unknown, length: number, indent?: number) {
    return toJson(value, length, indent, this.marks(task.job, part, value))
  }

  /** A key is by default the JSON form of the payload, secrets included; then the payload without them is shown instead. */
  key(task: Carrier, key: string): string {
    const isDefault = /^["[{]/.test(key)
    const secret = this.holdsSecrets(task)
    if (secret === false) return bounded(key, longest.key)
    const marks = this.marks(task.job, "payload", task.payload)
    if (isDefault) return toJson(task.payload, longest.key, undefined, marks).text
    return bounded(secret === undefined ? key : scrub(key, this.secretsOf(task)), longest.key)
  }

  /** The texts that are withheld of a payload, and of an error where there is one; longest first. */
  secretsOf(task: Carrier, cause?: Cause.Cause<unknown>): ReadonlyArray<string> {
    const values = this.holdsSecrets(task) === false
      ? []
      : this.plain(task).redacted.map(({ value }) => value)
    const error = cause === undefined ? undefined : Option.getOrUndefined(Cause.findErrorOption(cause))
    if (error !== undefined && this.of(task.job)?.marked.error === true) {
      visitMarked(this.of(task.job)!.schemas.error, error, (_, value) => values.push(value))
    }
    return values.flatMap((value) => texts(revealed(value))).toSorted((a, b) => b.length - a.length)
  }

  private holdsSecrets({ job, payload }: Carrier): boolean | undefined {
    return this.of(job)?.marked.payload === true ? true : holdsRedacted(payload)
  }

  private marks(job: string, part: Part, value: unknown): ReadonlySet<string> | undefined {
    const known = this.of(job)
    if (known?.marked[part] !== true) return undefined
    const places = new Set<string>()
    visitMarked(known.schemas[part], value, (path) => places.add(pathText(path)))
    return places
  }

  private of(job: string): Known | undefined {
    const known = this.known.get(job)
    if (known !== undefined) return known
    const found = this.jobs().find(({ tag }) => tag === job)
    if (found === undefined) return undefined
    const { errorSchema: error, payloadSchema: payload, progressSchema: progress, successSchema: success } = found
    const schemas = { payload, success, error, progress }
    const marked = {
      payload: isMarked(payload),
      success: isMarked(success),
      error: isMarked(error),
      progress: isMarked(progress)
    }
    const next: Known = { schemas, marked, codec: undefined }
    this.known.set(job, next)
    return next
  }
}

/** Withholds what is at this place, and gives what must not be left anywhere else; nothing when there is no such place. */
const hide = (json: unknown, path: Path, value: unknown): ReadonlyArray<string> | undefined => {
  const secret = at(json, path)
  if (secret === undefined || (path.length > 0 && !put(json, path, withheld))) return undefined
  return [secret, revealed(value)].map((each) => JSON.stringify(each) ?? "").filter((text) => text.length > 5)
}

const revealed = (value: unknown): unknown => {
  try {
    return Redacted.isRedacted(value) ? Redacted.value(value) : value
  } catch {
    return undefined // it was wiped
  }
}

const at = (json: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (part, name) =>
      typeof part === "object" && part !== null && Object.hasOwn(part, name)
        ? (part as Record<string | number, unknown>)[name]
        : undefined,
    json
  )

const put = (json: unknown, path: Path, value: unknown): boolean => {
  const parent = at(json, path.slice(0, -1))
  if (typeof parent !== "object" || parent === null) return false
  Object.defineProperty(parent, path.at(-1)!, { value, enumerable: true, writable: true, configurable: true })
  return true
}

/** Shorter ones would be found everywhere. */
const shortestSecret = 3

const texts = (secret: unknown): ReadonlyArray<string> =>
  typeof secret === "object" && secret !== null
    ? Object.values(secret).flatMap(texts)
    : typeof secret === "number" || typeof secret === "bigint"
    ? texts(String(secret))
    : typeof secret === "string"
    ? [secret, JSON.stringify(secret).slice(1, -1), ...lines(secret)].filter(({ length }) => length >= shortestSecret)
    : []

/** Each by itself: whoever writes an error may indent them anew. */
const lines = (secret: string): ReadonlyArray<string> =>
  secret.includes("\n") ? secret.split("\n").map((line) => line.trim()) : []

/** A text of the task's own making, without the secrets of its payload; nor the beginning of one, where it was cut. */
export const scrub = (text: string, secrets: ReadonlyArray<string>): string => {
  if (secrets.length === 0) return text
  const parts = secrets.reduce((text, secret) => text.replaceAll(secret, withheld), text).split("…")
  return parts.map((part, i) => i === parts.length - 1 ? part : withoutBegun(part, secrets)).join("…")
}

const withoutBegun = (text: string, secrets: ReadonlyArray<string>): string => {
  const begun = Math.max(...secrets.map((secret) => begunAtEnd(text, secret)))
  return begun < shortestSecret ? text : text.slice(0, -begun) + withheld
}

/** How much of the secret's beginning is the end of the text. */
const begunAtEnd = (text: string, secret: string): number => {
  let length = Math.min(text.length, secret.length - 1)
  while (length >= shortestSecret && !text.endsWith(secret.slice(0, length))) length--
  return length
}
