/**
 * Programs whose fibers race, each under hundreds of interleavings. After each run, whatever the program itself asserts,
 * the worker pool must be as the rules say: see `finish` and `Observer`.
 */
import { assert, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Scope } from "effect"
import { type Job, type Task, TaskCanceled, type TaskEvent, type TaskPool, TaskTimeout, WorkerPool } from "effect-tasks"
import { expectNoLeaks, Explore } from "effect-tasks/testing"
import { TestClock } from "effect/testing"
import { type Scripts, testPool } from "../support.ts"

/** More for a long hunt: `EXPLORE_SEEDS=20000 vitest run …`. */
const seeds = Number(process.env["EXPLORE_SEEDS"] ?? 500)
const timeout = 20_000 + seeds * 40

type Options = Parameters<typeof WorkerPool.layer>[0]
type Jobs = ReadonlyArray<Parameters<typeof testPool>[1]>
type Services = WorkerPool | Scripts | Scope.Scope | Job.Handler<any>

/** A test: the program under every seed, in a worker pool of its own. */
export const race = <E>(
  title: string,
  options: Options,
  jobs: Jobs,
  program: Effect.Effect<unknown, E, Services>
): void =>
  it.effect(title, () => {
    const watched = Effect.gen(function*() {
      const observer = yield* observe
      yield* Effect.scoped(program)
      yield* finish(observer)
    })
    return explored(
      Effect.scoped(watched).pipe(Effect.provide(testPool(options, ...jobs))) as Effect.Effect<void, E> // every job is there
    )
  }, timeout)

/** A test in which the program itself closes the worker pool, its handlers first. */
export const raceWithClose = <E>(
  title: string,
  options: Options,
  jobs: Jobs,
  program: (close: Effect.Effect<void>) => Effect.Effect<unknown, E, Services>
): void =>
  it.effect(title, () => {
    const watched = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.fresh(testPool(options, ...jobs)), scope)
      const check = Effect.gen(function*() {
        const observer = yield* observe
        yield* Effect.scoped(program(Scope.close(scope, Exit.void)))
        yield* Scope.close(scope, Exit.void)
        yield* checkCounts(observer)
        yield* checkTasks
      })
      yield* Effect.provideContext(Effect.scoped(check), context as Context.Context<any>)
    })
    return explored(watched as Effect.Effect<void, E>) // every job is there
  }, timeout)

/** Nothing else can happen: then everything has ended that ever will. */
const standstill = TestClock.adjust(0)

const explored = <E>(test: Effect.Effect<void, E>) => {
  return Explore.run(
    Effect.andThen(TestClock.adjust(0), expectNoLeaks(Effect.andThen(test, standstill))),
    { seeds }
  )
}

/** All of them at once. */
export const together = <E, R>(...effects: ReadonlyArray<Effect.Effect<unknown, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded", discard: true })

/** How a task ended, in one word. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "success" | "canceled" | "timeout" | "error" => {
  if (Exit.isSuccess(exit)) return "success"
  assert.isFalse(Cause.hasInterrupts(exit.cause), "an exit carries an interrupt")
  const error = Cause.squash(exit.cause)
  return error instanceof TaskCanceled ? "canceled" : error instanceof TaskTimeout ? "timeout" : "error"
}

/** The reason with which a dispatch was refused; fails when it was not. */
export const refusalOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return assert.fail("the dispatch was accepted")
  const error = Cause.squash(exit.cause) as { readonly reason?: { readonly _tag: string } }
  return error.reason?._tag ?? assert.fail(String(error))
}

/** Counts how many are inside, for runs that must not overlap. */
export const overlap = () => {
  const seen = { entered: 0, inside: 0, peak: 0 }
  const enter = Effect.acquireRelease(
    Effect.sync(() => {
      seen.entered++
      seen.peak = Math.max(seen.peak, ++seen.inside)
    }),
    () => Effect.andThen(Effect.yieldNow, Effect.sync(() => seen.inside--))
  )
  return { seen, enter }
}

// ---------------------------------------------------------------------------------------------------------------------
// what must hold whatever the program does
// ---------------------------------------------------------------------------------------------------------------------

/** What there is no public view of. */
interface Machine {
  readonly seq: number
  readonly listeners: Set<unknown>
  readonly slots: { readonly busy: number, readonly limit: number }
  readonly timers: { readonly size: number }
  readonly pools: Map<number, { readonly id: string, readonly canceled: boolean, readonly handle: TaskPool.TaskPool }>
}

const machineOf = WorkerPool.use((service) => Effect.sync((): Machine => Reflect.get(service, "~effect-tasks/Machine")))

const transitions: { readonly [From in Task.State]: ReadonlyArray<Task.State> } = {
  Queued: ["Running", "Exited"],
  Running: ["Sleeping", "Stopping"],
  Sleeping: ["Running", "Stopping"],
  Stopping: ["Exited"],
  Exited: []
}

/** A listener that follows every event and notes what no sequence of events may show. */
class Observer {
  readonly waiters = undefined
  readonly ready = false
  ended = false
  readonly wrong: Array<string> = []
  readonly states = new Map<string, Task.State>()
  private readonly workers = new Map<string, number>()
  private readonly held = new Map<string, Set<string>>()
  private readonly parents = new Map<string, string>()
  private readonly done = new Set<string>()
  private readonly machine: Machine
  private seq: number

  constructor(machine: Machine) {
    this.machine = machine
    this.seq = machine.seq
  }

