/** Everything about one task. */
import type { Task } from "effect-tasks"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { NotFound } from "../DashboardError.ts"
import type { LogLine, TaskDetail, TaskSpan, Wait } from "../Inspection.ts"
import type { PoolRow, TaskRow } from "../Rows.ts"
import type { Book } from "./book.ts"
import { detailOf } from "./failure.ts"
import type { Hub } from "./hub.ts"
import { type Encode, scrub, secretsOf, show } from "./payload.ts"
import { toJson, toPlain } from "./plain.ts"
import * as pools from "./pools.ts"
import type { Runtime } from "./runtime.ts"
import * as tasks from "./tasks.ts"
import { bounded, boundedText, nameText } from "./text.ts"

/** Children that are shown; more than a person reads. */
const mostChildren = 500
const mostWaits = 50

export interface Inspector {
  readonly hub: Hub
  readonly encode: Encode
  readonly logs: Book<LogLine> | undefined
  readonly spans: Book<TaskSpan> | undefined
}

export const inspect = (inspector: Inspector, taskId: string, now: number): Effect.Effect<TaskDetail, NotFound> =>
  Effect.suspend(() => {
    const { runtime, session } = inspector.hub
    const task = runtime.task(taskId)
    const known = session()?.tasks.row(taskId)
    if (task !== undefined) return Effect.succeed(detail(inspector, task, known, now))
    return known === undefined
      ? Effect.fail(new NotFound({ what: "task", id: taskId }))
      : Effect.succeed({ ...nothing, row: known, path: [known.id], attempts: attemptsOf(inspector, taskId) })
  })

const nothing = {
  held: false,
  payload: null,
  redacted: false,
  editable: false,
  progress: null,
  result: null,
  failure: null,
  waits: [],
  childPools: [],
  children: [],
  childCount: 0,
  logs: [], // nobody knows any more what in them is secret
  spans: [],
  dispatchCall: ""
} satisfies Partial<TaskDetail>

const attemptsOf = ({ hub }: Inspector, id: string) => [...hub.session()?.tasks.attempts(id) ?? []]

const detail = (inspector: Inspector, task: Task.Any, known: TaskRow | undefined, now: number): TaskDetail => {
  const { encode, hub: { runtime } } = inspector
  const status = runtime.taskStatus(task)
  const secrets = secretsOf(task.payload)
  const json = (value: unknown) => {
    const { text, truncated } = toJson(value, 65_536, 2)
    return { text: scrub(text, secrets), truncated }
  }
  const row = rowOf(task, status, known, now)
  const payload = show(encode, task.job, task.payload)
  const payloadText = boundedText(JSON.stringify(payload.json, undefined, 2) ?? "null", 262_144)
  const exit = Option.getOrUndefined(status.exit)
  const path = pathOf(task)
  const children = childrenOf(runtime, task, now)
  const shown = children.tasks.slice(0, mostChildren)
  const statuses = runtime.taskStatuses(shown)
  return {
    row,
    held: true,
    payload: task.payload === undefined ? null : payloadText,
    redacted: payload.redacted,
    editable: payload.encoded && !payloadText.truncated,
    progress: Option.isSome(status.progress) ? json(status.progress.value) : null,
    result: exit?._tag === "Success" && exit.value !== undefined ? json(exit.value) : null,
    failure: exit?._tag === "Failure" ? detailOf(exit.cause, path, secrets) : null,
    path,
    waits: waitsOf(runtime, task, row, children.pools),
    childPools: children.pools,
    children: shown.map((child, i) => rowOf(child, statuses[i], undefined, now)),
    childCount: children.tasks.length,
    attempts: attemptsOf(inspector, task.id),
    logs: (inspector.logs?.of(task.id) ?? []).map((line) => ({ ...line, message: scrub(line.message, secrets) })),
    spans: spansOf(inspector.spans?.of(task.id) ?? [], secrets),
    dispatchCall: dispatchCall(task, payload.json)
  }
}

