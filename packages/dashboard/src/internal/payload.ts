/** Payloads between the runtime and people: shown without secrets, taken back with them. */
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { holdsRedacted, type Path, toJson, toPlain, withheld } from "./plain.ts"
import type { Runtime } from "./runtime.ts"
import { bounded, keyText } from "./text.ts"

type Codec = Schema.Codec<unknown, unknown>

/** What turns the payload of a job into its JSON form; nothing where there is none. */
export type Encode = (job: string, payload: unknown) => unknown

/** By the Schemas that the runtime knows. */
export const encodeWith = ({ jobs }: Pick<Runtime, "jobs">): Encode => {
  const codecs = new WeakMap<object, Codec>()
  const codecOf = (schema: Codec): Codec => {
    const codec = codecs.get(schema) ?? Schema.toCodecJson(schema)
    codecs.set(schema, codec)
    return codec
  }
  return (job, payload) => {
    const known = jobs().find(({ tag }) => tag === job)
    if (known === undefined) return undefined
    try {
      const exit = Schema.encodeUnknownExit(codecOf(known.payloadSchema as unknown as Codec))(payload)
      return Exit.isSuccess(exit) ? exit.value : undefined
    } catch {
      return undefined // a Schema that throws
    }
  }
}

export interface Payload {
  readonly json: unknown
  readonly redacted: boolean
  /** Whether `json`, its secrets restored, is what a dispatch by name takes. */
  readonly encoded: boolean
}

/**
 * The JSON form of a payload by its job's Schema, else the value itself.
 *
 * A Schema may encode what is `Redacted` as it is. So where the value holds something `Redacted`, that must be found at
 * the same place of the encoded form and is withheld there; else the encoded form is not shown at all.
 */
export const show = (encode: Encode, job: string, payload: unknown): Payload => {
  const plain = toPlain(payload)
  const encoded = encode(job, payload)
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

/** Withholds what is at this place, and gives what must not be left anywhere else; nothing when there is no such place. */
const hide = (json: unknown, path: Path, value: unknown): ReadonlyArray<string> | undefined => {
  const secret = at(json, path)
  if (secret === undefined || (path.length > 0 && !put(json, path, withheld))) return undefined
  return [secret, revealed(value)].map((each) => JSON.stringify(each) ?? "").filter((text) => text.length > 5)
}

/** Puts the secrets of the earlier payload back where an edited one says that they were withheld. */
export const restore = (encode: Encode, job: string, payload: unknown, edited: unknown): unknown => {
  const encoded = encode(job, payload)
  for (const { path, value } of toPlain(payload).redacted) {
    if (at(edited, path) !== withheld) continue
    const secret = encoded === undefined ? revealed(value) : at(encoded, path)
    if (path.length === 0) return secret
    put(edited, path, secret)
  }
  return edited
}

const revealed = (value: unknown): unknown => {
  try {
    return Redacted.value(value as Redacted.Redacted<unknown>)
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

/** A key is by default the JSON form of the payload, secrets included; then the payload without them is shown instead. */
export const showKey = (key: string, payload: unknown): string => {
  const isDefault = /^["[{]/.test(key)
  const secret = holdsRedacted(payload)
  if (secret === false) return bounded(key, keyText)
  if (isDefault) return toJson(payload, keyText).text
  return bounded(secret === undefined ? key : scrub(key, secretsOf(payload)), keyText)
}

/** The texts that are `Redacted` in a payload, longest first. */
export const secretsOf = (payload: unknown): ReadonlyArray<string> =>
  holdsRedacted(payload) === false
    ? []
    : toPlain(payload).redacted
      .flatMap(({ value }) => texts(revealed(value)))
      .toSorted((a, b) => b.length - a.length)

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
