/**
 * The default key of a payload: JSON with sorted fields, and leaves as they are encoded. It is made by a walk along the
 * type side of the Schema, so that two payloads have the same one exactly when they are equal values of the Schema: what
 * encodes a struct or a list as a whole may leave something out, so it has no part in the key.
 *
 * A declared type is told by its own codec: what that leaves out is no part of the value. Where a text could be that of
 * another value too, a word that JSON lacks stands in front: the number of the member of a union, `1("…")`, or a type.
 */
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { memoize } from "effect/Function"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import { linkOf, memberOfClass, toSchema } from "./types.ts"

type AST = SchemaAST.AST

/** Takes what fits the type, and throws where it has no text. */
type Text = (value: any) => string

/** A function that throws where a payload has no such form: give those jobs a key. */
export const canonicalKeyOf = (tag: string, payload: Schema.Top): (value: unknown) => string => (value) => {
  try {
    return textOf(payload.ast)(value)
  } catch (cause) {
    throw new Error(`Job "${tag}": this payload has no JSON form to make a key of; give the job a key`, { cause })
  }
}

/** Made when first used, for a type may hold itself. */
const textOf = memoize((ast: AST): Text => {
  let text: Text | undefined
  return (value) => (text ??= makeText(ast))(value)
})

const makeText = (ast: AST): Text => {
  const own = ownText(ast)
  if (ast.encoding === undefined) return own
  return composed.has(ast._tag) ? composedText(ast, own) : primitiveText(ast, own)
}

const composed = new Set<AST["_tag"]>(
  ["Arrays", "Objects", "Union", "Suspend", "Declaration", "Unknown", "Any", "ObjectKeyword"]
)

/** By its parts, or as it is encoded where these have no text. */
const composedText = (ast: AST, own: Text): Text => {
  const encoded = encodedText(ast)
  return (value) => {
    try {
      return own(value)
    } catch (cause) {
      const text = encoded(value)
      if (text === undefined) throw cause
      return `${ast._tag}(${text})`
    }
  }
}

/** As it is encoded, or by itself where that loses something. */
const primitiveText = (ast: AST, own: Text): Text => {
  const encoded = encodedText(ast)
  return (value) => encoded(value) ?? `${ast._tag}(${own(value)})`
}

/** Nothing where the encoded form is that of another value. */
const encodedText = (ast: AST): (value: unknown) => string | undefined => {
  const wire = Schema.toCodecJson(toSchema(ast))
  const encode = Schema.encodeUnknownSync(wire)
  const decode = Schema.decodeUnknownExit(wire)
  return (value) => {
    const encoded = encode(value)
    const decoded = decode(encoded)
    return Exit.isSuccess(decoded) && Equal.equals(decoded.value, value) ? tell(encoded) : undefined
  }
}

const ownText = (ast: AST): Text => {
  switch (ast._tag) {
    case "Arrays":
      return listText(ast)
    case "Objects":
      return ast.propertySignatures.length + ast.indexSignatures.length === 0 ? leafText(ast) : fieldsText(ast)
    case "Union":
      return unionText(ast)
    case "Suspend":
      return textOf(ast.thunk())
    case "Declaration":
      return declaredText(ast)
    default:
      return leafText(ast)
  }
}

const listText = ({ elements, rest }: SchemaAST.Arrays): Text => {
  const first = elements.map(textOf)
  const [each, ...last] = rest.map(textOf)
  return (items: ReadonlyArray<unknown>) => {
    const end = items.length - last.length
    return list(Array.from(items, (item, i) => (first[i] ?? (i < end ? each : last[i - end]))!(item)))
  }
}

const list = (items: ReadonlyArray<string>): string => `[${items.join()}]`

const fieldsText = ({ indexSignatures, propertySignatures }: SchemaAST.Objects): Text => {
  const named = new Map<PropertyKey, Text>(
    propertySignatures.map(({ name, type }) => [typeof name === "number" ? `${name}` : name, textOf(type)])
  )
  const indexed = indexSignatures.map(({ parameter, type }) => ({ takes: takesName(parameter), text: textOf(type) }))
  // of several signatures that take a name the last has made its value
  const textAt = (name: PropertyKey) => named.get(name) ?? indexed.findLast(({ takes }) => takes(name))?.text
  return (value: object) => {
    const others = indexed.length === 0 ? [] : Reflect.ownKeys(value).filter((name) => !named.has(name))
    const names = [...named.keys(), ...others].filter((name) => hasField(value, name) && textAt(name) !== undefined)
    return fields(names, (name) => textAt(name)!(Reflect.get(value, name)))
  }
}