/** As it stands now, with the past that was observed. */
const rowOf = (task: Task.Any, status: Task.Status, known: TaskRow | undefined, now: number): TaskRow => {
  const row = tasks.rowOf(task, status, undefined, now)
  return known === undefined ? row : known.state === row.state ?
    { ...row, segments: known.segments, worker: known.worker } :
    tasks.rowOf(task, status, known, now)
}

const pathOf = (task: Task.Any): Array<string> => {
  const path = [task.id]
  let above = task.pool.createdBy
  while (Option.isSome(above)) {
    path.unshift(above.value.id)
    above = above.value.pool.createdBy
  }
  return path
}

/** Pools that the task made: the newest by the runtime, others as far as they are still visible. */
const childrenOf = (runtime: Runtime, task: Task.Any, now: number) => {
  const newest = runtime.childPool(task)
  const visible = runtime.pools().filter((pool) => Option.exists(pool.createdBy, ({ id }) => id === task.id))
  const all = newest === undefined || visible.some(({ id }) => id === newest.id) ? visible : [...visible, newest]
  return {
    pools: all.map((pool): PoolRow => pools.rowOf(pool, runtime.poolStatus(pool), now)),
    tasks: all.flatMap((pool) => runtime.poolTasks(pool))
  }
}

const sentences: Record<NonNullable<TaskRow["waitingFor"]>, string> = {
  slot: "All workers are busy: it starts when one is free and nothing more urgent waits",
  "job-concurrency": "As many tasks of this job run as its concurrency allows",
  key: "Another task with the same key has not ended yet",
  paused: "The worker pool is paused: nothing starts until it is resumed",
  delay: "It was dispatched with a delay that has not passed yet",
  retry: "An attempt failed and the next one is due later",
  children: "It waits for the tasks of a pool",
  task: "It waits for another task, a message or an event",
  effect: "It waits for something that it declared as a wait",
  elsewhere: "It is stored, and no runner here has taken it"
}

const waitsOf = (runtime: Runtime, task: Task.Any, row: TaskRow, childPools: ReadonlyArray<PoolRow>): Array<Wait> => {
  const kind = row.waitingFor
  if (kind === null) return []
  const waits: Array<Wait> = [{ kind, id: null, text: sentences[kind] }]
  if (kind === "children") {
    for (const pool of childPools.filter(({ state }) => state !== "done")) {
      waits.push({ kind, id: pool.id, text: `Pool ${pool.name}: ${pool.complete} of ${pool.total} done` })
    }
  }
  if (kind === "key") {
    for (const other of runtime.tasks()) {
      if (other.job !== task.job || other.id === task.id || other.key !== task.key) continue
      if (runtime.taskStatus(other).state !== "Exited") waits.push({ kind, id: other.id, text: `Task ${other.id}` })
      if (waits.length > mostWaits) break
    }
  }
  return waits
}

/** What is around a span may be another task's, or too long ago. */
const spansOf = (spans: ReadonlyArray<TaskSpan>, secrets: ReadonlyArray<string>): Array<TaskSpan> => {
  const earlier = new Set<string>()
  return spans.map((span) => {
    const parentId = span.parentId !== null && earlier.has(span.parentId) ? span.parentId : null
    earlier.add(span.id)
    return { ...span, parentId, name: bounded(scrub(span.name, secrets), nameText) }
  })
}

const dispatchCall = (task: Task.Any, shown: unknown): string => {
  const value = toPlain(task.payload)
  const isDirect = /^[A-Za-z_$][\w$]*$/.test(task.job) &&
    (task.payload === undefined || (value.lossless && value.redacted.length === 0))
  const json = JSON.stringify(isDirect ? value.json : shown, undefined, 2)
  const payload = task.payload === undefined ? "" : json
  return boundedText(
    isDirect
      ? `yield* ${task.job}.dispatch(${payload})`
      : `yield* workerPool.dispatch(${JSON.stringify(task.job)}, ${payload === "" ? "null" : payload})`
  ).text
}
