/** What the pointer is on. */
import { clockMillis, duration } from "../data/format.ts"
import { keyText, runTime, stateName, statusOf, statusText, waitingWords, waitTime } from "../data/node.ts"
import { version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import { hover } from "./pointer.ts"

const room = { width: 430, height: 170 }

export const Tip = () => {
  const over = hover.value
  if (over === undefined) return null
  void version.value
  const row = store.tasks.get(over.box.row.id) ?? over.box.row
  const segment = row.segments[over.box.segment]
  const run = runTime(row, store.now)
  const left = Math.min(over.x + 14, innerWidth - room.width)
  const top = over.y + room.height > innerHeight ? over.y - room.height + 20 : over.y + 16
  return (
    <div class="tip" style={{ left: `${Math.max(8, left)}px`, top: `${top}px` }}>
      <p>
        <b>{row.job}</b> <span class={`pill ${statusOf(row)}`}>{statusText(row)}</span> <code>{row.id}</code>
      </p>
      {row.key === "" ? null : <p class="dim">{keyText(row)}</p>}
      <p>
        waited {duration(waitTime(row, store.now))}
        {run === undefined
          ? ""
          : row.finishedAt === null
          ? `, started ${duration(run)} ago`
          : `, took ${duration(run)}`}
      </p>
      {segment === undefined ? null : (
        <p class="dim">
          {stateName(segment.state)} since {clockMillis(segment.from)}
          {segment.worker === null
            ? segment.state === "Running" ? " on a worker that nobody watched" : ""
            : ` on worker ${segment.worker}`}
          {segment.waitingFor === null ? "" : `, ${waitingWords[segment.waitingFor]}`}
        </p>
      )}
      {row.error === null ? null : <p class="bad">{row.error}</p>}
    </div>
  )
}
