/** What can be seen of a worker pool, as lines of text: once as the model has it, once as the runtime shows it. */
import { Cause, Effect, Exit, Option } from "effect"
import { type DispatchError, type Task, type TaskPool, type TaskTimeout, WorkerPool } from "effect-tasks"
import type { Model } from "./model.ts"

/** An exit as text; the two sides compare nothing else of it. */
export const exitText = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  return [...new Set(exit.cause.reasons.map(reasonText))].join(" and ")
}

const reasonText = (reason: Cause.Reason<unknown>): string =>
  Cause.isFailReason(reason)
    ? `Fail ${failText(reason.error as { readonly _tag: string })}` // all errors here are tagged
    : Cause.isDieReason(reason)
    ? `Die ${defectText(reason.defect)}`
    : "interrupted"

const failText = (error: { readonly _tag: string }): string =>
  error._tag === "DispatchError"
    ? (error as DispatchError).reason._tag
    : error._tag === "TaskTimeout"
    ? `TaskTimeout ${(error as TaskTimeout).phase}`
    : error._tag

const defectText = (defect: unknown): string =>
  typeof defect === "object" && defect !== null && "_tag" in defect ? String(defect._tag) : String(defect)

interface TaskLine {
  readonly job: string
  readonly pool: number
  readonly state: string
  readonly waitingFor: string | undefined
  readonly exit: string | undefined
  readonly exitStatus: string | undefined
  readonly worker: number | undefined
  readonly priority: number
  readonly attempt: number
  readonly progress: number | undefined
}

const describe = (value: object): string =>
  Object.entries(value).filter(([, part]) => part !== undefined).map(([name, part]) => `${name} ${part}`).join(", ")

const taskLine = (number: number, line: TaskLine) => `task ${number}: ${describe(line)}`

/**
 * The rules order the hooks of one task, not those of different ones; and what ends while a stopped task comes to wait for it
 * may have ended before or not.
 */
const logLines = (log: ReadonlyArray<string>): Array<string> => {
  const subject = (line: string) => /(?:task|pool) \d+/.exec(line)![0]
  return log.toSorted((a, b) => subject(a).localeCompare(subject(b))).map((line) => `log: ${line}`)
    .map((line) => line.replace(/(finalizer of task.*): (?!Die WaitCycle).*/, "$1: over"))
}

/** Which of two fibers a stop reaches first, the rules leave open; and whether it reaches one just before or after a closing. */
const opLine = ({ label, result }: { readonly label: string, readonly result: string | undefined }, number: number) =>
  `op ${number} ${label} => ${result !== undefined && /JoinFiber|InterruptFiber|Close/.test(label) ? "over" : result}`

export const modelLines = (model: Model): Array<string> => [
  ...model.tasks.map((task, number) =>
    taskLine(number, {
      job: task.job,
      pool: task.pool.number,
      state: task.state,
      waitingFor: model.waitingFor(task),
      exit: task.state === "Exited" ? task.verdict!.exit : undefined,
      exitStatus: task.state === "Exited" ? task.verdict!.status : undefined,
      worker: task.worker,
      priority: task.priority,
      attempt: task.attempt,
      progress: task.progress
    })
  ),
  ...model.pools.map((pool) => `pool ${pool.number}: ${describe(pool.status)}`),
  `worker pool: ${describe(model.status)}`,
  ...model.ops.map(opLine),
  ...logLines(model.log)
]

/** The other side: handles in the order of the model's numbers. */
export interface Seen {
  readonly tasks: ReadonlyArray<Task.Any>
  readonly pools: ReadonlyArray<TaskPool.TaskPool>
  readonly ops: ReadonlyArray<{ readonly label: string, readonly result: string | undefined }>
  readonly log: ReadonlyArray<string>
}

export const runtimeLines = (seen: Seen): Effect.Effect<Array<string>, never, WorkerPool> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    for (const [number, task] of seen.tasks.entries()) {
      const status = yield* task.status
      const pool = seen.pools.findIndex(({ id }) => id === status.poolId)
      const isUp = status.state !== "Exited" // afterwards it tells where the task ran
      lines.push(taskLine(number, {
        job: status.job,
        pool,
        state: status.state,
        waitingFor: Option.getOrUndefined(status.waitingFor),
        exit: Option.getOrUndefined(Option.map(status.exit, exitText)),
        exitStatus: Option.getOrUndefined(status.exitStatus),
        worker: isUp ? Option.getOrUndefined(status.worker) : undefined,
        priority: status.priority,
        attempt: status.attempt,
        progress: Option.getOrUndefined(status.progress) as number | undefined // every progress here is a number
      }))
    }
    for (const [number, pool] of seen.pools.entries()) {
      const { progress: _, runTime: __, ...status } = yield* pool.status
      lines.push(`pool ${number}: ${describe(status)}`)
    }
    const { seq: _, ...status } = yield* (yield* WorkerPool).status
    lines.push(`worker pool: ${describe(status)}`)
    lines.push(...seen.ops.map(opLine))
    lines.push(...logLines(seen.log))
    return lines
  })

/** What is different, for a person. */
export const difference = (expected: ReadonlyArray<string>, actual: ReadonlyArray<string>): string | undefined => {
  const missing = expected.filter((line, index) => line !== actual[index])
  const surplus = actual.filter((line, index) => line !== expected[index])
  if (missing.length === 0 && surplus.length === 0) return undefined
  return [...missing.map((line) => `  rules:   ${line}`), ...surplus.map((line) => `  runtime: ${line}`)].join("\n")
}
