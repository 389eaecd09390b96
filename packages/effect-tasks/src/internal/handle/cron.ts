/** Dispatching by the clock on the wall. */
import * as Cron from "effect/Cron"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { CronOptions, DispatchOptions } from "../../Job.ts"
import type { Any as AnyTask } from "../../Task.ts"
import type { DispatchError } from "../../TaskError.ts"
import type { CronSchedule } from "../../WorkerPool.ts"
import { toDispatchOptions } from "../dispatch/dispatch.ts"
import { type Check, type Checks, read, refuse, toDelay, toText, toWord } from "../job/checks.ts"
import type { Definition } from "../job/definition.ts"
import { logSafely } from "../observe/log.ts"
import { CronRecord } from "../record/cron.ts"
import { CurrentTask } from "../record/currentTask.ts"
import type { Machine } from "../record/machine.ts"
import { recordOf } from "../record/task.ts"
import { machineIn } from "./service.ts"
import { toTask } from "./task.ts"

type Dispatch = (payload: unknown, options: DispatchOptions | undefined) => Effect.Effect<AnyTask, DispatchError, any>

const any: Check<unknown> = (value) => value

const cronOptions = {
  name: toText,
  payload: any,
  timeZone: any, // of Cron.parse, which says what is wrong
  onDstOverlap: toWord("earlier", "later", "both"),
  overlap: toWord("skip", "queue", "supersede", "allow"),
  jitter: toDelay,
  dispatch: toDispatchOptions
} satisfies Checks<CronOptions<any>>

type Overlap = NonNullable<CronOptions<any>["overlap"]>

export const toCron = (
  definition: Definition,
  dispatch: Dispatch,
  expression: string | Cron.Cron,
  options: CronOptions<any> = {}
): Layer.Layer<never, never, any> => {
  const { check, subject, tag } = definition
  const { jitter = 0, name = tag, overlap = "skip" } = read(options, cronOptions, subject)
  const { payload: given } = options
  const payloadOf = typeof given === "function" ? given : () => given
  const cron = toSchedule(expression, options, subject)
  if (typeof given !== "function" && Exit.isFailure(check(given))) {
    refuse(subject, "the payload of its schedule", given, "give one that fits its Schema")
  }
  return Layer.effectDiscard(Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const machine = machineIn(context)
    const now = yield* wallTime
    const text = typeof expression === "string" ? expression : Cron.format(cron)
    const record = new CronRecord(name, tag, text, Cron.next(cron, now).getTime())
    const fire = (tick: number) =>
      Effect.suspend(() => dispatch(payloadOf(new Date(tick)), options.dispatch)).pipe(
        Effect.tap((task) => Effect.sync(() => (record.last = recordOf(task)))),
        Effect.provideService(CurrentTask, undefined), // its tasks are no task's
        Effect.provideContext(context)
      ) as Effect.Effect<AnyTask, DispatchError> // the layer's context provides the handler
    yield* Effect.acquireRelease(
      Effect.sync(() => add(machine, record, fire)),
      () => Effect.sync(() => machine.crons.delete(name))
    )
    yield* Effect.forkScoped(
      Effect.provideService(run(record, cron, now, overlap, jitter, fire), CurrentTask, undefined)
    )
  }))
}

const toSchedule = (
  expression: string | Cron.Cron,
  { onDstOverlap, timeZone }: CronOptions<any>,
  subject: string
): Cron.Cron => {
  if (typeof expression !== "string" && !Cron.isCron(expression)) {
    return refuse(subject, "the schedule", expression, "give a cron expression such as \"0 3 * * *\", or a Cron")
  }
  if (typeof expression !== "string") return mustFire(expression, expression, subject)
  const parsed = Cron.parse(expression, timeZone, { onDstOverlap })
  return Result.isSuccess(parsed)
    ? mustFire(parsed.success, expression, subject)
    : refuse(subject, "the schedule", expression, parsed.failure.message)
}

const mustFire = (cron: Cron.Cron, given: unknown, subject: string): Cron.Cron => {
  try {
    Cron.next(cron, new Date(0))
    return cron
  } catch {
    return refuse(subject, "the schedule", given, "no such time ever comes")
  }
}

type Fire = (tick: number) => Effect.Effect<AnyTask, DispatchError>

const add = (machine: Machine, record: CronRecord, fire: Fire): void => {
  if (machine.crons.has(record.name)) {
    throw new Error(`Two schedules are named "${record.name}": give one of them another \`name\``)
  }
  const trigger = Effect.flatMap(wallTime, fire)
  machine.crons.set(record.name, { record, trigger })
}

/** What the worker pool shows of its schedules. */
export const cronsOf = ({ crons }: Machine): ReadonlyArray<CronSchedule> =>
  Array.from(crons.values(), ({ record, trigger }) => ({
    name: record.name,
    job: record.job,
    expression: record.expression,
    next: record.next,
    last: Option.map(Option.fromUndefinedOr(record.last), toTask),
    skipped: record.skipped,
    paused: record.paused,
    pause: Effect.sync(() => {
      record.paused = true
    }),
    resume: Effect.sync(() => {
      record.paused = false
    }),
    trigger: trigger as Effect.Effect<AnyTask, DispatchError> // what `add` has put there
  }))

const wallTime = Effect.clockWith((clock) => clock.currentTimeMillis)

const run = (
  record: CronRecord,
  cron: Cron.Cron,
  start: number,
  overlap: Overlap,
  jitter: number,
  fire: Fire
): Effect.Effect<never> => {
  const tickAfter = (tick: number): Effect.Effect<never> =>
    Effect.gen(function*() {
      const next = record.next = Cron.next(cron, tick).getTime()
      yield* sleepUntil(next + (jitter === 0 ? 0 : Math.floor((yield* Random.next) * jitter)))
      const { last, paused } = record
      const isLive = last !== undefined && !last.settled
      if (isLive && !paused && overlap === "queue") yield* toTask(last).exit
      if (isLive && !paused && overlap === "supersede") yield* toTask(last).cancel("superseded by its schedule")
      // ticks that have passed meanwhile, or while the computer slept, count as one: the latest
      const latest = Math.max(next, Cron.prev(cron, (yield* wallTime) + 1).getTime())
      if (!paused && isLive && overlap === "skip") record.skipped++
      else if (!paused && !record.paused) yield* logged(record, fire(latest))
      return latest
    }).pipe(Effect.flatMap(tickAfter))
  return tickAfter(start)
}

const logged = ({ name }: CronRecord, firing: Effect.Effect<unknown, DispatchError>): Effect.Effect<unknown> =>
  Effect.catchCause(
    firing,
    (cause) => logSafely(Effect.logWarning(`The schedule "${name}" could not dispatch, and goes on`, cause))
  )

/** Timers stand still while a computer sleeps, and walls are set: looks again at least this often. */
const longest = 60_000

const sleepUntil = (moment: number): Effect.Effect<void> =>
  Effect.flatMap(wallTime, (now) =>
    now >= moment
      ? Effect.void
      : Effect.andThen(Effect.sleep(Duration.millis(Math.min(moment - now, longest))), sleepUntil(moment)))
