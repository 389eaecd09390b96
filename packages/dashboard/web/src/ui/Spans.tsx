/** Where the time of a task went: its spans, each below the one around it. */
import type { TaskRow, TaskSpan } from "../../../src/Contract.ts"
import { kept } from "../../../src/internal/limits.ts"
import { count, duration } from "../model/format.ts"
import { useModel } from "../model/Model.ts"
import { Section } from "./Section.tsx"

interface SpansProps {
  readonly spans: ReadonlyArray<TaskSpan>
  readonly row: TaskRow
}

export const Spans = ({ row, spans }: SpansProps) => {
  const { store } = useModel()
  if (spans.length === 0) return null
  const now = row.finishedAt ?? store.now
  const from = Math.min(row.startedAt ?? now, ...spans.map(({ start }) => start))
  const to = Math.max(now, ...spans.map(({ end }) => end ?? 0))
  return (
    <Section
      name="Spans"
      note={spans.length < kept.notes.each ? count(spans.length) : `the latest ${count(spans.length)}`}
    >
      <ol class="spans" tabIndex={0} aria-label="Spans">
        {nest(spans).map((node, i) => <Line key={i} node={node} from={from} to={to} />)}
      </ol>
    </Section>
  )
}

interface Node {
  readonly span: TaskSpan
  readonly parent: Node | undefined
  readonly depth: number
  readonly children: Array<Node>
}

/** Each span before those inside of it. */
const nest = (spans: ReadonlyArray<TaskSpan>): ReadonlyArray<Node> => {
  const roots: Array<Node> = []
  const known = new Map<string, Node>()
  for (const span of spans) {
    const parent = span.parentId === null ? undefined : known.get(span.parentId)
    const node: Node = { span, parent, depth: parent === undefined ? 0 : parent.depth + 1, children: [] }
    const siblings = parent?.children ?? roots
    siblings.push(node)
    known.set(span.id, node)
  }
  return roots.flatMap(flatten)
}

const flatten = (node: Node): ReadonlyArray<Node> => [node, ...node.children.flatMap(flatten)]

/** Deeper ones leave no room for their names. */
const mostIndents = 8

interface LineProps {
  readonly node: Node
  /** What the whole width stands for. */
  readonly from: number
  readonly to: number
}

const Line = ({ from, node: { depth, parent, span }, to }: LineProps) => {
  const { end, failed, name, start } = span
  const length = Math.max(0, (end ?? to) - start)
  const part = (millis: number) => `${100 * millis / Math.max(to - from, 0.001)}%`
  return (
    <li class={failed ? "error" : end === null ? "running" : "success"}>
      <span class="name" title={name} style={{ paddingLeft: `${Math.min(depth, mostIndents) * 12}px` }}>
        {failed ? <b class="bad" aria-hidden="true">✕{" "}</b> : null}
        {name}
      </span>
      <span class="extent" aria-hidden="true">
        <i style={{ marginLeft: `min(${part(start - from)}, 100% - 2px)`, width: part(length) }} />
      </span>
      <span class="length">{duration(length)}</span>
      <span class="hidden">
        {failed ? "failed, " : end === null ? "not ended, " : ""}began {duration(start - from)} after the start
        {parent === undefined ? "" : `, inside of ${parent.span.name}`}
      </span>
    </li>
  )
}
