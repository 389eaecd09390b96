/** Pools and tasks as they nest, one line each. Only what is on the screen is in the document. */
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks"
import { type Model, useModel } from "../model/Model.ts"
import type { NodeKey } from "../model/Store.ts"
import { commandOf } from "./keys.ts"
import { Line, lineOf } from "./Line.tsx"
import { headHeight, TreeScroll } from "./TreeScroll.ts"

export const Tree = () => {
  const model = useModel()
  const { matching, store, tree } = model
  const scroller = useRef<HTMLDivElement>(null)
  const scroll = useMemo(() => new TreeScroll(tree), [tree])
  useEffect(() => tree.watch(), [tree])
  useLayoutEffect(() => scroll.attach(scroller.current!), [scroll])
  const lines = tree.list.value
  useLayoutEffect(() => scroll.anchor(), [lines])
  useLayoutEffect(() => scroll.bringWanted())
  const cursor = tree.cursor.value
  useLayoutEffect(() => scroll.followCursor(), [cursor])
  const span = scroll.visible(lines.keys.length)
  void store.version.value
  const now = store.now
  return (
    <div
      id="tree"
      class="tree"
      ref={scroller}
      role="treegrid"
      tabIndex={0}
      aria-label="Pools and tasks"
      aria-rowcount={lines.keys.length + 1}
      aria-activedescendant={cursor !== undefined && lines.keys.slice(span.from, span.to).includes(cursor)
        ? `line-${cursor}`
        : undefined}
      onScroll={({ currentTarget }) => scroll.top.value = currentTarget.scrollTop}
      onWheel={() => tree.following.value = false}
      onKeyDown={(event) => commandOf(model, event, treeKeys(model))}
      onMouseLeave={() => tree.hovered = undefined}
    >
      <Head />
      <div class="lines" role="rowgroup" style={{ height: `${lines.keys.length * scroll.lineHeight}px` }}>
        {scroll.slots(span).map((index, slot) =>
          index === undefined ? null : (
            <Line
              key={slot}
              {...lineOf(model, lines.keys[index], index, lines.depths[index], now)}
              isActive={lines.keys[index] === cursor}
              top={index * scroll.lineHeight}
              room={scroll.room.value}
            />
          )
        )}
      </div>
      {lines.keys.length === 0
        ? (
          <p class="empty">
            {store.connection.value._tag !== "live"
              ? "Waiting for the server …"
              : matching.isFiltered.value
              ? "No task matches the filter."
              : "No tasks yet. They appear here as they are dispatched."}
          </p>
        )
        : null}
    </div>
  )
}

const columns = ["name", "state", "progress", "time wait", "time run", "worker"] as const
const titles = ["Task", "State", "Progress", "Wait", "Run", "Worker"]
const explained = [
  undefined,
  undefined,
  undefined,
  "In the queue, without a chosen delay",
  "From its start on, without sleeping",
  undefined
]

const Head = () => (
  <div class="head" role="row" aria-rowindex={1} style={{ height: `${headHeight}px` }}>
    {columns.map((column, i) => (
      <span key={column} class={column} role="columnheader" title={explained[i]}>{titles[i]}</span>
    ))}
  </div>
)

const page = 20

/** The tree by keyboard. */
const treeKeys = ({ actions, store, tree }: Model): Readonly<Record<string, () => void>> => {
  const { keys } = tree.list.peek()
  const cursor = tree.cursor.peek()
  const goTo = (index: number): void => {
    if (keys.length === 0) return
    tree.following.value = false
    tree.cursor.value = keys[Math.min(keys.length - 1, Math.max(0, index))]
  }
  /** Without a cursor, one step goes to the first or the last line. */
  const move = (step: number) => (): void => {
    const at = cursor === undefined ? -1 : keys.indexOf(cursor)
    goTo(at === -1 ? (step > 0 ? 0 : keys.length - 1) : at + step)
  }
  const withCursor = (act: (key: NodeKey) => void) => (): void => {
    if (cursor !== undefined) act(cursor)
  }
  const unfold = withCursor((key) => {
    if (!tree.hasChildren(key)) return
    if (tree.isOpen(key)) move(1)()
    else tree.setOpen(key, true)
  })
  const fold = withCursor((key) => {
    if (tree.isOpen(key) && tree.hasChildren(key)) tree.setOpen(key, false)
    else tree.cursor.value = tree.parentOf(key) ?? key
  })
  const cancel = withCursor((key) => {
    const id = key.slice(1)
    if (key[0] === "p") actions.open({ _tag: "cancelPool", poolId: id })
    else if (store.live.has(id)) actions.open({ _tag: "cancel", ids: [id], of: id })
  })
  const enter = withCursor((key) => tree.enter(key))
  return {
    ArrowDown: move(1),
    j: move(1),
    ArrowUp: move(-1),
    k: move(-1),
    PageDown: move(page),
    PageUp: move(-page),
    Home: () => goTo(0),
    End: () => goTo(keys.length),
    ArrowRight: unfold,
    l: unfold,
    ArrowLeft: fold,
    h: fold,
    Enter: enter,
    " ": enter,
    x: cancel,
    Delete: cancel,
    "*": withCursor((key) => tree.openBelow(key)),
    "-": () => tree.closeAll()
  }
}
