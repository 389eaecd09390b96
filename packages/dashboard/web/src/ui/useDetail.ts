/** What the server knows about a task, kept up to date. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { TaskDetail } from "../../../src/Contract.ts"
import { type Answer, ask } from "../data/connection.ts"
import { connection } from "../data/signals.ts"
import { store } from "../data/store.ts"

/** Asked not more often than this, in milliseconds. */
const pause = 500
/** How often it is asked while the task lives, in milliseconds: lines are logged and spans end without a change of the row. */
const beat = 1_000

/** Asked again when the row has changed, and now and then while the task lives. */
export const useDetail = (taskId: string): Answer<TaskDetail> | undefined => {
  const [answer, setAnswer] = useState<Answer<TaskDetail> | undefined>(undefined)
  const row = store.tasks.get(taskId)
  const askedAt = useRef(0)
  const latest = useRef(0)
  const isLive = connection.value._tag === "live"
  const alive = row !== undefined && row.state !== "Exited"
  const [beats, setBeats] = useState(0)
  useEffect(() => {
    if (!alive) return
    const timer = setInterval(() => setBeats((beats) => beats + 1), beat)
    return () => clearInterval(timer)
  }, [alive])
  useEffect(() => {
    if (!isLive) return
    const timer = setTimeout(() => {
      askedAt.current = Date.now()
      const turn = ++latest.current
      void ask((client) => client.inspect({ taskId })).then((next) => {
        if (turn !== latest.current) return
        // what was known stays on the screen when the runtime has forgotten it since
        setAnswer((known) => !next.ok && known?.ok === true ? known : next)
      })
    }, Math.max(0, askedAt.current + pause - Date.now()))
    return () => clearTimeout(timer)
  }, [taskId, row, isLive, beats])
  return answer
}
