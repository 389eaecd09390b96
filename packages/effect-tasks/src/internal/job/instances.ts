/**
 * Instances of classes in unions. Schema makes an instance of a class of whatever has its fields, so of a member's instance
 * it may make one of a member before it. Here an instance of a member stays what it is.
 */
import { memoize } from "effect/Function"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import { mapParts, memberOfClass, toSchema } from "./types.ts"

type AST = SchemaAST.AST

/** A type that makes the same payloads, but for those. */
export const keepingInstances = memoize((type: AST): AST => {
  const kept = mapParts(type, keepingInstances)
  return kept._tag === "Union" && type._tag === "Union" && kept.types.some(mayMake) ? keepingIn(type.types, kept) : kept
})

const mayMake = ({ _tag }: AST): boolean => _tag === "Declaration" || _tag === "Suspend"

const keepingIn = (members: ReadonlyArray<AST>, union: SchemaAST.Union): AST => {
  const { annotations, checks, context, options, types } = union
  const alone = types.map((type) => new SchemaAST.Union([type], options, annotations, checks))
  return new SchemaAST.Declaration(
    [union, ...alone],
    (parameters) => {
      const [make, ...makes] = parameters.map((parameter) => SchemaParser.makeEffect(toSchema(parameter)))
      return (input, _, parseOptions) => (makes[memberOfClass(members, input)] ?? make!)(input, { parseOptions })
    },
    undefined,
    undefined,
    undefined,
    context
  )
}
