import { assert, describe, it } from "@effect/vitest"
import type { TaskEvent } from "effect-tasks"
import * as Tally from "../src/Tally.ts"

const of = (job: string, taskId: string) => ({ seq: 1, at: 1_000, poolId: "Pool-1", job, taskId })
const queued = (job: string, id: string) => ({ _tag: "TaskQueued", ...of(job, id), priority: 0 }) as const
const started = (job: string, id: string) => ({ _tag: "TaskStarted", ...of(job, id), worker: 0, attempt: 1 }) as const
const slept = (job: string, id: string) => ({ _tag: "TaskSlept", ...of(job, id), waitingFor: "children" }) as const
const resumed = (job: string, id: string) => ({ _tag: "TaskResumed", ...of(job, id), worker: 0 }) as const
const reported = (job: string, id: string, progress: object) =>
  ({ _tag: "TaskProgressed", ...of(job, id), progress }) as const
const exited = (job: string, id: string, exitStatus: "success" | "error" | "canceled") =>
  ({ _tag: "TaskExited", ...of(job, id), exitStatus }) as const

const tallyOf = (...events: ReadonlyArray<TaskEvent.TaskEvent>): Tally.Tally => {
  const tally = Tally.make()
  for (const event of events) Tally.count(tally, event)
  return tally
}

describe("Tally", () => {
  it("counts each job's tasks where they stand", () => {
    const { jobs } = tallyOf(
      ...["1", "2", "3", "4", "5"].map((id) => queued("IndexFile", id)),
      ...["1", "2", "3", "4"].map((id) => started("IndexFile", id)),
      exited("IndexFile", "1", "success"),
      exited("IndexFile", "2", "error"),
      exited("IndexFile", "3", "canceled")
    )
    const counts = { name: "IndexFile", queued: 1, running: 1, waiting: 0, done: 1, failed: 1, canceled: 1 }
    assert.deepStrictEqual(jobs.get("IndexFile"), counts)
  })

  it("follows a task that waits and goes on", () => {
    const events = [queued("ScanFolder", "1"), started("ScanFolder", "1"), slept("ScanFolder", "1")]
    assert.deepInclude(tallyOf(...events).jobs.get("ScanFolder"), { queued: 0, running: 0, waiting: 1 })
    assert.deepInclude(tallyOf(...events, resumed("ScanFolder", "1")).jobs.get("ScanFolder"), {
      running: 1,
      waiting: 0
    })
  })

  it("knows the total when no folder is to be listed any more", () => {
    const scan = [queued("ScanFolder", "1"), started("ScanFolder", "1"), reported("ScanFolder", "1", { files: 2 })]
    const file = [
      queued("IndexFile", "2"),
      reported("IndexFile", "2", { bytes: 70 }),
      exited("IndexFile", "2", "success")
    ]
    assert.deepStrictEqual(Tally.overall(tallyOf(...scan, ...file)), {
      discovering: true,
      total: 2,
      done: 1,
      bytes: 70
    })
    assert.isTrue(Tally.overall(Tally.make()).discovering)
    assert.isUndefined(tallyOf(...scan, ...file).allFound)
    assert.deepStrictEqual(tallyOf(...scan, ...file, slept("ScanFolder", "1")).allFound, { at: 1_000, done: 1 })
    assert.isFalse(Tally.overall(tallyOf(...scan, slept("ScanFolder", "1"))).discovering)
  })

  it("keeps nothing of tasks that have ended", () => {
    assert.strictEqual(tallyOf(queued("IndexFile", "1"), exited("IndexFile", "1", "success")).live.size, 0)
  })
})
