/** Performs a program: what each handler does is a script. */
import { Effect, Fiber, Layer, Queue, type Scope, Stream } from "effect"
import { type Job, TaskPool, WorkerPool } from "effect-tasks"
import type { JobName } from "../model/jobs.ts"
import { jobNames } from "../model/jobs.ts"
import { type Context, type Handle, jobs } from "../model/real.ts"
import { TestError } from "../support.ts"
import type { Program, Step } from "./program.ts"

/** What a step needs; what it fails with only decides whether its script goes on. */
type Acting<A = unknown> = Effect.Effect<A, any, WorkerPool | Scope.Scope | Job.Handler<JobName>>

/** One run of a script: by a task, or by the driver. */
interface Place {
  readonly number: number
  readonly task: Context | undefined
  readonly children: Array<Handle>
  readonly pools: Array<TaskPool.TaskPool>
  readonly fibers: Array<Fiber.Fiber<unknown, unknown>>
}

const tasksAtMost = 40
const snoozesAtMost = 2
const inboxCapacity = 16

const pick = <A>(from: ReadonlyArray<A>, index: number): A | undefined => from[index % from.length]
const each = <A>(of: A | undefined, f: (a: A) => Acting): Acting => of === undefined ? Effect.void : f(of)

const outcomes: Record<"success" | "fail" | "die", Acting> = {
  success: Effect.void,
  fail: Effect.fail(new TestError({ id: "told" })),
  die: Effect.die("boom")
}

export class Performer {
  readonly tasks: Array<Handle> = []
  readonly pools: Array<TaskPool.TaskPool> = []
  private readonly program: Program
  private dispatches = 0

  constructor(program: Program) {
    this.program = program
  }

  get layer(): Layer.Layer<WorkerPool | Job.Handler<JobName>> {
    const { workers } = this.program
    return Layer.mergeAll(
      ...jobNames.map((name) => jobs[name].toLayer((payload, task) => this.perform(payload.script!, task))) as [any]
    ).pipe(Layer.provideMerge(WorkerPool.layer({ workers }))) as any // mergeAll of a spread has no precise type
  }

  /** What the driver does. */
  get drive(): Acting {
    return Effect.exit(this.perform(0, undefined))
  }

  private perform(number: number, task: Context | undefined): Acting {
    return Effect.suspend(() => {
      const place: Place = { number, task, children: [], pools: [], fibers: [] }
      const { outcome, steps } = this.program.scripts[number]!
      return Effect.andThen(
        Effect.forEach(steps, (step) => this.step(step, place), { discard: true }),
        outcomes[outcome]
      )
    })
  }

  private step(step: Step, place: Place): Acting {
    // a fiber may wait for the pool, whose finalizer must not wait for it then: nobody could notice that ring
    const waitsForFibers = step.deed === "JoinFibers" || step.deed === "InterruptFibers"
    const way = step.way === "finalizingPool" && waitsForFibers ? "plainly" : step.way
    if (step.deed === "Snooze") return snooze(step, place)
    const done = this.inItsWay({ ...step, way }, place, this.deed(step, place))
    return step.through ? done : Effect.exit(done)
  }

  private inItsWay({ n, way }: Step, { fibers, pools, task }: Place, deed: Acting): Acting {
    const note = (fiber: Fiber.Fiber<unknown, unknown>) => fibers.push(fiber)
    const held = Effect.acquireRelease(deed, () => Effect.void)
    switch (way) {
      case "plainly":
        return deed
      case "forked":
        return Effect.map(Effect.forkChild(deed), note)
      case "forkedInScope":
        return Effect.map(Effect.forkScoped(deed), note)
      case "forkedAndMasked":
        return Effect.map(Effect.forkScoped(held), note)
      case "acquiring":
        return held
      case "masked":
        return Effect.uninterruptible(deed)
      case "sleeping":
        return task === undefined ? deed : task.whileSleeping(deed)
      case "limited":
        return Effect.timeoutOption(deed, 10 * (1 + n % 3))
      case "finalizing":
        return Effect.addFinalizer(() => Effect.exit(Effect.scoped(deed)))
      case "onExit":
      case "onFailure":
        return task === undefined ? deed : task[way](() => deed)
      case "finalizingPool":
        return each(pools.at(-1), (pool) => pool.addFinalizer(() => deed))
    }
  }

