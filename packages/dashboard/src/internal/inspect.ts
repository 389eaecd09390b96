/** Everything about one task. */
import type { Task } from "effect-tasks"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { NotFound } from "../DashboardError.ts"
import type { LogLine, TaskDetail, TaskSpan } from "../Inspection.ts"
import type { PoolRow, TaskRow } from "../Rows.ts"
import { detailOf } from "./failure.ts"
import type { Hub } from "./hub.ts"
import { inspection, text as longest } from "./limits.ts"
import { type Payloads, scrub } from "./payload.ts"
import * as pools from "./pools.ts"
import type { Recent } from "./recent.ts"
import type { Runtime } from "./runtime.ts"
import * as tasks from "./tasks.ts"
import { bounded, boundedText } from "./text.ts"
import { type Pauses, whyOf } from "./why.ts"

export interface Inspector {
  readonly hub: Hub
  readonly logs: Recent<LogLine> | undefined
  readonly spans: Recent<TaskSpan> | undefined
  readonly pauses: Pauses
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
  why: null,
  childPools: [],
  children: [],
  childCount: 0,
  logs: [], // nobody knows any more what in them is secret
  spans: [],
  dispatchCall: ""
} satisfies Partial<TaskDetail>

const attemptsOf = ({ hub }: Inspector, id: string) => [...hub.session()?.tasks.attempts(id) ?? []]

const detail = (inspector: Inspector, task: Task.Any, known: TaskRow | undefined, now: number): TaskDetail => {
  const { hub: { runtime } } = inspector
  const { payloads } = runtime
  const status = runtime.taskStatus(task)
  const exit = Option.getOrUndefined(status.exit)
  const secrets = payloads.secretsOf(task, exit?._tag === "Failure" ? exit.cause : undefined)
  const json = (part: "success" | "progress", value: unknown) => {
    const { text, truncated } = payloads.json(task, part, value, longest.detail, 2)
    return { text: scrub(text, secrets), truncated }
  }
  const row = rowOf(payloads, task, status, known, now)
  const payload = payloads.show(task)
  const payloadText = boundedText(JSON.stringify(payload.json, undefined, 2) ?? "null", longest.payload)
  const path = pathOf(task)
  const children = childrenOf(runtime, task, now)
  const shown = children.tasks.slice(0, inspection.children)
  const statuses = runtime.taskStatuses(shown)
  return {
    row,
    held: true,
    payload: task.payload === undefined ? null : payloadText,
    redacted: payload.redacted,
    editable: payload.encoded && !payloadText.truncated,
    progress: Option.isSome(status.progress) ? json("progress", status.progress.value) : null,
    result: exit?._tag === "Success" && exit.value !== undefined ? json("success", exit.value) : null,
    failure: exit?._tag === "Failure" ? detailOf(exit.cause, path, secrets) : null,
    path,
    why: whyOf(runtime, task, inspector.pauses.latest, attemptsOf(inspector, task.id).at(-1)?.error ?? null, now),
    childPools: children.pools,
    children: shown.map((child, i) => tasks.rowOf(payloads, child, statuses[i], undefined, now)),
    childCount: children.tasks.length,
    attempts: attemptsOf(inspector, task.id),
    logs: (inspector.logs?.of(task.id) ?? []).map((line) => ({ ...line, message: scrub(line.message, secrets) })),
    spans: spansOf(inspector.spans?.of(task.id) ?? [], secrets),
    dispatchCall: dispatchCall(payloads, task, payload.json)
  }
}

/** As it stands now, with the past that was observed. */
const rowOf = (
  payloads: Payloads,
  task: Task.Any,
  status: Task.Status,
  known: TaskRow | undefined,
  now: number
): TaskRow => {
  const row = tasks.rowOf(payloads, task, status, undefined, now)
  return known === undefined ? row : known.state === row.state ?
    { ...row, segments: known.segments, worker: known.worker, sleepTime: known.sleepTime, delay: known.delay } :
    tasks.rowOf(payloads, task, status, known, now)
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
    pools: all.map((pool): PoolRow => pools.rowOf(runtime, pool, now)),
    tasks: all.flatMap((pool) => runtime.poolTasks(pool))
  }
}

/** What is around a span may be another task's, or too long ago. */
const spansOf = (spans: ReadonlyArray<TaskSpan>, secrets: ReadonlyArray<string>): Array<TaskSpan> => {
  const earlier = new Set<string>()
  return spans.map((span) => {
    const parentId = span.parentId !== null && earlier.has(span.parentId) ? span.parentId : null
    earlier.add(span.id)
    return { ...span, parentId, name: bounded(scrub(span.name, secrets), longest.name) }
  })
}

const dispatchCall = (payloads: Payloads, task: Task.Any, shown: unknown): string => {
  const value = payloads.plain(task)
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
