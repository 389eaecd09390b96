/** What the server knows about a task, kept up to date. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { TaskDetail } from "../../../src/Contract.ts"
import type { Answer } from "../model/Connection.ts"
import { useModel } from "../model/Model.ts"

/** Asked not more often than this, in milliseconds. */
const pause = 500
/** How often it is asked while the task lives, in milliseconds: lines are logged and spans end without a change of the row. */
const beat = 1_000

/** What the server knows about a task: asked again when the row has changed, and now and then while the task lives. */
export const useDetail = (taskId: string): Answer<TaskDetail> | undefined => {
  const { connection, store } = useModel()
  const [answer, setAnswer] = useState<Answer<TaskDetail> | undefined>(undefined)
  const [beats, setBeats] = useState(0)
  const row = store.tasks.get(taskId)
  const askedAt = useRef(0)
  const latest = useRef(0)
  const isConnected = store.connection.value._tag === "live"
  const lives = row !== undefined && row.state !== "Exited"
  useEffect(() => {
    if (!lives) return
    const timer = setInterval(() => setBeats((beats) => beats + 1), beat)
    return () => clearInterval(timer)
  }, [lives])
  useEffect(() => {
    if (!isConnected) return
    const timer = setTimeout(() => {
      askedAt.current = Date.now()
      const turn = ++latest.current
      void connection.ask("inspect", { taskId }).then((next) => {
        if (turn !== latest.current) return
        // what was known stays on the screen when the runtime has forgotten it since
        setAnswer((known) => !next.ok && known?.ok === true ? known : next)
      })
    }, Math.max(0, askedAt.current + pause - Date.now()))
    return () => clearTimeout(timer)
  }, [taskId, row, isConnected, beats])
  return answer
}
