/**
 * Copies of payloads, so that the handler gets what was dispatched. Checking a payload makes its structs, arrays, Maps and
 * other containers anew, but hands on Dates, bytes, instances and unknown values as they are: those are copied by reading
 * the checked payload once more, with a Schema whose leaves copy.
 *
 * Shared are values of `Schema.Any`, functions, shared memory, objects of foreign classes (no Schema's own, and none that
 * `shellOf` knows) and, each alone, objects that cannot be read or made again. Private fields of a Schema's class are what
 * its constructor makes them; those of a class that extends Date, say, are lost.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { memoize } from "effect/Function"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { classOf, linkOf, mapParts, toSchema } from "./types.ts"

type AST = SchemaAST.AST

/** What copies a checked payload; nothing where checking has copied all that could change. */
export const copierOf = (ast: AST): ((payload: unknown) => Exit.Exit<unknown, unknown>) | undefined => {
  const type = SchemaAST.toType(ast)
  if (copying(type) === type) return undefined
  const copy = readerOf(type)
  return (payload) => copy(payload, new Map())
}

/** What has been copied of a payload, by its original. */
type Copies = Map<object, Copy>

/** Options of Schema that take what has been copied to where an object may be found again. */
interface Reading extends SchemaAST.ParseOptions {
  readonly copies?: Copies
}

/** Reads what has been checked, and copies it. */
const readerOf = (type: AST): (value: unknown, copies: Copies) => Exit.Exit<unknown, unknown> => {
  const read = SchemaParser.decodeUnknownExit(toSchema(copying(type)))
  return (value, copies) => {
    // the member of a union that has checked a value knows all its fields, but a declared type may have more
    const exact: Reading = { onExcessProperty: "error", copies }
    const copy = read(value, exact)
    const lenient: Reading = { copies }
    return Exit.isSuccess(copy) ? copy : read(value, lenient)
  }
}

/** A type whose reading copies; the type itself where its checking does. */
const copying = memoize((type: AST): AST => {
  switch (type._tag) {
    case "Declaration":
      return type.typeParameters.length === 0 ? then(type, copyOf) : copyingContainer(type)
    case "Unknown":
    case "ObjectKeyword":
      return then(type, copyOf)
    default:
      return takesAnything(type) ? then(type, copyOf) : mapParts(type, copying)
  }
})

const takesAnything = (type: AST): boolean =>
  type._tag === "Objects" && type.propertySignatures.length + type.indexSignatures.length === 0

/** Its checking makes a container anew, of parts that are read, but hands on an instance. */
const copyingContainer = ({ annotations, checks, context, run, typeParameters }: SchemaAST.Declaration): AST =>
  then(
    new SchemaAST.Declaration(typeParameters.map(copying), run, annotations, checks, undefined, context),
    (value, copies) => classOf(value) === undefined ? value : copyOf(value, copies)
  )

/** Checks as the type does, then copies. */
const then = (type: AST, copy: (value: unknown, copies: Copies) => unknown): AST =>
  SchemaAST.decodeTo(
    type,
    new SchemaAST.Any(undefined, undefined, undefined, type.context),
    new SchemaTransformation.Transformation(
      SchemaGetter.transformEffect((value, options: Reading) =>
        Effect.succeed(copy(value, options.copies ?? new Map()))
      ),
      SchemaGetter.passthrough()
    )
  )

interface Copy {
  readonly value: object
  /** Sets the parts of the value, given what copies them. */
  readonly fill: (copy: (part: unknown) => unknown) => void
}

/** A deep copy that keeps cycles. It takes no stack, however deep the value, but for instances in instances. */
const copyOf = (value: unknown, copies: Copies): unknown => {
  const begun: Array<Copy> = []
  const copy = (part: unknown): unknown => {
    if (typeof part !== "object" || part === null) return part
    const known = copies.get(part)
    if (known !== undefined) return known.value
    copies.set(part, shared(part)) // an instance that holds itself cannot be made before it is made
    const made = begin(part, copies)
    copies.set(part, made)
    begun.push(made)
    return made.value
  }
  const result = copy(value)
  for (const { fill } of begun) fill(copy) // which begins more of them
  return result
}

const shared = (value: object): Copy => ({ value, fill: () => {} })

