/** What the handler at the other end asks of its task: operations on it, and tasks below it. */
import { type Task, TaskPool, WorkerPool, type WorkerPoolService } from "effect-tasks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { causeCodec, type JobCodec, makeCodec, nothing } from "./codec.ts"
import type { AnyTaskContext } from "./forwarding.ts"
import type { Callee, Host, Hosted } from "./peer.ts"
import { idle } from "./peer.ts"
import { type LogLine, type Operation, operation, type Request } from "./protocol.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Answers for one attempt of a task, in its own context, so that it is inside the task whatever runs. */
export class Asked implements Host {
  private readonly task: AnyTaskContext
  private readonly jobs: Jobs
  private readonly context: Context.Context<never>
  private fibers: Set<AnyFiber> | undefined
  private pool: TaskPool.TaskPool | undefined

  constructor(task: AnyTaskContext, jobs: Jobs, context: Context.Context<never>) {
    this.task = task
    this.jobs = jobs
    this.context = context
  }

  readonly answer = (request: Request, callee: Callee): Hosted => {
    const hosted = request.job === operation
      ? operationOf(this.task, request.payload as Operation)
      : childOf(this.jobs, request, callee, this.options(request))
    return { ...hosted, effect: Effect.onExit(hosted.effect, afterCancel) }
  }

  readonly fork = (effect: Effect.Effect<unknown, unknown>, detached: boolean): AnyFiber => {
    const fiber = Effect.runForkWith(this.context)(effect)
    if (detached || fiber.pollUnsafe() !== undefined) return fiber // the detached outlives the task
    const fibers = this.fibers ??= new Set()
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
    return fiber
  }

  readonly log = (line: LogLine): void => logLine(this.context, line)

  /** Ends what is not detached; before the task ends. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() =>
    this.fibers === undefined || this.fibers.size === 0 ? Effect.void : Fiber.interruptAll(this.fibers)
  )

  /** All children that are not detached stand in one pool of the task. */
  private options({ detached, priority }: Request): Effect.Effect<Options> {
    if (detached === true) return Effect.succeed({ priority })
    if (this.pool !== undefined) return Effect.succeed({ priority, pool: this.pool })
    // a handler's context has what `make` needs
    const made = TaskPool.make() as Effect.Effect<TaskPool.TaskPool>
    return Effect.map(made, (pool) => ({ priority, pool: this.pool ??= pool }))
  }
}

interface Options {
  readonly pool?: TaskPool.TaskPool
  readonly priority: number | undefined
}

/** Answers when the task that asks has ended: what it has dispatched without a pool goes on, outside of it. */
export const afterwards = (jobs: Jobs): Host => ({
  answer: (request, callee) =>
    request.detached === true
      ? childOf(jobs, request, callee, Effect.succeed({ priority: request.priority }))
      : idle.answer(request, callee),
  fork: (effect) => jobs.fork(effect),
  log: jobs.log
})

const childOf = (jobs: Jobs, request: Request, callee: Callee, options: Effect.Effect<Options>): Hosted => {
  const codec = jobs.codecOf(request.job)
  const effect = Effect.gen(function*() {
    const child = yield* jobs.workerPool.dispatch(request.job, request.payload, yield* options)
    // outside of the task: what is passed on needs no slot
    const reader = jobs.fork(reports(callee, codec, child))
    const sender = jobs.fork(messages(callee, codec, child))
    // one that others hold too is theirs, one without a pool outlives the thread
    const owned = () => child.origin === "created" && (request.detached !== true || callee.canceled)
    const exit = yield* Effect.tap(child.exit, () => Fiber.join(reader)).pipe(
      Effect.onInterrupt(() => owned() ? child.cancel() : Effect.void),
      Effect.ensuring(Fiber.interruptAll([reader, sender]))
    )
    return yield* exit
  })
  return { subject: codec.subject, effect, encodeExit: codec.encodeExit }
}

/** To the last one. */
const reports = (callee: Callee, codec: JobCodec, child: Task.Any): Effect.Effect<void> =>
  codec.hasProgress
    ? Stream.runForEach(child.progress, (progress) => Effect.sync(() => callee.report(codec.progress.encode(progress))))
    : Effect.void

const messages = (callee: Callee, codec: JobCodec, child: Task.Any): Effect.Effect<void, unknown> =>
  codec.hasMessages
    ? Effect.forever(
      // the type of a handle that is not known takes none
      Effect.flatMap(Queue.take(callee.inbox), (message) => child.send(codec.message.decode(message) as never))
    )
    : Effect.void

/** What fails may fail because the task is cancelled: its handler hears of the cancel first, in the turn that is to come. */
const afterCancel = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Exit.isSuccess(exit) ? Effect.void : Effect.yieldNow

const operationOf = (task: AnyTaskContext, asked: Operation): Hosted => ({
  subject: operation,
  effect: operate(task, asked),
  encodeExit: (exit) => nothing.encodeExit(Exit.asVoid(exit))
})

const operate = (task: AnyTaskContext, asked: Operation): Effect.Effect<void> => {
  switch (asked[0]) {
    case "setTimeout":
      return task.setTimeout(asked[1])
    case "clearTimeout":
      return task.clearTimeout
    case "sleep":
      return task.whileSleeping(Effect.never)
  }
}

/** Tells the loggers of a context. */
export const logLine = (
  context: Context.Context<never>,
  { annotations, cause, level, message, spans }: LogLine
): void => {
  const given = Context.get(context, References.CurrentLogAnnotations)
  const above = Context.get(context, References.CurrentLogSpans)
  const causes = cause === undefined ? [] : [causeCodec.decode(cause)]
  const surroundings = context.pipe(
    Context.add(References.CurrentLogAnnotations, { ...given, ...annotations }),
    Context.add(References.CurrentLogSpans, [...spans, ...above])
  )
  Effect.runForkWith(surroundings)(Effect.logWithLevel(level as "Info")(...message, ...causes))
}

/** What children are dispatched with. */
export interface Jobs {
  readonly workerPool: WorkerPoolService
  readonly codecOf: (tag: string) => JobCodec
  /** Outside of any task. */
  readonly fork: (effect: Effect.Effect<unknown, unknown>) => AnyFiber
  readonly log: (line: LogLine) => void
}

export const jobsOf = (context: Context.Context<WorkerPool>): Jobs => {
  const workerPool = Context.get(context, WorkerPool)
  const codecs = new Map<string, JobCodec>()
  return {
    workerPool,
    fork: Effect.runForkWith(context),
    log: (line) => logLine(context, line),
    codecOf: (tag) => {
      let codec = codecs.get(tag)
      if (codec === undefined) {
        const job = Effect.runSync(workerPool.jobs).find((job) => job.tag === tag)
        if (job === undefined) return nothing // the dispatch will say so
        codecs.set(tag, codec = makeCodec(job))
      }
      return codec
    }
  }
}
