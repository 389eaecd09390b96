/** What a job can do. */
import * as Context from "effect/Context"
import type * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Backend } from "../../Backend.ts"
import type { CronOptions, DispatchAllOptions, DispatchOptions, HandlerOptions, PauseOptions } from "../../Job.ts"
import type { Any as AnyTask } from "../../Task.ts"
import type { Circumstances, Dispatched } from "../dispatch/accept.ts"
import { dispatch } from "../dispatch/dispatch.ts"
import { owning } from "../dispatch/holding.ts"
import { jobState, register, unregister } from "../dispatch/registry.ts"
import { type Checks, read, toFunction, toMillis, toText } from "../job/checks.ts"
import type { Definition } from "../job/definition.ts"
import { toLimits } from "../job/limit.ts"
import { logSafely } from "../observe/log.ts"
import { backendOf, type JobState, type Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import { JobTypeId } from "../record/typeIds.ts"
import { holdJob } from "../transition/limits.ts"
import { toCron } from "./cron.ts"
import { dispatchAll } from "./dispatchAll.ts"
import { directoryIn, machineIn } from "./service.ts"
import { keyOf, toTask } from "./task.ts"

/** What every job carries beside its public interface. */
export interface Defined {
  readonly definition: Definition
}

/** A dispatch is an effect of its own kind: one object, without a closure. */
// by its prototype: the class could not extend an effect
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
class Dispatch {
  readonly definition: Definition
  readonly payload: unknown
  readonly options: DispatchOptions | undefined
  readonly accepted: Circumstances["accepted"]

  constructor(
    definition: Definition,
    payload: unknown,
    options: DispatchOptions | undefined,
    accepted?: Circumstances["accepted"]
  ) {
    this.definition = definition
    this.payload = payload
    this.options = options
    this.accepted = accepted
  }
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
interface Dispatch extends Dispatched {}

Object.setPrototypeOf(
  Dispatch.prototype,
  Effectable.Prototype<Dispatch>({
    label: "effect-tasks/Dispatch",
    evaluate(fiber): Dispatched {
      const { accepted, definition: { check, tag }, options, payload } = this
      return dispatch(fiber, machineIn(fiber.context), tag, payload, check, options, accepted)
    }
  })
)

/** The class that a job's own class extends. */
export const make = (definition: Definition) => {
  const { tag } = definition
  // a job is a class so that `class X extends Job.make(…) {}` names its type
  // oxlint-disable-next-line typescript/no-extraneous-class
  return class Job {
    static readonly [JobTypeId] = JobTypeId
    static readonly definition = definition
    static readonly tag = tag
    static readonly payloadSchema = definition.payload
    static readonly successSchema = definition.success
    static readonly errorSchema = definition.error
    static readonly progressSchema = definition.progress
    static readonly messageSchema = definition.message
    static readonly dispatch = (payload?: unknown, options?: DispatchOptions) =>
      new Dispatch(definition, payload, options)
    static readonly dispatchAll = (items: any, options: DispatchAllOptions = {}) =>
      dispatchAll(definition, items, options, (item, how) => new Dispatch(definition, item, how))
    static readonly run = (payload?: unknown, options?: DispatchOptions) =>
      owning((own) => Effect.flatMap(new Dispatch(definition, payload, options, own), (task) => task.await))
    static readonly tasks = Effect.withFiber((fiber) =>
      Effect.succeed(directoryIn(fiber.context).tasksOf(tag).map(toTask))
    )
    static readonly find = (payload?: unknown) =>
      Effect.withFiber((fiber) => {
        const checked = definition.check(payload)
        if (checked._tag === "Failure") return Effect.succeed(Option.none())
        const key = definition.keyOf(checked.value)
        const found = directoryIn(fiber.context).newestOf(tag, key, keyOf)
        return found === undefined
          ? storedIn(fiber.context, tag, ({ find }) => find(key))
          : Effect.succeedSome(toTask(found))
      })
    static readonly get = (id: string) =>
      Effect.withFiber((fiber) => {
        const found = directoryIn(fiber.context).task(toText(id, "the id", definition.subject))
        if (found === undefined) return storedIn(fiber.context, tag, ({ get }) => get(id))
        return Effect.succeed(found.job.tag === tag ? Option.some(toTask(found)) : Option.none())
      })
    static readonly is = (task: AnyTask) => task.job === tag
    static toString(): string {
      return `Job ${tag}`
    }
    static [NodeInspectSymbol](): string {
      return this.toString()
    }
    static readonly toCron = (expression: string | Cron.Cron, options?: CronOptions<any>) =>
      toCron(definition, (payload, how) => new Dispatch(definition, payload, how), expression, options)
    static readonly of = <H>(handler: H): H => handler
    static readonly toLayer = (handler: any, options?: HandlerOptions<any>) => layerOf(definition, handler, options)
    static readonly pause = (options: PauseOptions = {}) =>
      withJob(definition, (machine, job) => {
        const { for: millis = Infinity } = read(options, pauseOptions, definition.subject)
        holdJob(machine, job, machine.timers.moment() + millis)
      })
    static readonly resume = withJob(definition, (machine, job) => holdJob(machine, job, -Infinity))
  }
}

const pauseOptions = { for: toMillis } satisfies Checks<PauseOptions>
const handlerOptions = { limits: toLimits } satisfies Checks<HandlerOptions>

const withJob = (definition: Definition, f: (machine: Machine, job: JobState) => void) =>
  Effect.withFiber((fiber) => {
    const machine = machineIn(fiber.context)
    f(machine, jobState(machine, definition))
    return Effect.void
  })

/** What this worker pool does not know its backend may. */
const storedIn = (
  context: Context.Context<never>,
  tag: string,
  ask: (backend: Backend) => Effect.Effect<Option.Option<AnyTask>>
): Effect.Effect<Option.Option<AnyTask>> => {
  const backend = backendOf(machineIn(context).jobs.get(tag))
  return backend === undefined ? Effect.succeedNone : ask(backend)
}

type AnyHandler = Parameters<typeof register>[2]

/** Registers as the last acquisition of its layer, so that the tasks end before anything the handler needs. */
export const layerOf = (
  definition: Definition,
  handler: AnyHandler | Effect.Effect<AnyHandler, any, any>,
  options: HandlerOptions<any> = {},
  makeBackend?: (machine: Machine, registration: () => Registration) => Effect.Effect<Backend, any, any>
) => {
  const { limits = [] } = read(options, handlerOptions, definition.subject)
  const Handler = Context.Service<{}>(`effect-tasks/Job/${definition.tag}`)
  return Layer.effect(
    Handler,
    Effect.gen(function*() {
      const given = Effect.isEffect(handler) ? yield* handler : handler
      const run = toFunction(given, "the handler", definition.subject)
      const context = yield* Effect.context<never>()
      const machine = machineIn(context)
      let registered: Registration | undefined
      const backend = yield* makeBackend?.(machine, () => registered!) ?? Effect.undefined // asked once it has registered
      const { job } = yield* Effect.acquireRelease(
        Effect.sync(() => registered = register(machine, definition, run, context, limits, backend)),
        (registration) => unregister(machine, registration)
      )
      if (job.registrations.filter(({ phase }) => phase === "open").length > 1) {
        yield* logSafely(Effect.logWarning(`${definition.subject} has two handlers: the newer one serves what comes`))
      }
      return {}
    })
  )
}