  private deed(step: Step, place: Place): Acting {
    const fibers = [...place.fibers] // later ones may be waiting for this one
    return Effect.suspend(() => {
      const { n, target } = step
      const { children, pools, task } = place
      const child = pick(children.toReversed(), target)
      const any = pick(this.tasks, target)
      const pool = pools.at(-1)
      switch (step.deed) {
        case "Dispatch":
          return this.dispatch(step, place, this.poolFor(step, place))
        case "Await":
          return each(child, (task) => task.await)
        case "AwaitAny":
          return each(any, (task) => task.await)
        case "AwaitAll":
          return Effect.forEach(children, (task) => task.exit, { concurrency: "unbounded" })
        case "JoinFibers":
          return Effect.forEach(fibers, Fiber.join, { discard: true })
        case "InterruptFibers":
          return Effect.forEach(fibers, Fiber.interrupt, { discard: true })
        case "MakePool":
          return Effect.map(this.makePool(n), (pool) => pools.push(pool))
        case "Join":
          return each(pool, (pool) => pool.join)
        case "Settled":
          return each(pick(this.pools, target), (pool) => pool.settled)
        case "Seal":
          return each(pool, (pool) => pool.seal)
        case "Use":
          return TaskPool.use((pool) => this.dispatchSome(step, place, pool), optionsOf(n))
        case "Nested":
          return Effect.scoped(Effect.flatMap(this.makePool(n), (pool) => this.dispatchSome(step, place, pool)))
        case "Run":
          return this.run(step, place)
        case "InterruptRun":
          return Effect.gen({ self: this }, function*() {
            const running = yield* Effect.forkChild(this.run(step, place))
            yield* n % 4 === 3 ? Effect.sleep(10) : Effect.forEach(Array.from({ length: n }), () => Effect.yieldNow)
            yield* Fiber.interrupt(running)
          })
        case "Sleep":
          return Effect.sleep(10 * (1 + n % 3))
        case "Yield":
          return Effect.yieldNow
        case "Report":
          return task === undefined ? Effect.void : task.report(n)
        case "ReadProgress":
          return each(any, (task) => Stream.runDrain(task.progress))
        case "FirstProgress":
          return each(any, (task) => task.firstProgress)
        case "ReadChanges":
          return each(pick(this.pools, target), (pool) => Effect.timeoutOption(Stream.runDrain(pool.changes), 30))
        case "Send":
          return each(
            any,
            (task) =>
              Effect.forEach(Array.from({ length: n > 8 ? inboxCapacity + 1 : 1 }), () => task.send("message"), {
                discard: true
              })
          )
        case "Receive":
          return task === undefined ? Effect.void : Effect.timeoutOption(Queue.take(task.inbox), 10)
        case "SetTimeout":
          return each(child, (task) => task.setTimeout(10 * (n % 4)))
        case "Drain":
          return WorkerPool.use(({ drain }) => drain)
        case "DispatchAll":
          return this.dispatchAll(step, place)
        case "ResizePool":
          return each(pick(this.pools, target), (pool) => pool.resize(n > 8 ? Infinity : 1 + n % 3))
        case "PauseJob":
          return n > 8 ? jobs[step.job].resume : jobs[step.job].pause({ for: 10 * (1 + n % 3) })
        case "Snooze":
          return Effect.void
        case "Cancel":
          return each(child, (task) => task.cancel())
        case "CancelAny":
          return each(any, (task) => task.cancel())
        case "CancelPool":
          return each(n < 6 ? pool : pick(this.pools, target), (pool) => pool.cancel())
        case "Recompute":
          return this.dispatches++ < tasksAtMost
            ? each(any, (task) => Effect.map(task.recompute, (task) => this.note(task, place)))
            : Effect.void
        case "Resize":
          return WorkerPool.use(({ resize }) => resize(1 + n % 4))
      }
    })
  }

  private makePool(n: number) {
    return Effect.tap(TaskPool.make(optionsOf(n)), (pool) => Effect.sync(() => this.pools.push(pool)))
  }

  private poolFor({ into, target }: Step, { pools }: Place): TaskPool.TaskPool | undefined {
    return into === 0 ? undefined : into === 3 ? pick(this.pools, target) : pools.at(-1)
  }

  private dispatchSome(step: Step, place: Place, pool: TaskPool.TaskPool): Acting {
    return Effect.gen({ self: this }, function*() {
      for (let n = 0; n <= step.n % 3; n++) {
        yield* this.dispatch({ ...step, n: 0, target: step.target + n }, place, pool)
      }
    })
  }

  private dispatch(step: Step, place: Place, pool: TaskPool.TaskPool | undefined): Acting {
    return this.call(
      step,
      place,
      pool,
      (job, payload, options) => Effect.map(job.dispatch(payload, options), (task) => this.note(task, place))
    )
  }

  /** As a list, as what has no number, or as a Stream in chunks. */
  private dispatchAll(step: Step, place: Place): Acting {
    return this.call(step, place, this.poolFor(step, place), (job, payload, options) => {
      const { n } = step
      const items = Array.from({ length: Math.min(1 + n % 4, tasksAtMost - this.dispatches) }, (_, i) => ({
        ...payload,
        key: i % 2 === 0 ? payload.key : "b"
      }))
      this.dispatches += items.length
      const all = n < 6 ? items : n < 9 ? items.values() : Stream.rechunk(Stream.fromIterable(items), 1)
      return job.dispatchAll(all, { ...options, ahead: 1 + n % 3 })
    })
  }

  private run(step: Step, place: Place): Acting {
    return this.call(step, place, this.poolFor(step, place), (job, payload, options) => job.run(payload, options))
  }

  /** Scripts go on to later ones only, and there is an end to how many tasks there are. */
  private call(
    { job, key, n, target }: Step,
    { number }: Place,
    pool: TaskPool.TaskPool | undefined,
    f: (
      job: typeof jobs[JobName],
      payload: Job.Payload<typeof jobs[JobName]>,
      options: { pool: TaskPool.TaskPool | undefined, priority: number, delay?: number, timeout?: number }
    ) => Acting
  ): Acting {
    const left = this.program.scripts.length - number - 1
    if (left === 0 || this.dispatches++ >= tasksAtMost) return Effect.void
    const payload = { key, instant: undefined, script: number + 1 + target % left }
    return f(jobs[job], payload, {
      pool,
      priority: n % 3,
      ...(n === 10 && { delay: 10 }),
      ...(n === 11 && { timeout: 20 })
    })
  }

  private note(task: Handle, { children }: Place): void {
    children.push(task)
    this.tasks.push(task)
  }
}

const optionsOf = (
  n: number
) => ({ onFailure: n > 8 ? "cancel" : "continue", ...(n % 3 === 2 && { concurrency: 1 + n % 2 }) } as const)

/** Not for ever. */
const snooze = ({ n }: Step, { task }: Place): Acting =>
  task === undefined || task.snoozes >= snoozesAtMost
    ? Effect.void
    : task.snooze(10 * (n % 3), { hold: n > 5 })
