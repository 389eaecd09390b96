/**
 * Which fields the dashboard withholds, beside those that are `Redacted`.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

const annotation = "@effect-tasks/dashboard/sensitive"

/**
 * Marks a Schema: the dashboard shows `"<redacted>"` where its values are, in payloads, keys, progress, results and errors.
 * The handler sees the value as it is.
 *
 * **When to use**
 *
 * Use for what is private rather than secret, such as names of customers. A secret is safer as `Schema.Redacted`, which logs
 * withhold, too.
 *
 * **Gotchas**
 *
 * Texts of the task's own making, such as log lines and messages of errors, are searched for the values word for word. One that
 * was encoded, split or changed in case is not found.
 *
 * **Example** (Withholding a field)
 *
 * ```ts
 * import { Sensitive } from "@effect-tasks/dashboard"
 * import { Schema } from "effect"
 * import { Job } from "effect-tasks"
 *
 * class Invoice extends Job.make("Invoice", {
 *   payload: { number: Schema.Int, customer: Sensitive.mark(Schema.String) }
 * }) {}
 *
 * console.log(Sensitive.isMarked(Invoice.payloadSchema), Sensitive.isMarked(Schema.String)) // => true false
 * ```
 *
 * @category annotations
 * @since 0.1.0
 */
export const mark = <S extends Schema.Top>(schema: S): S["Rebuild"] => schema.annotate({ [annotation]: true })

/**
 * Whether a Schema, or a part of it, is marked.
 *
 * @category guards
 * @since 0.1.0
 */
export const isMarked = (schema: Schema.Top): boolean => holdsMark(SchemaAST.toType(schema.ast), new Set())

const hasMark = (ast: SchemaAST.AST): boolean =>
  ast.annotations?.[annotation] === true ||
  ast.checks?.some((check) => check.annotations?.[annotation] === true) === true

const holdsMark = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  return hasMark(ast) || partsOf(ast).some((part) => holdsMark(part, seen))
}

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

/**
 * Calls back for each marked part of a value of the Schema.
 *
 * @internal
 */
export const visitMarked = (
  schema: Schema.Top,
  value: unknown,
  found: (path: ReadonlyArray<string | number>, value: unknown) => void
): void => visit(SchemaAST.toType(schema.ast), value, [], found)

const visit = (
  ast: SchemaAST.AST,
  value: unknown,
  path: ReadonlyArray<string | number>,
  found: (path: ReadonlyArray<string | number>, value: unknown) => void
): void => {
  if (value === undefined || path.length > 64) return
  if (hasMark(ast)) return found(path, value)
  switch (ast._tag) {
    case "Declaration":
      // a class is declared over its fields; what else has parameters has other places for them
      if (ast.typeParameters.length === 1) visit(ast.typeParameters[0], value, path, found)
      return
    case "Objects":
      if (typeof value !== "object" || value === null) return
      for (const { name, type } of ast.propertySignatures) {
        if (typeof name === "string") visit(type, Reflect.get(value, name), [...path, name], found)
      }
      for (const { type } of ast.indexSignatures) {
        for (const [name, each] of Object.entries(value)) visit(type, each, [...path, name], found)
      }
      return
    case "Arrays":
      if (!Array.isArray(value)) return
      value.forEach((each, i) => {
        const type = ast.elements[i] ?? ast.rest[0]
        if (type !== undefined) visit(type, each, [...path, i], found)
      })
      return
    case "Union":
      for (const type of ast.types) visit(type, value, path, found)
      return
    case "Suspend":
      return visit(ast.thunk(), value, path, found)
  }
}
