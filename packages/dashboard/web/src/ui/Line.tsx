/** One line of the tree. */
import { memo } from "preact/compat"
import type { PoolRow, TaskRow } from "../../../src/Contract.ts"
import { firstFailureBelow } from "../data/failures.ts"
import { count, duration, percent, short } from "../data/format.ts"
import { isFiltered, matching } from "../data/matching.ts"
import {
  keyText,
  ownProgress,
  type RollUp,
  rollUp,
  runTime,
  statusOf,
  statusText,
  waitingText,
  waitTime,
  worst
} from "../data/node.ts"
import { selected } from "../data/place.ts"
import { type NodeKey, store } from "../data/store.ts"
import { hasChildren, isOpen, setOpen } from "../data/tree.ts"
import { cursor, enter } from "./treeKeys.ts"
import { hovered } from "./treeList.ts"
import { lineHeight } from "./virtual.ts"

interface LineProps {
  readonly node: NodeKey
  readonly index: number
  readonly depth: number
  readonly task: TaskRow | undefined
  readonly pool: PoolRow | undefined
  readonly below: RollUp | undefined
  readonly fold: Fold
  /** Only there because something below it matches the filter. */
  readonly isContext: boolean
  readonly isSelected: boolean
  readonly now: number
  readonly isActive: boolean
}

type Fold = "none" | "open" | "closed"

/** Times of live tasks go on in steps of this many milliseconds. */
const step = 100

/** Everything that a line shows: where nothing of it has changed, it is not drawn again. */
export const lineOf = (node: NodeKey, index: number, depth: number, now: number): Omit<LineProps, "isActive"> => {
  const id = node.slice(1)
  const task = node[0] === "t" ? store.tasks.get(id) : undefined
  return {
    node,
    index,
    depth,
    task,
    pool: node[0] === "p" ? store.pools.get(id) : undefined,
    below: rollUp(node),
    fold: !hasChildren(node) ? "none" : isOpen(node) ? "open" : "closed",
    isContext: isFiltered.value && !matching.has(id),
    isSelected: task !== undefined && selected.value === id,
    now: task === undefined || task.state === "Exited" ? 0 : Math.floor(now / step) * step
  }
}

export const Line = memo((
  { below, depth, fold, index, isActive, isContext, isSelected, node, now, pool, task }: LineProps
) => (
  <div
    id={`line-${node}`}
    role="row"
    class={`line${isActive ? " active" : ""}${isSelected ? " selected" : ""}${isContext ? " context" : ""}`}
    aria-level={depth + 1}
    aria-rowindex={index + 1}
    aria-selected={isSelected}
    aria-expanded={fold === "none" ? undefined : fold === "open"}
    style={{ top: `${index * lineHeight}px` }}
    onMouseMove={() => {
      hovered.key = node
      hovered.index = index
    }}
    onClick={() => {
      cursor.value = node
      enter(node)
    }}
  >
    <span role="gridcell" class="name" style={{ paddingLeft: `${Math.min(depth, 24) * 18}px` }}>
      <Chevron node={node} fold={fold} />
      {task === undefined ? <PoolName name={pool?.name ?? node.slice(1)} /> : <TaskName row={task} />}
      {task === undefined || below === undefined ? null : <Fault row={task} />}
    </span>
    <span role="gridcell" class="state">
      {task === undefined ? <span class="dim">{pool?.state}</span> : <State row={task} />}
    </span>
    <span role="gridcell" class="progress">
      {below === undefined ? task === undefined ? null : <Own row={task} /> : <Rolled node={node} all={below} />}
    </span>
    <span role="gridcell" class="time wait">{task === undefined ? "" : duration(waitTime(task, now))}</span>
    <span role="gridcell" class="time run">{task === undefined ? "" : runText(task, now)}</span>
    <span role="gridcell" class="worker">{task?.worker ?? ""}</span>
  </div>
))

const Chevron = ({ fold, node }: { readonly node: NodeKey, readonly fold: Fold }) => (
  <span
    class={`chevron ${fold}`}
    aria-hidden="true"
    onClick={(event) => {
      if (fold === "none") return
      event.stopPropagation()
      setOpen(node, fold === "closed")
    }}
  />
)

const PoolName = ({ name }: { readonly name: string }) => (
  <>
    <span class="tag">pool</span>
    <span class="job">{name}</span>
  </>
)

const TaskName = ({ row }: { readonly row: TaskRow }) => (
  <>
    <span class="job">{row.job}</span>
    <KeyText row={row} />
  </>
)

/** As long as what is cut off a key's middle leaves its end to be read. */
const tail = 14

const KeyText = ({ row }: { readonly row: TaskRow }) => {
  const text = keyText(row)
  return (
    <span class="key" title={row.key}>
      <span>{text.slice(0, -tail)}</span>
      <span class="tail">{text.slice(-tail)}</span>
    </span>
  )
}

const State = ({ row }: { readonly row: TaskRow }) => {
  const status = statusOf(row)
  const why = waitingText(row)
  return (
    <>
      <span class={`pill ${status}`}>{statusText(row)}</span>
      {why === "" ? null : <span class="why" title={why}>{why}</span>}
      {row.attempt > 1 ? <span class="why">attempt {row.attempt}</span> : null}
    </>
  )
}

const runText = (row: TaskRow, now: number): string => {
  const time = runTime(row, now)
  return time === undefined ? "" : duration(time)
}

const Fault = ({ row }: { readonly row: TaskRow }) =>
  row.error === null ? null : <span class="fault" title={row.error}>{row.error}</span>

/** What a task without others below it has reported, or how it failed. */
const Own = ({ row }: { readonly row: TaskRow }) => {
  if (row.state === "Exited") return <Fault row={row} />
  const done = ownProgress(row)
  if (done === undefined) return row.progress === null ? null : <span class="dim report">{row.progress}</span>
  return (
    <>
      <span class="track">
        <i class="running" style={{ width: `${done * 100}%` }} />
      </span>
      <span class="number">{percent(done)}</span>
    </>
  )
}

const Rolled = ({ all, node }: { readonly all: RollUp, readonly node: NodeKey }) => {
  const good = Math.max(0, all.complete - all.failed - all.canceled)
  const part = (value: number) => ({ width: `${value / all.total * 100}%` })
  return (
    <>
      <span class={`dot ${worst(all)}`} title={`worst below: ${worst(all)}`} />
      <span class="track" title={percent(all.progress)}>
        <i class="success" style={part(good)} />
        <i class="error" style={part(all.failed)} />
        <i class="canceled" style={part(all.canceled)} />
        <i class="running faint" style={part(all.running)} />
      </span>
      <span class="number" title={`${count(all.complete)} of ${count(all.total)}`}>
        {short(all.complete)}/{short(all.total)}
      </span>
      {all.failed > 0
        ? (
          <button
            type="button"
            class="bad"
            tabIndex={-1}
            title={`${count(all.failed)} failed: go to the first`}
            onClick={(event) => {
              event.stopPropagation()
              firstFailureBelow(node)
            }}
          >
            {short(all.failed)} ✕
          </button>
        )
        : null}
    </>
  )
}
