/** Random Schemas and values of them, and what a value is, told by looking at it and by no Schema. */
import { Chunk, Duration, HashMap, HashSet, Option, Result, Schema, SchemaTransformation } from "effect"

/** A number below `n`. */
export type Draw = (n: number) => number

export interface Kind {
  readonly schema: Schema.Codec<any, any>
  readonly value: () => any
}

export const drawFrom = (seed: number): Draw => {
  let state = seed | 0
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n)
  }
}

const encodedAs = <A, To>(
  schema: Schema.Codec<A>,
  to: Schema.Codec<To>,
  decode: (to: To) => A,
  encode: (value: A) => To
) => schema.pipe(Schema.encodeTo(to, SchemaTransformation.transform({ decode, encode })))

const texts = [
  "a",
  "A",
  "1",
  "NaN",
  "null",
  "undefined",
  "",
  "[]",
  "{}",
  "AQ==",
  "http://a/",
  "1970-01-01T00:00:00.000Z",
  `0("a")`
]
const json = [null, 1, "a", [], {}, [null], { a: 1, b: 2 }, { b: 2, a: 1 }, { a: [1] }]

/** Few values of each, so that equal ones are frequent and unlike ones look alike. */
const leaves: ReadonlyArray<readonly [Schema.Codec<any, any>, ReadonlyArray<() => unknown>]> = [
  [Schema.String, texts.map((text) => () => text)],
  [Schema.Number, [0, -0, 1, 2, NaN, Infinity].map((n) => () => n)],
  [Schema.Boolean, [() => true, () => false]],
  [Schema.Null, [() => null]],
  [Schema.Undefined, [() => undefined]],
  [Schema.BigInt, [() => 0n, () => 1n]],
  [Schema.Symbol, [() => Symbol.for("a"), () => Symbol.for("b")]],
  [Schema.Literals(["a", 1, true]), [() => "a", () => 1, () => true]],
  [Schema.Date, [() => new Date(0), () => new Date(1)]],
  [Schema.DateFromString, [() => new Date(0), () => new Date(1)]],
  [Schema.URL, [() => new URL("http://a/"), () => new URL("http://b/")]],
  [Schema.RegExp, [() => /a/, () => /a/g]],
  [Schema.Uint8Array, [() => new Uint8Array([0]), () => new Uint8Array([1])]],
  [
    Schema.Duration,
    [Duration.millis(1), Duration.nanos(1_000_000n), Duration.nanos(1n), Duration.infinity].map((d) => () => d)
  ],
  [Schema.NumberFromString, [0, -0, 1, NaN].map((n) => () => n)],
  [encodedAs(Schema.Number, Schema.String, Number, (n) => n.toFixed(0)), [1, 1.2, 1.4, 2].map((n) => () => n)],
  [encodedAs(Schema.String, Schema.String, (s) => s, (s) => s.toLowerCase()), texts.map((text) => () => text)],
  [
    encodedAs(Schema.Number, Schema.NullOr(Schema.Number), (n) => n ?? 0, (n) => n === 0 ? null : n),
    [0, 1].map((n) => () => n)
  ],
  [Schema.Json, json.map((value) => () => structuredClone(value))],
  [Schema.fromJsonString(Schema.Json), json.map((value) => () => structuredClone(value))]
]

let classes = 0

