/**
 * Copies of payloads. A Schema copies structs and arrays when it checks them; what else can change in the hands of its
 * owner is copied here, so that the handler gets what was dispatched. `Schema.Any` is opaque: its values are shared.
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

type Copy = (value: any) => unknown

/** What copies a checked payload; nothing where checking has copied all that could change. */
export const copierOf = (ast: SchemaAST.AST): Maybe => {
  if (!known.has(ast)) known.set(ast, makeCopier(ast))
  return known.get(ast)
}

const known = new WeakMap<SchemaAST.AST, Maybe>()

const makeCopier = (ast: SchemaAST.AST): Maybe => {
  switch (ast._tag) {
    case "Declaration":
    case "Unknown":
    case "ObjectKeyword":
    case "Suspend":
      return copyOf
    case "Union":
      return ast.types.some((type) => copierOf(type) !== undefined) ? copyOf : undefined
    case "Arrays":
      return inItems(ast.elements.map(copierOf), ast.rest.map(copierOf))
    case "Objects":
      return inFields(
        new Map(ast.propertySignatures.map(({ name, type }) => [name, copierOf(type)])),
        ast.indexSignatures.map(({ type }) => copierOf(type))
      )
    default:
      return undefined
  }
}

type Maybe = Copy | undefined

const isCopy = (copy: Maybe): copy is Copy => copy !== undefined

/** Of several kinds that may stand there, it is not known which one does. */
const common = (copies: ReadonlyArray<Maybe>): Maybe =>
  copies.some(isCopy) ? copies.length === 1 ? copies[0] : copyOf : undefined

/** The checked array is a copy already: its items are replaced. */
const inItems = (elements: ReadonlyArray<Maybe>, rest: ReadonlyArray<Maybe>): Maybe => {
  const later = common(rest)
  if (later === undefined && !elements.some(isCopy)) return undefined
  return (items: Array<unknown>) => {
    for (let i = 0; i < items.length; i++) {
      const copy = i < elements.length ? elements[i] : later
      if (copy !== undefined) items[i] = copy(items[i])
    }
    return items
  }
}

/** The checked struct is a copy already: its fields are replaced. */
const inFields = (named: ReadonlyMap<PropertyKey, Maybe>, indexed: ReadonlyArray<Maybe>): Maybe => {
  const others = common(indexed)
  if (others === undefined && ![...named.values()].some(isCopy)) return undefined
  return (fields: Record<PropertyKey, unknown>) => {
    for (const name of Reflect.ownKeys(fields)) {
      const copy = named.has(name) ? named.get(name) : others
      if (copy !== undefined) fields[name] = copy(fields[name])
    }
    return fields
  }
}

/** A deep copy; objects of other classes than these are opaque and shared, as is what cannot be read. */
const copyOf = (value: unknown): unknown => {
  try {
    return deepCopy(value, new Map())
  } catch {
    return value
  }
}

const deepCopy = (value: unknown, copies: Map<object, object>): unknown => {
  if (typeof value !== "object" || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  const remember = <A extends object>(copy: A): A => {
    copies.set(value, copy)
    return copy
  }
  const copy = (part: unknown) => deepCopy(part, copies)
  if (Array.isArray(value)) {
    const items = remember<Array<unknown>>([])
    value.forEach((each, i) => (items[i] = copy(each)))
    return items
  }
  if (value instanceof Date) return remember(new Date(value))
  if (value instanceof URL) return remember(new URL(value))
  if (value instanceof Map) {
    const entries = remember(new Map<unknown, unknown>())
    for (const [key, each] of value) entries.set(copy(key), copy(each))
    return entries
  }
  if (value instanceof Set) {
    const items = remember(new Set<unknown>())
    for (const each of value) items.add(copy(each))
    return items
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return remember(structuredClone(value))
  if (!hasFields(value)) return value
  const fields = remember(Object.create(Object.getPrototypeOf(value)))
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    Object.defineProperty(fields, name, "value" in property ? { ...property, value: copy(property.value) } : property)
  }
  return fields
}

/** A literal, or an instance of a class of Schema: its fields are all there is to it. */
const hasFields = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Schema.isSchema(prototype.constructor)
}
