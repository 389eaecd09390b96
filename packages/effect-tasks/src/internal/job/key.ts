/**
 * The default key of a payload: the canonical JSON of its encoded form. Two payloads have the same one exactly when they
 * are equal values of the Schema: where members of a union are encoded alike, as a Date and a text are, the key also says
 * which kind of value was encoded, `Date("…")`, as no JSON could.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** A function that throws where a payload has no such form: give those jobs a key. */
export const canonicalKeyOf = (tag: string, payload: Schema.Top): (value: unknown) => string => {
  let text: ((value: unknown) => string) | undefined
  return (value) => {
    try {
      text ??= textBy(Schema.toCodecJson(payload as Schema.Codec<unknown, unknown>))
      return text(value)
    } catch (cause) {
      throw new Error(`Job "${tag}": this payload has no JSON form to make a key of; give the job a key`, { cause })
    }
  }
}

const textBy = (wire: Schema.Codec<unknown, unknown>): (value: unknown) => string => {
  const encode = Schema.encodeUnknownExit(wire)
  const marked = isAmbiguous(wire.ast, new Set())
  return (value) => {
    const encoded = encode(value)
    if (Exit.isFailure(encoded)) throw new Error("it cannot be encoded", { cause: encoded.cause })
    return value === undefined && encoded.value === undefined ? "" : textOf(value, encoded.value, marked)
  }
}

const textOf = (value: unknown, encoded: unknown, marked: boolean): string => {
  if (isObject(value) && isObject(encoded)) {
    if (Array.isArray(encoded)) return listOf(value, encoded, marked)
    if (isPlain(encoded)) {
      const text = fieldsOf(value as Fields, encoded as Fields, marked)
      return marked && !isPlain(value) ? `${kindOf(value)}(${text})` : text
    }
  }
  if (Object.is(value, encoded)) {
    return value instanceof Date
      ? `Date(${textOfJson(value.toJSON())})`
      : textOfJson(value)
  }
  return marked ? `${kindOf(value)}(${textOfJson(encoded)})` : textOfJson(encoded)
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: Fields, encoded: Fields, marked: boolean): string => {
  const fields = Object.keys(encoded).toSorted().filter((name) => encoded[name] !== undefined)
  return `{${fields.map((name) => `${JSON.stringify(name)}:${textOf(value[name], encoded[name], marked)}`).join()}}`
}

const listOf = (value: object, encoded: ReadonlyArray<unknown>, marked: boolean): string => {
  if (Array.isArray(value)) return `[${Array.from(value, (each, i) => textOf(each, encoded[i], marked)).join()}]`
  const items = encoded.map(textOfJson)
  // the order of insertion is no part of the value
  const text = `[${(value instanceof Map || value instanceof Set ? items.toSorted() : items).join()}]`
  return marked ? `${kindOf(value)}(${text})` : text
}

/** What JSON can tell from all else. */
const textOfJson = (value: unknown): string => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value)
    case "number":
      if (Number.isFinite(value)) return JSON.stringify(value)
      break
    case "object":
      if (value === null) return "null"
      if (Array.isArray(value)) return listOf(value, value, false)
      if (isPlain(value)) return fieldsOf(value as Fields, value as Fields, false)
      break
    case "undefined":
      return "null"
  }
  throw new Error(`JSON cannot tell ${Object.prototype.toString.call(value)} from others`)
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const isPlain = (value: object): boolean =>
  Object.prototype.toString.call(value) === "[object Object]" && !isClass(value)

const isClass = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  return prototype !== null && prototype !== Object.prototype
}

const kindOf = (value: unknown): string => isObject(value) ? value.constructor.name : typeof value

/** Whether somewhere two members of a union may be encoded alike, though they are unlike values. */
const isAmbiguous = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  const any = (parts: ReadonlyArray<SchemaAST.AST>) => parts.some((part) => isAmbiguous(part, seen))
  const below = ast.encoding?.map(({ to }) => to) ?? []
  switch (ast._tag) {
    case "Union":
      return overlap(ast.types) || any(ast.types)
    case "Arrays":
      return any([...ast.elements, ...ast.rest])
    case "Objects":
      return any([...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type))
    case "Declaration":
      return any([...ast.typeParameters, ...below])
    case "Suspend":
      return isAmbiguous(ast.thunk(), seen)
    default:
      return false
  }
}

/** A member that is encoded as something else may then look like another one. */
const overlap = (members: ReadonlyArray<SchemaAST.AST>): boolean => {
  const known = members.map((ast) => ({ ast, encoded: SchemaAST.toEncoded(ast) }))
  return known.some((a, i) =>
    known.slice(i + 1).some((b) => !(a.ast === a.encoded && b.ast === b.encoded) && meet(a.encoded, b.encoded))
  )
}

const meet = (a: SchemaAST.AST, b: SchemaAST.AST): boolean => {
  const kinds = kindsOf(a)
  return kindsOf(b).some((kind) => kind === "any" || kinds.includes(kind) || kinds.includes("any"))
}

/** What JSON may be found there. */
const kindsOf = (encoded: SchemaAST.AST): ReadonlyArray<string> =>
  encoded._tag === "Union"
    ? encoded.types.flatMap(kindsOf)
    : [encoded._tag === "Literal" ? typeof encoded.literal : kinds[encoded._tag] ?? "any"]

const kinds: { readonly [Tag in SchemaAST.AST["_tag"]]?: string } = {
  String: "string",
  TemplateLiteral: "string",
  Number: "number",
  Boolean: "boolean",
  Null: "null",
  Undefined: "null",
  Void: "null",
  Arrays: "array",
  Objects: "object"
}