  offer<A, B>(make: (...row: [A, number, number, B]) => TaskEvent.TaskEvent, ...row: [A, number, number, B]): void {
    const event = make(...row)
    if (event._tag === "Missed") return
    if (event.seq !== ++this.seq) this.wrong.push(`event ${event.seq} came instead of ${this.seq}`)
    this.follow(event)
    for (const pool of this.machine.pools.values()) {
      const { complete, queued, running, sleeping, total } = Effect.runSync(pool.handle.status)
      const parts = [queued, running, sleeping, complete]
      if (parts.some((part) => part < 0) || total !== queued + running + sleeping + complete) {
        this.wrong.push(`${pool.id} counts ${parts.join(" + ")} as ${total} at ${event._tag}`)
      }
    }
  }

  /** The tasks that a pool and those below it hold or held. */
  tasksOf(poolId: string): Set<string> {
    const found = new Set(this.held.get(poolId))
    for (const [child, parent] of this.parents) {
      if (parent === poolId) { for (const task of this.tasksOf(child)) found.add(task) }
    }
    return found
  }

  private follow(event: TaskEvent.TaskEvent): void {
    switch (event._tag) {
      case "TaskQueued":
        this.states.set(event.taskId, "Queued")
        return this.hold(event)
      case "TaskJoined":
      case "TaskReused":
        return this.hold(event)
      case "TaskStarted":
      case "TaskResumed":
        this.goes(event.taskId, "Running")
        return this.occupies(event.taskId, event.worker)
      case "TaskSlept":
        this.workers.delete(event.taskId)
        return this.goes(event.taskId, "Sleeping")
      case "TaskStopping":
        this.workers.delete(event.taskId)
        return this.goes(event.taskId, "Stopping")
      case "TaskExited":
        return this.goes(event.taskId, "Exited")
      case "PoolOpened":
        if (event.parentPoolId !== undefined) this.parents.set(event.poolId, event.parentPoolId)
        return
      case "PoolDone":
        if (this.done.has(event.poolId)) this.wrong.push(`${event.poolId} is done twice`)
        this.done.add(event.poolId)
        for (const task of this.held.get(event.poolId) ?? []) this.checkLetGo(event.poolId, task)
    }
  }

  private checkLetGo(poolId: string, task: string): void {
    const pool = [...this.machine.pools.values()].find(({ id }) => id === poolId)
    if (pool?.canceled !== true && this.states.get(task) !== "Exited") {
      this.wrong.push(`${poolId} is done before ${task}`)
    }
  }

  private hold({ poolId, taskId }: { readonly poolId: string, readonly taskId: string }): void {
    const held = this.held.get(poolId)
    if (held === undefined) this.held.set(poolId, new Set([taskId]))
    else held.add(taskId)
    if (this.done.has(poolId)) this.wrong.push(`${poolId} takes ${taskId} after its end`)
  }

  private goes(task: string, to: Task.State): void {
    const from = this.states.get(task)
    if (from === undefined || !transitions[from].includes(to)) this.wrong.push(`${task} goes from ${from} to ${to}`)
    this.states.set(task, to)
  }

  private occupies(task: string, worker: number): void {
    const { busy, limit } = this.machine.slots
    if ([...this.workers.values()].includes(worker)) this.wrong.push(`${task} shares worker ${worker}`)
    this.workers.set(task, worker)
    if (this.workers.size > limit) this.wrong.push(`${this.workers.size} tasks run on ${limit} workers`)
    if (busy > limit) this.wrong.push(`${busy} of ${limit} slots are taken`)
  }
}

const observe = Effect.gen(function*() {
  const machine = yield* machineOf
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      const observer = new Observer(machine)
      machine.listeners.add(observer)
      return observer
    }),
    (observer) => Effect.sync(() => machine.listeners.delete(observer))
  )
})

/** Everything has ended, and is counted. */
const finish = (observer: Observer) =>
  Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    const machine = yield* machineOf
    yield* workerPool.drain
    yield* checkCounts(observer)
    yield* checkTasks
    yield* standstill
    assert.strictEqual(machine.timers.size, 0, "no timer outlives its task")
    for (const pool of yield* workerPool.pools) {
      const { state, total } = yield* pool.status
      assert.strictEqual(state, pool.isGlobal ? "open" : "done", pool.id)
      assert.strictEqual(total, observer.tasksOf(pool.id).size, `${pool.id} counts each of its tasks once`)
    }
  })

/** The counts of the worker pool agree with each other and with its tasks. */
const checkCounts = (observer: Observer) =>
  Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    assert.deepStrictEqual(observer.wrong, [])
    const { busy, canceled, complete, delayed, dispatched, failed, queued, sleeping } = yield* workerPool.status
    assert.deepStrictEqual({ busy, queued, delayed, sleeping }, { busy: 0, queued: 0, delayed: 0, sleeping: 0 })
    assert.strictEqual(complete, dispatched)
    assert.strictEqual(dispatched, observer.states.size)
    const ends = yield* Effect.forEach(yield* workerPool.tasks, (task) => Effect.map(task.exit, outcomeOf))
    assert.strictEqual(ends.length, dispatched)
    assert.strictEqual(ends.filter((end) => end === "canceled").length, canceled)
    assert.strictEqual(ends.filter((end) => end === "timeout" || end === "error").length, failed)
  })

/** Every task has one exit, and all who ask are told the same. */
const checkTasks = Effect.gen(function*() {
  for (const task of yield* WorkerPool.use((workerPool) => workerPool.tasks)) {
    const { exit, exitStatus, finishedAt, state, waitingFor } = yield* task.status
    assert.strictEqual(state, "Exited", task.id)
    assert.isTrue(exit._tag === "Some" && exitStatus._tag === "Some" && finishedAt._tag === "Some", task.id)
    assert.strictEqual(waitingFor._tag, "None", task.id)
    assert.strictEqual(exit.valueOrUndefined, yield* task.exit)
  }
})
