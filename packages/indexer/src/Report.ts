/**
 * What a run found, as text for people or as one JSON document for programs.
 */
import { Effect, Schema } from "effect"
import { Catalog } from "./Catalog.ts"
import * as FilePath from "./FilePath.ts"
import * as Numbers from "./Numbers.ts"
import * as Palette from "./Palette.ts"

/** The part of the report that only the run itself knows; the rest is in the catalog. */
export interface Run {
  readonly startedAt: number
  readonly endedAt: number
  readonly interrupted: boolean
}

export const Report = Schema.Struct({
  root: FilePath.FilePath,
  interrupted: Schema.Boolean,
  millis: Schema.Finite,
  filesPerSecond: Schema.Int,
  files: Schema.Int,
  indexed: Schema.Int,
  folders: Schema.Int,
  bytes: Schema.Int,
  skipped: Schema.Int,
  contentTypes: Schema.Array(Schema.Struct({ contentType: Schema.String, files: Schema.Int, bytes: Schema.Int })),
  wastedBytes: Schema.Int,
  duplicates: Schema.Array(
    Schema.Struct({ sha256: Schema.String, size: Schema.Int, paths: Schema.Array(FilePath.FilePath) })
  ),
  failures: Schema.Array(Schema.Struct({ path: FilePath.FilePath, reason: Schema.String }))
})
export type Report = typeof Report.Type

export const make = Effect.fnUntraced(function*(root: FilePath.FilePath, run: Run) {
  const catalog = yield* Catalog
  const totals = yield* catalog.totals(root, run.startedAt)
  const duplicates = yield* catalog.duplicates(root)
  const millis = run.endedAt - run.startedAt
  return {
    root,
    interrupted: run.interrupted,
    millis,
    filesPerSecond: Math.round((totals.files * 1_000) / Math.max(millis, 1)),
    ...totals,
    contentTypes: yield* catalog.contentTypes(root),
    wastedBytes: duplicates.reduce((sum, group) => sum + wasted(group), 0),
    duplicates,
    failures: yield* catalog.failures(root)
  } satisfies Report
})

export const toJson = (report: Report): string => JSON.stringify(encode(report), null, 2)

export const toText = (report: Report, color: boolean): string => {
  const palette = Palette.make(color)
  const sections = [summary, contentTypes, duplicates, failures].map((section) => section(report, palette))
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n")
}

type Section = (report: Report, palette: Palette.Palette) => ReadonlyArray<string>

const encode = Schema.encodeSync(Report)

const wasted = ({ size, paths }: Report["duplicates"][number]): number => size * (paths.length - 1)

const summary: Section = ({ root, interrupted, skipped, failures, ...totals }, palette) => {
  const failed = Numbers.count(failures.length)
  return [
    palette.strong(`${interrupted ? "Interrupted; so far" : "Indexed"} ${root}`),
    `  ${Numbers.counted(totals.files, "file")} in ${Numbers.counted(totals.folders, "folder")}, ` +
    Numbers.bytes(totals.bytes) + (skipped === 0 ? "" : `; ${linksAndSpecialFiles(skipped)} passed over`),
    `  ${Numbers.count(totals.indexed)} indexed, ${Numbers.count(totals.files - totals.indexed)} known from before, ` +
    (failures.length === 0 ? palette.good("none failed") : palette.bad(`${failed} failed`)),
    `  ${Numbers.millis(totals.millis)}, ${Numbers.count(totals.filesPerSecond)} files/s`
  ]
}

const linksAndSpecialFiles = (n: number): string =>
  Numbers.counted(n, "link or special file", "links and special files")

const contentTypes: Section = ({ contentTypes }, palette) =>
  contentTypes.length === 0 ? [] : [
    palette.strong("By content type"),
    ...firstFew(contentTypes, "type", ({ contentType, files, bytes }) =>
      `  ${contentType.padEnd(36)} ${Numbers.count(files).padStart(9)} ${Numbers.bytes(bytes).padStart(10)}`)
  ]

const duplicates: Section = ({ root, duplicates, wastedBytes }, palette) => {
  if (duplicates.length === 0) return []
  const copies = duplicates.reduce((sum, { paths }) => sum + paths.length - 1, 0)
  return [
    palette.strong(
      `Duplicates: ${Numbers.counted(copies, "copy", "copies")} of other files waste ${Numbers.bytes(wastedBytes)}`
    ),
    ...firstFew(
      duplicates,
      "file",
      (group) =>
        `  ${Numbers.bytes(wasted(group)).padStart(10)}  ${group.paths.length} × ${
          FilePath.relative(root, group.paths[0]!)
        }`
    )
  ]
}

const failures: Section = ({ root, failures }, palette) =>
  failures.length === 0 ? [] : [
    palette.strong(palette.bad(`Failures: ${Numbers.count(failures.length)}`)),
    ...firstFew(failures, "failure", ({ path, reason }) => `  ${FilePath.relative(root, path)}: ${reason}`)
  ]

const linesToShow = 12

const firstFew = <A>(items: ReadonlyArray<A>, name: string, line: (item: A) => string): ReadonlyArray<string> => {
  const rest = items.length - linesToShow
  const shown = items.slice(0, linesToShow).map(line)
  return rest > 0 ? [...shown, `  and ${Numbers.counted(rest, `more ${name}`)} (all of them: --json)`] : shown
}
