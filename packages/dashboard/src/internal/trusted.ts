import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaParser from "effect/SchemaParser"

/**
 * The same Schema, whose encoding costs nothing: for values that are JSON already and typed by the compiler.
 *
 * Walking every field of every row would cost the server several times what writing the JSON does, for each viewer.
 * Whoever reads still checks all of it.
 */
export const trusted = <S extends Schema.Codec<any, any>>(schema: S): Schema.Codec<S["Type"], unknown> =>
  Schema.Any.pipe(
    Schema.decodeTo(Schema.declare((_: unknown): _ is S["Type"] => true), {
      decode: SchemaGetter.transformEffect((value, options) =>
        SchemaParser.decodeUnknownEffect(schema)(value, options)
      ),
      encode: SchemaGetter.passthrough<unknown>()
    })
  )
