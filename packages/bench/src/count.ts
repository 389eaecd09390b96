/** What a run does, in counts: the same on every machine, however busy. */
import { Clock, Effect, Layer, Metric, Scheduler } from "effect"
import { Session } from "node:inspector/promises"
import { queryObjects } from "node:v8"
import { allocatedBytes } from "./heap.ts"

/** Effect's runtime services, counting what they are asked for. */
export class Counters {
  /** Fibers started. */
  fibers = 0
  /** Sleeps of the Clock: each is a timer. */
  sleeps = 0
  clockReads = 0
  /** Tasks given to the Scheduler: each may be a turn of the event loop. */
  turns = 0

  readonly layer: Layer.Layer<never> = Layer.mergeAll(
    Layer.succeed(Metric.FiberRuntimeMetrics)({
      recordFiberStart: () => {
        this.fibers++
      },
      recordFiberEnd: () => {}
    }),
    Layer.effect(Clock.Clock, Effect.map(Clock.Clock, (clock) => this.clock(clock))),
    Layer.succeed(Scheduler.Scheduler)(this.scheduler())
  )

  reset(): void {
    this.fibers = 0
    this.sleeps = 0
    this.clockReads = 0
    this.turns = 0
  }

  private clock(clock: Clock.Clock): Clock.Clock {
    const count = <A>(read: () => A) => () => {
      this.clockReads++
      return read()
    }
    return {
      currentTimeMillisUnsafe: count(() => clock.currentTimeMillisUnsafe()),
      currentTimeNanosUnsafe: count(() => clock.currentTimeNanosUnsafe()),
      monotonicTimeNanosUnsafe: count(() => clock.monotonicTimeNanosUnsafe()),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => {
        this.sleeps++
        return clock.sleep(duration)
      }
    }
  }

  private scheduler(): Scheduler.Scheduler {
    const scheduler = new Scheduler.MixedScheduler()
    return {
      executionMode: scheduler.executionMode,
      shouldYield: (fiber) => scheduler.shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = scheduler.makeDispatcher()
        return {
          scheduleTask: (task, priority) => {
            this.turns++
            dispatcher.scheduleTask(task, priority)
          },
          flush: () => dispatcher.flush()
        }
      }
    }
  }
}

const liveObjects = (): number => queryObjects(Object, { format: "count" })

/** Objects that stay of what `make` makes: arrays and functions are objects, the tables of a Map and boxed numbers not. */
export const objectsLeftBy = async (make: () => Promise<unknown>): Promise<number> => {
  const before = liveObjects()
  await make()
  return liveObjects() - before
}

/** Bytes that `run` allocates, collected or not. */
export const allocatedBy = async (run: () => Promise<unknown>): Promise<number> => {
  const before = allocatedBytes()
  await run()
  return allocatedBytes() - before
}

/**
 * Counts how often blocks of effect-tasks' source are entered, by V8's block coverage. A loop over a queue shows, on
 * every machine; what a built-in does inside (a `splice`, say) does not. To be made before effect-tasks is loaded: code
 * that is compiled by then has no counters.
 */
export class StepCounter {
  private readonly session: Session

  private constructor(session: Session) {
    this.session = session
  }

  static async start(): Promise<StepCounter> {
    const session = new Session()
    session.connect()
    await session.post("Profiler.enable")
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
    return new StepCounter(session)
  }

  /** Steps while `run` runs. */
  async of(run: () => Promise<unknown>): Promise<number> {
    await this.take()
    await run()
    return await this.take()
  }

  /** Steps since the last time. */
  private async take(): Promise<number> {
    const { result } = await this.session.post("Profiler.takePreciseCoverage")
    return result
      .filter(({ url }) => url.includes("/packages/effect-tasks/src/"))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0)
  }
}