const fields = (names: ReadonlyArray<PropertyKey>, textAt: (name: PropertyKey) => string): string =>
  `{${names.toSorted().map((name) => `${tell(name)}:${textAt(name)}`).join()}}`

/** As Schema sees it: a codec may give fields that are getters. */
const hasField = (value: object, name: PropertyKey): boolean =>
  Object.hasOwn(value, name) || (name !== "__proto__" && name in value)

/** Numbers are texts where they are names. */
const takesName = (parameter: AST): (name: PropertyKey) => boolean => {
  const is = Schema.is(toSchema(parameter))
  return (name) => is(name) || (typeof name === "string" && `${Number(name)}` === name && is(Number(name)))
}

const unionText = ({ types }: SchemaAST.Union): Text => {
  const others = types.filter(({ _tag }) => !nothing.has(_tag))
  return others.length === 1 ? somethingText(textOf(others[0]!)) : memberText(types)
}

const nothing = new Set<AST["_tag"]>(["Null", "Undefined", "Void"])

/** Beside null and undefined a type is taken for no other, unless its text is theirs. */
const somethingText = (text: Text): Text => (value) => {
  if (value === null || value === undefined) return tell(value)
  const something = text(value)
  return something === "null" || something === "undefined" ? `0(${something})` : something
}

const memberText = (types: ReadonlyArray<AST>): Text => {
  const texts = types.map(textOf)
  const memberOf = memberIn(types.map((type) => SchemaAST.toType(type)))
  return (value) => {
    try {
      return tell(value)
    } catch {
      const member = memberOf(value)
      return `${member}(${texts[member]!(value)})`
    }
  }
}

/** The class of an instance, else the first that knows all fields of a value, else the first that takes it. */
const memberIn = (types: ReadonlyArray<AST>): (value: unknown) => number => {
  const reads = types.map((type) => SchemaParser.decodeUnknownExit(toSchema(type)))
  const first = (value: unknown, options?: SchemaAST.ParseOptions) =>
    reads.findIndex((read) => Exit.isSuccess(read(value, options)))
  return (value) => {
    const own = memberOfClass(types, value)
    if (own >= 0) return own
    const exact = first(value, { onExcessProperty: "error" })
    return exact >= 0 ? exact : first(value)
  }
}

const declaredText = (ast: SchemaAST.Declaration): Text => {
  const link = linkOf(ast)
  if (link === undefined) return leafText(ast)
  const text = textOf(link.to)
  const item = link.to._tag === "Arrays" ? link.to.rest[0] : undefined
  return (value) => {
    if (Redacted.isRedacted(value)) throw new Error("a key would show what is redacted")
    return item !== undefined && isUnordered(value)
      ? list((link.encode(value) as ReadonlyArray<unknown>).map(textOf(item)).toSorted()) // it goes to a list
      : text(link.encode(Duration.isDuration(value) ? rounded(value) : value))
  }
}

/** The order of insertion is no part of these. */
const isUnordered = (value: unknown): boolean =>
  value instanceof Map || value instanceof Set || HashMap.isHashMap(value) || HashSet.isHashSet(value)

/** Equal durations may be made of milliseconds and of nanoseconds. */
const rounded = (duration: Duration.Duration): Duration.Duration => {
  const nanos = Option.getOrElse(Duration.toNanos(duration), () => 1n)
  return nanos % 1_000_000n === 0n ? Duration.millis(Number(nanos / 1_000_000n)) : duration
}

const leafText = (ast: AST): Text => {
  const encode = Schema.encodeUnknownSync(Schema.toCodecJson(toSchema(SchemaAST.toType(ast))))
  return (value) => tell(isJsonLeaf(value) ? value : encode(value))
}

/** The text of what can be told from all else, whatever its type: JSON, undefined and Dates. */
const tell = (value: unknown): string => {
  if (value === undefined || value === null) return `${value}`
  if (isJsonLeaf(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return list(Array.from(value, tell))
  if (value instanceof Date) return `Date(${JSON.stringify(value)})`
  if (isPlain(value)) return fields(Reflect.ownKeys(value), (name) => tell(Reflect.get(value, name)))
  throw new Error(`JSON cannot tell ${Object.prototype.toString.call(value)} from others`)
}

const isJsonLeaf = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)

const isPlain = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
