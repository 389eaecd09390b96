/** One line of the tree. */
import { memo } from "preact/compat"
import type { PoolRow, TaskRow } from "../../../src/Contract.ts"
import { count, duration, percent, short, shorten } from "../model/format.ts"
import { type Model, useModel } from "../model/Model.ts"
import type { NodeKey, RollUp } from "../model/Store.ts"
import {
  countdown,
  keyText,
  ownProgress,
  runTime,
  sleepTime,
  statusOf,
  statusText,
  statusWord,
  waitingText,
  waitTime,
  worst
} from "../model/words.ts"

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
  readonly top: number
  /** Characters that fit into its first column. */
  readonly room: number
}

type Fold = "none" | "open" | "closed"

/** Times of live tasks go on in steps of this many milliseconds. */
const step = 100

/** Everything that a line shows: where nothing of it has changed, it is not drawn again. */
export const lineOf = (
  { matching, place, store, tree }: Model,
  node: NodeKey,
  index: number,
  depth: number,
  now: number
): Omit<LineProps, "isActive" | "top" | "room"> => {
  const id = node.slice(1)
  const task = node[0] === "t" ? store.tasks.get(id) : undefined
  return {
    node,
    index,
    depth,
    task,
    pool: node[0] === "p" ? store.pools.get(id) : undefined,
    below: store.rollUp(node),
    fold: !tree.hasChildren(node) ? "none" : tree.isOpen(node) ? "open" : "closed",
    isContext: matching.isFiltered.value && !matching.ids.has(id),
    isSelected: task !== undefined && place.selected.value === id,
    now: task === undefined || task.state === "Exited" ? 0 : Math.floor(now / step) * step
  }
}

const isSame = (one: LineProps, other: LineProps): boolean =>
  (Object.keys(other) as Array<keyof LineProps>).every((name) =>
    name === "below" ? isSameRollUp(one.below, other.below) : one[name] === other[name]
  )

/** They are added up anew for each frame. */
const isSameRollUp = (one: RollUp | undefined, other: RollUp | undefined): boolean =>
  one === other || (one !== undefined && other !== undefined && one.complete === other.complete &&
    one.total === other.total && one.failed === other.failed && one.canceled === other.canceled &&
    one.running === other.running && one.sleeping === other.sleeping && one.progress === other.progress &&
    one.eta === other.eta)

export const Line = memo((
  { below, depth, fold, index, isActive, isContext, isSelected, node, now, pool, room, task, top }: LineProps
) => {
  const model = useModel()
  return (
    <div
      id={`line-${node}`}
      role="row"
      class={`line${isActive ? " active" : ""}${isSelected ? " selected" : ""}${isContext ? " context" : ""}`}
      aria-level={depth + 1}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      aria-expanded={fold === "none" ? undefined : fold === "open"}
      style={{ top: `${top}px` }}
      onMouseMove={() => model.tree.hovered = { key: node, index }}
      onClick={() => {
        model.tree.cursor.value = node
        model.tree.enter(node)
      }}
    >
      <span role="gridcell" class="name" style={{ paddingLeft: `${Math.min(depth, 24) * 18}px` }}>
        <Chevron node={node} fold={fold} />
        {task === undefined
          ? <PoolName name={pool?.name ?? node.slice(1)} />
          : <TaskName row={task} room={room - 6 - Math.min(depth, 24) * 2.5} />}
        {task === undefined || below === undefined ? null : <Fault row={task} />}
      </span>
      <span role="gridcell" class="state">
        {task === undefined ? <span class="dim">{pool?.state}</span> : <State row={task} below={below} now={now} />}
      </span>
      <span role="gridcell" class="progress">
        {below === undefined ? task === undefined ? null : <Own row={task} /> : <Rolled node={node} all={below} />}
      </span>
      <span role="gridcell" class="time wait">{task === undefined ? "" : duration(waitTime(task, now))}</span>
      <Run row={task} now={now} />
      <span role="gridcell" class="worker">{task?.worker ?? ""}</span>
    </div>
  )
}, isSame)

const Chevron = ({ fold, node }: { readonly fold: Fold, readonly node: NodeKey }) => {
  const { tree } = useModel()
  return (
    <span
      class={`chevron ${fold}`}
      aria-hidden="true"
      onClick={(event) => {
        if (fold === "none") return
        event.stopPropagation()
        tree.setOpen(node, fold === "closed")
      }}
    />
  )
}

const PoolName = ({ name }: { readonly name: string }) => (
  <>
    <span class="tag">pool</span>
    <bdi class="job">{name}</bdi>
  </>
)

const TaskName = ({ room, row }: { readonly row: TaskRow, readonly room: number }) => {
  const text = keyText(row)
  const left = Math.max(8, Math.floor(room - Math.min(row.job.length, room / 2)))
  return (
    <>
      <bdi class="job">{row.job}</bdi>
      <bdi class="key" title={`${text}\n${row.id}`}>{shorten(text, left)}</bdi>
    </>
  )
}

interface StateProps {
  readonly row: TaskRow
  readonly below: RollUp | undefined
  readonly now: number
}

const State = ({ below, now, row }: StateProps) => {
  const why = [countdown(row, now), waitingText(row, below)].filter((part) => part !== "").join(", ")
  return (
    <>
      <span class={`pill ${statusOf(row)}`}>{statusText(row)}</span>
      {why === "" ? null : <span class="why" title={why}>{why}</span>}
      {row.attempt > 1 ? <span class="why">attempt {row.attempt}</span> : null}
    </>
  )
}

const Run = ({ now, row }: { readonly row: TaskRow | undefined, readonly now: number }) => {
  const time = row === undefined ? undefined : runTime(row, now)
  const slept = row === undefined ? 0 : sleepTime(row, now)
  return (
    <span role="gridcell" class="time run" title={slept > 0 ? `slept ${duration(slept)} besides` : undefined}>
      {time === undefined ? "" : duration(time)}
    </span>
  )
}

const Fault = ({ row }: { readonly row: TaskRow }) =>
  row.error === null ? null : <bdi class="fault" title={row.error}>{row.error}</bdi>

/** What a task without others below it has reported, or how it failed. */
const Own = ({ row }: { readonly row: TaskRow }) => {
  if (row.state === "Exited") return <Fault row={row} />
  const done = ownProgress(row)
  if (done === undefined) return row.progress === null ? null : <bdi class="dim report">{row.progress}</bdi>
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
  const { failures } = useModel()
  const good = Math.max(0, all.complete - all.failed - all.canceled)
  const part = (value: number) => ({ width: `${value / all.total * 100}%` })
  const left = !all.isOpen ? "" : all.eta === null ? "time left: unknown yet" : `${duration(all.eta)} left`
  return (
    <>
      <span class={`dot ${worst(all)}`} title={`worst below: ${statusWord(worst(all))}`} />
      <span class="track" title={`${percent(all.progress)} ${left}`}>
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
              failures.firstBelow(node)
            }}
          >
            {short(all.failed)} ✕
          </button>
        )
        : all.isOpen && all.eta !== null
        ? <span class="number" title="time left">{duration(all.eta)}</span>
        : null}
    </>
  )
}
