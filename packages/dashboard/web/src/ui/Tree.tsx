/** Pools and tasks as they nest, one line each. Only what is on the screen is in the document. */
import { useRef } from "preact/hooks"
import { isFiltered } from "../data/matching.ts"
import { connection, version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import { following } from "./follow.ts"
import { Line, lineOf } from "./Line.tsx"
import { cursor, treeKeys } from "./treeKeys.ts"
import { hovered, list, useLists } from "./treeList.ts"
import { height, scroll, useAnchor, useCursor, useViewport, useWanted } from "./treeScroll.ts"
import { lineHeight, ring, visible } from "./virtual.ts"

export const Tree = () => {
  const scroller = useRef<HTMLDivElement>(null)
  useLists()
  useViewport(scroller)
  useAnchor(scroller)
  useWanted(scroller)
  useCursor(scroller)
  const { depths, keys } = list.value
  const span = visible(scroll.value, height.value, keys.length)
  void version.value
  const now = store.now
  const active = cursor.value
  return (
    <div class="tree-frame">
      <TreeHead />
      <div
        id="tree"
        class="tree"
        ref={scroller}
        role="treegrid"
        tabIndex={0}
        aria-label="Pools and tasks"
        aria-rowcount={keys.length}
        aria-activedescendant={active !== undefined && keys.slice(span.from, span.to).includes(active)
          ? `line-${active}`
          : undefined}
        onScroll={({ currentTarget }) => scroll.value = currentTarget.scrollTop}
        onWheel={() => following.value = false}
        onKeyDown={(event) => treeKeys(event, list.peek())}
        onMouseLeave={() => hovered.key = undefined}
      >
        <div class="lines" role="presentation" style={{ height: `${keys.length * lineHeight}px` }}>
          {ring(span).map((index, slot) =>
            index === undefined
              ? null
              : (
                <Line
                  key={slot}
                  {...lineOf(keys[index], index, depths[index], now)}
                  isActive={keys[index] === active}
                />
              )
          )}
        </div>
        {keys.length === 0 ? <Empty /> : null}
      </div>
    </div>
  )
}

const TreeHead = () => (
  <div class="head" aria-hidden="true">
    <span class="name">Task</span>
    <span class="state">State</span>
    <span class="progress">Progress</span>
    <span class="time wait">Wait</span>
    <span class="time run">Run</span>
    <span class="worker">Worker</span>
  </div>
)

const Empty = () => (
  <p class="empty">
    {connection.value._tag !== "live"
      ? "Waiting for the server …"
      : isFiltered.value
      ? "No task matches the filter."
      : "No tasks yet. They appear here as they are dispatched."}
  </p>
)
