/**
 * What a run found, as text for people or as one JSON document for programs.
 */
import { Effect, Schema } from "effect"
import { Catalog, type Remaining } from "./Catalog.ts"
import * as FilePath from "./FilePath.ts"
import * as Line from "./Line.ts"
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
  /** The file in which all of it is remembered. */
  catalog: Schema.String,
  /** `canceled`: tasks of it were cancelled in the dashboard. */
  outcome: Schema.Literals(["complete", "interrupted", "canceled"]),
  millis: Schema.Finite,
  /** Of the files that this run has read; to find a file unchanged is no reading. */
  filesPerSecond: Schema.Int,
  files: Schema.Int,
  indexed: Schema.Int,
  unchanged: Schema.Int,
  remaining: Schema.Struct({ files: Schema.Int, folders: Schema.Int, thumbnails: Schema.Int }),
  folders: Schema.Int,
  listed: Schema.Int,
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

export const make = Effect.fnUntraced(function*(root: FilePath.FilePath, { startedAt, endedAt, interrupted }: Run) {
  const catalog = yield* Catalog
  const totals = yield* catalog.totals(root, startedAt)
  const remaining = yield* catalog.remaining(root, startedAt)
  const duplicates = yield* catalog.duplicates(root)
  const millis = endedAt - startedAt
  return {
    root,
    catalog: catalog.file,
    outcome: interrupted ? "interrupted" : isEmpty(remaining) ? "complete" : "canceled",
    millis,
    filesPerSecond: Math.round((totals.indexed * 1_000) / Math.max(millis, 1)),
    ...totals,
    remaining,
    contentTypes: yield* catalog.contentTypes(root),
    wastedBytes: duplicates.reduce((sum, group) => sum + wasted(group), 0),
    duplicates,
    failures: yield* catalog.failures(root, startedAt)
  } satisfies Report
})

export const toJson = (report: Report): string => JSON.stringify(encode(report), null, 2)

export const toText = (report: Report, { color, width }: Line.Style): string => {
  const palette = Palette.make(color)
  const sections = [summary, contentTypes, duplicates, failures].map((section) => section(report, palette, width))
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n")
}

type Section = (report: Report, palette: Palette.Palette, width: number) => ReadonlyArray<string>

const encode = Schema.encodeSync(Report)

const wasted = ({ size, paths }: Report["duplicates"][number]): number => size * (paths.length - 1)

const isEmpty = ({ files, folders, thumbnails }: Remaining): boolean => files + folders + thumbnails === 0

const summary: Section = (report, palette, width) => {
  const { catalog, millis, indexed, filesPerSecond } = report
  const speed = indexed === 0 ? "" : `, ${Numbers.count(filesPerSecond)} files/s`
  return [
    ...(report.outcome === "complete" ? whole(report, palette, width) : part(report, palette, width)),
    `  ${Numbers.millis(millis)}${speed}`,
    Line.withPath(width, "  catalog: ", catalog)
  ]
}

const whole: Section = ({ root, files, folders, bytes, skipped, ...report }, palette, width) => [
  palette.strong(Line.withPath(width, "Indexed ", root)),
  `  ${Numbers.counted(files, "file")} in ${Numbers.counted(folders, "folder")}, ` +
  Numbers.bytes(bytes) + (skipped === 0 ? "" : `; ${linksAndSpecialFiles(skipped)} passed over`),
  `  ${counts(report, palette)}`
]

/** Of a run that was stopped: what it says of a folder is true only of the part that was looked at. */
const part: Section = ({ root, outcome, remaining, ...report }, palette, width) => {
  const { files, indexed, unchanged, listed } = report
  const reason = outcome === "interrupted" ? "Interrupted" : "Cancelled in the dashboard"
  const earlier = files - indexed - unchanged
  return [
    palette.strong(Line.withPath(width, `${reason}: `, root)),
    `  looked at: ${Numbers.counted(listed, "folder")}; ${counts(report, palette)}`,
    `  not looked at: ${remainders(remaining)}`,
    ...(earlier === 0 ? [] : [`  in the catalog from earlier runs, not looked at: ${Numbers.counted(earlier, "file")}`])
  ]
}

type Counts = Pick<Report, "indexed" | "unchanged" | "failures">

const counts = ({ indexed, unchanged, failures }: Counts, palette: Palette.Palette): string => {
  const failed = Numbers.count(failures.length)
  return `${Numbers.count(indexed)} indexed, ${Numbers.count(unchanged)} known from before, ` +
    (failures.length === 0 ? palette.good("none failed") : palette.bad(`${failed} failed`))
}

const remainders = (remaining: Remaining): string =>
  isEmpty(remaining) ? "nothing that was found" : [
    [remaining.files, "file"] as const,
    [remaining.folders, "folder"] as const,
    [remaining.thumbnails, "thumbnail"] as const
  ].filter(([n]) => n > 0).map(([n, name]) => Numbers.counted(n, name)).join(", ")

const linksAndSpecialFiles = (n: number): string =>
  Numbers.counted(n, "link or special file", "links and special files")

const contentTypes: Section = ({ contentTypes }, palette) =>
  contentTypes.length === 0 ? [] : [
    palette.strong("By content type"),
    ...firstFew(contentTypes, "type", ({ contentType, files, bytes }) =>
      `  ${contentType.padEnd(36)} ${Numbers.count(files).padStart(9)} ${Numbers.bytes(bytes).padStart(10)}`)
  ]

const duplicates: Section = ({ root, duplicates, wastedBytes }, palette, width) => {
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
        Line.withPath(
          width,
          `  ${Numbers.bytes(wasted(group)).padStart(10)}  ${group.paths.length} × `,
          FilePath.relative(root, group.paths[0]!)
        )
    )
  ]
}

const failures: Section = ({ root, failures }, palette, width) =>
  failures.length === 0 ? [] : [
    palette.strong(palette.bad(`Failures: ${Numbers.count(failures.length)}`)),
    ...firstFew(failures, "failure", ({ path, reason }) =>
      Line.withPath(width, "  ", FilePath.relative(root, path), `: ${reason}`))
  ]

const linesToShow = 12

const firstFew = <A>(items: ReadonlyArray<A>, name: string, line: (item: A) => string): ReadonlyArray<string> => {
  const rest = items.length - linesToShow
  const shown = items.slice(0, linesToShow).map(line)
  return rest > 0 ? [...shown, `  and ${Numbers.counted(rest, `more ${name}`)} (all of them: --json)`] : shown
}