/** Of at most this depth. */
export const kindFrom = (draw: Draw, depth: number): Kind => {
  const one = <A>(of: ReadonlyArray<A>): A => of[draw(of.length)]!
  const sub = () => kindFrom(draw, depth - 1)
  const some = <A>(value: () => A): Array<A> => Array.from({ length: draw(3) }, value)
  const [a, b, c] = depth === 0 ? [] : [sub(), sub(), sub()]
  if (a === undefined || b === undefined || c === undefined || draw(6) === 0) {
    const [schema, values] = one(leaves)
    return { schema, value: () => one(values)() }
  }
  const pairs = () => some(() => [a.value(), b.value()] as const)
  const shuffled = (fields: Record<string, () => unknown>): Record<string, unknown> => {
    const names = Object.keys(fields)
    const from = draw(names.length)
    return Object.fromEntries([...names.slice(from), ...names.slice(0, from)].map((name) => [name, fields[name]!()]))
  }
  const Point = (id: string) => {
    class Object extends Schema.Class<Object>(id)({ x: a.schema, y: Schema.optional(b.schema) }) {}
    return Object
  }
  const point = (of: ReturnType<typeof Point>) =>
    new of(draw(2) === 0 ? { x: a.value() } : { x: a.value(), y: b.value() })
  const any: ReadonlyArray<() => Kind> = [
    () => ({ schema: Schema.Array(a.schema), value: () => some(a.value) }),
    () => ({
      schema: Schema.TupleWithRest(Schema.Tuple([a.schema]), [b.schema, c.schema]),
      value: () => [a.value(), ...some(b.value), c.value()]
    }),
    () => ({
      schema: Schema.Struct({ a: a.schema, b: Schema.optional(b.schema), "a b": Schema.optionalKey(c.schema) }),
      value: () => {
        const fields = { a: a.value, b: draw(2) === 0 ? b.value : () => undefined }
        return shuffled(draw(2) === 0 ? fields : { ...fields, "a b": c.value })
      }
    }),
    () => ({
      schema: Schema.Struct({ a: a.schema, b: b.schema }).pipe(Schema.encodeKeys({ a: "b", b: "a" })),
      value: () => shuffled({ a: a.value, b: b.value })
    }),
    () => ({
      schema: Schema.StructWithRest(Schema.Struct({}), [
        Schema.Record(Schema.TemplateLiteral(["t", Schema.String]), a.schema),
        Schema.Record(Schema.Number, b.schema)
      ]),
      value: () => shuffled(one([{ t1: a.value }, { 1: b.value, t1: a.value }, { t2: a.value, t1: a.value }]))
    }),
    () => ({ schema: Schema.ReadonlyMap(a.schema, b.schema), value: () => new Map(pairs()) }),
    () => ({ schema: Schema.ReadonlySet(a.schema), value: () => new Set(some(a.value)) }),
    () => ({ schema: Schema.HashMap(a.schema, b.schema), value: () => HashMap.fromIterable(pairs()) }),
    () => ({ schema: Schema.HashSet(a.schema), value: () => HashSet.fromIterable(some(a.value)) }),
    () => ({ schema: Schema.Chunk(a.schema), value: () => Chunk.fromIterable(some(a.value)) }),
    () => ({
      schema: one([Schema.Option, Schema.OptionFromNullOr])(a.schema),
      value: () => one([Option.none, () => Option.some(a.value())])()
    }),
    () => ({
      schema: Schema.Result(a.schema, b.schema),
      value: () => draw(2) === 0 ? Result.succeed(a.value()) : Result.fail(b.value())
    }),
    () => ({ schema: one([Schema.NullOr, Schema.UndefinedOr, Schema.NullishOr])(a.schema) as any, value: a.value }),
    () => ({ schema: Schema.Union([a.schema, b.schema, c.schema]), value: () => one([a, b, c]).value() }),
    () => {
      const points = [Point(`a${classes}`), Point(`b${classes}`), Point(`a${classes++}`)]
      return { schema: Schema.Union(points), value: () => point(one(points)) }
    },
    () => {
      class Failed extends Schema.TaggedError<Failed>(`Failed${classes++}`)("Failed", { x: a.schema }) {}
      return { schema: Failed, value: () => new Failed({ x: a.value() }) }
    },
    () => {
      const List: Schema.Codec<any, any> = Schema.Struct({
        x: a.schema,
        next: Schema.NullOr(Schema.suspend(() => List))
      })
      const list = (length: number): unknown => ({ x: a.value(), next: length === 0 ? null : list(length - 1) })
      return { schema: List, value: () => list(draw(3)) }
    }
  ]
  return one(any)()
}

const ids = new Map<unknown, number>()

/** Equal values, and no others, have the same. */
export const termOf = (value: any): string => {
  const terms = (values: Iterable<unknown>) => Array.from(values, termOf)
  const entries = (of: Iterable<readonly [unknown, unknown]>) =>
    Array.from(of, ([k, v]) => `${termOf(k)}=>${termOf(v)}`)
  if (typeof value !== "object" || value === null) {
    return `${typeof value} ${typeof value === "string" ? JSON.stringify(value) : value === 0 ? 0 : String(value)}`
  }
  if (Array.isArray(value)) return `[${terms(value)}]`
  if (value instanceof Date) return `Date ${value.getTime()}`
  if (value instanceof URL || value instanceof RegExp) return `${value.constructor.name} ${value}`
  if (value instanceof Uint8Array) return `bytes ${value}`
  if (value instanceof Map) return `Map {${entries(value).toSorted()}}`
  if (value instanceof Set) return `Set {${terms(value).toSorted()}}`
  if (HashMap.isHashMap(value)) return `HashMap {${entries(value).toSorted()}}`
  if (HashSet.isHashSet(value)) return `HashSet {${terms(value).toSorted()}}`
  if (Chunk.isChunk(value)) return `Chunk [${terms(value)}]`
  if (Option.isOption(value)) return Option.isNone(value) ? "none" : `some ${termOf(value.value)}`
  if (Result.isResult(value)) {
    return Result.isSuccess(value)
      ? `success ${termOf(value.success)}`
      : `failure ${termOf(value.failure)}`
  }
  if (Duration.isDuration(value)) {
    return `Duration ${Duration.isFinite(value) ? Duration.toNanosUnsafe(value) : "without end"}`
  }
  const { constructor } = Object.getPrototypeOf(value)
  if (!ids.has(constructor)) ids.set(constructor, ids.size)
  return `${ids.get(constructor)} {${Object.keys(value).toSorted().map((name) => `${name}: ${termOf(value[name])}`)}}`
}