/** All that is read of an object is read here: one that throws is shared, alone. */
const begin = (from: object, copies: Copies): Copy => {
  try {
    const type = classOf(from)
    const maker = type && makerOf(type)
    const value = maker ? maker.make(from, copies) : shellOf(from)
    if (value === undefined) return shared(from)
    Object.setPrototypeOf(value, Object.getPrototypeOf(from)) // of a class that extends the one that is known
    const entries = from instanceof Map ? Array.from(Map.prototype.entries.call(from)) : []
    const items = from instanceof Set ? Array.from(Set.prototype.values.call(from)) : []
    const properties = propertiesOf(from, value, maker?.fields)
    const fill: Copy["fill"] = (copy) => {
      for (const [key, each] of entries) Map.prototype.set.call(value, copy(key), copy(each))
      for (const each of items) Set.prototype.add.call(value, copy(each))
      if (Array.isArray(value)) value.forEach((each, i) => (value[i] = copy(each)))
      for (const [name, property] of properties) setProperty(value, name, { ...property, value: copy(property.value) })
    }
    return { value, fill }
  } catch {
    return shared(from)
  }
}

const setProperty = (of: object, name: PropertyKey, property: PropertyDescriptor): void => {
  if (!Reflect.defineProperty(of, name, property)) Reflect.set(of, name, property.value) // the length of an array
}

/** An object of a known kind, whose parts are still to be copied. */
const shellOf = (from: object): object | undefined => {
  const prototype: unknown = Object.getPrototypeOf(from)
  if (prototype === null || prototype === Object.prototype) return {}
  if (Array.isArray(from)) return itemsOf(from)
  if (from instanceof Map) return new Map()
  if (from instanceof Set) return new Set()
  if (from instanceof Date) return new Date(from)
  if (from instanceof RegExp) return new RegExp(from)
  if (from instanceof URL) return new URL(from)
  if (from instanceof URLSearchParams) return new URLSearchParams(from)
  if (from instanceof ArrayBuffer) return from.slice(0)
  return ArrayBuffer.isView(from) && from.buffer instanceof ArrayBuffer ? viewLike(from, from.buffer) : undefined
}

/** Holes stay holes. */
const itemsOf = (from: ReadonlyArray<unknown>): Array<unknown> => {
  const items: Array<unknown> = []
  from.forEach((each, i) => (items[i] = each))
  return items
}

/** Copies the bytes that are seen, alone. */
const viewLike = (view: ArrayBufferView, buffer: ArrayBuffer): object => {
  const kind = Object.prototype.toString.call(view).slice("[object ".length, -1) as "Uint8Array" // or another of them
  return new globalThis[kind](buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
}

/** The properties of its own, by value, but for what the copy has been made with: items, fields, functions. */
const propertiesOf = (from: object, to: object, fields: ReadonlySet<PropertyKey> = new Set()) => {
  const properties: Array<readonly [PropertyKey, PropertyDescriptor]> = []
  if (ArrayBuffer.isView(from)) return properties
  const isItem = (name: PropertyKey) => Array.isArray(to) && name !== "length" && Object.hasOwn(to, name)
  for (const name of Reflect.ownKeys(from)) {
    if (isItem(name) || fields.has(name)) continue
    const value: unknown = Reflect.get(from, name)
    if (typeof value === "function" && Object.hasOwn(to, name)) continue
    const enumerable = Object.prototype.propertyIsEnumerable.call(from, name)
    properties.push([name, { value, enumerable, writable: true, configurable: true }])
  }
  return properties
}

/** A class of Schema, which makes its instances of fields. */
interface Maker {
  readonly fields: ReadonlySet<PropertyKey>
  readonly make: (from: object, copies: Copies) => object
}

const makerOf = memoize((type: SchemaAST.Declaration): Maker | null => {
  const link = linkOf(type)
  if (link?.to._tag !== "Objects") return null
  const fields = new Set(link.to.propertySignatures.map(({ name }) => name))
  const read = readerOf(SchemaAST.toType(link.to))
  const make = (from: object, copies: Copies) => {
    const given = [...fields].filter((name) => name in from).map((name) => [name, Reflect.get(from, name)])
    return link.decode(Effect.runSync(read(Object.fromEntries(given), copies))) as object // an instance
  }
  return { fields, make }
})
