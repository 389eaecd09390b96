/** Types of Schema: what they are made of. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

type AST = SchemaAST.AST

export const toSchema = (ast: AST) => Schema.make<Schema.Codec<unknown>>(ast)

/** The type with other parts; itself where they are the same. What a declared type is made of belongs to it. */
export const mapParts = (type: AST, map: (part: AST) => AST): AST => {
  const { annotations, checks, context } = type
  const isSame = (parts: ReadonlyArray<AST>) => parts.every((part) => map(part) === part)
  switch (type._tag) {
    case "Arrays": {
      const { elements, isMutable, rest } = type
      if (isSame([...elements, ...rest])) return type
      return new SchemaAST.Arrays(isMutable, elements.map(map), rest.map(map), annotations, checks, undefined, context)
    }
    case "Objects": {
      const { indexSignatures, propertySignatures } = type
      if (isSame([...propertySignatures, ...indexSignatures].map((part) => part.type))) return type
      const properties = propertySignatures.map(({ name, type }) => new SchemaAST.PropertySignature(name, map(type)))
      const indexes = indexSignatures.map(({ parameter, type }) => new SchemaAST.IndexSignature(parameter, map(type)))
      return new SchemaAST.Objects(properties, indexes, annotations, checks, undefined, context)
    }
    case "Union": {
      const { options, types } = type
      if (isSame(types)) return type
      return new SchemaAST.Union(types.map(map), options, annotations, checks, undefined, context)
    }
    case "Suspend":
      return new SchemaAST.Suspend(() => map(type.thunk()), annotations, undefined, undefined, context)
    default:
      return type
  }
}

/** The type of the class of Schema that a value is an instance of. */
export const classOf = (value: unknown): SchemaAST.Declaration | undefined => {
  const made: unknown = (value as object | null | undefined)?.constructor
  if (!Schema.isSchema(made)) return undefined
  const type = SchemaAST.toType(made.ast)
  return type._tag === "Declaration" ? type : undefined
}

/** The first member of a union that is the class of a value, or a union with it; -1 for none. */
export const memberOfClass = (types: ReadonlyArray<AST>, value: unknown): number => {
  const own = classOf(value)
  return own === undefined ? -1 : types.findIndex((type) => holds(type, own, new Set()))
}

const holds = (type: AST, member: AST, seen: Set<AST>): boolean => {
  if (seen.has(type)) return false
  seen.add(type)
  if (type._tag === "Suspend") return holds(type.thunk(), member, seen)
  return type._tag === "Union" ? type.types.some((each) => holds(each, member, seen)) : type === member
}

/** One step of the codec of a declared type: to another type, whose own codec is a step of its own. */
export interface Link {
  readonly to: AST
  readonly encode: (value: unknown) => unknown
  readonly decode: (value: unknown) => unknown
}

export const linkOf = ({ annotations, typeParameters }: SchemaAST.Declaration): Link | undefined => {
  const make = annotations?.["toCodecJson"] ?? annotations?.["toCodec"]
  const link = typeof make === "function" ? make(typeParameters.map(toSchema)) as SchemaAST.Link | undefined : undefined
  if (link === undefined) return undefined
  const step = new SchemaAST.Link(SchemaAST.unknown, link.transformation) // checks neither side again
  const schema = toSchema(new SchemaAST.Unknown(undefined, undefined, [step]))
  return { to: link.to, encode: Schema.encodeUnknownSync(schema), decode: Schema.decodeUnknownSync(schema) }
}
