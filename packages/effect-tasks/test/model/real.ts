/** The runtime's side of a program: its jobs, what its handlers do, and what came of every call. */
import { Effect, Exit, Fiber, Layer, Queue, Schedule, Schema, Scope } from "effect"
import { Job, Limit, type Task, type TaskEvent, TaskPool, WorkerPool } from "effect-tasks"
import { type Gate, gate, TestError } from "../support.ts"
import type { DriverAct, HandlerAct } from "./acts.ts"
import type * as entities from "./entities.ts"
import { type JobName, jobNames, type LimitPolicy, policyOf, type SharedLimit, sharedLimits } from "./jobs.ts"
import { exitText } from "./snapshot.ts"

const payload = {
  key: Schema.String,
  /** How the handler ends at once. */
  instant: Schema.UndefinedOr(Schema.Literals(["success", "fail", "die"])),
  /** What the handler does, where programs are made of scripts. */
  script: Schema.UndefinedOr(Schema.Int)
}

export type Handle = Task.Task<unknown, TestError, number, string>
export type Context = Task.TaskContext<unknown, TestError, number, string>

const byKey = ({ key }: { readonly key: string }) => key

const keyed = ({ limit, perKey }: LimitPolicy) => ({ limit, ...(perKey === true ? { key: byKey } : {}) })

const makeLimit = (policy: LimitPolicy): Limit.Limit =>
  policy.window === undefined ? Limit.permits(policy.limit) : Limit.rate({ limit: policy.limit, window: policy.window })

const shared: Readonly<Record<SharedLimit, Limit.Limit>> = {
  desk: makeLimit(sharedLimits.desk),
  budget: makeLimit(sharedLimits.budget)
}

const makeJob = (name: JobName) => {
  const { concurrency, kept, limits = [], maxDelay, rates = [], retry, unique } = policyOf(name)
  return Job.make(name, {
    payload,
    success: Schema.Unknown,
    error: TestError,
    progress: Schema.Int,
    message: Schema.String,
    key: byKey,
    unique,
    persistent: kept === undefined ? false : { capacity: kept },
    concurrency: concurrency?.perKey === true ? { limit: concurrency.limit, key: byKey } : concurrency?.limit,
    rate: rates.map((rate) => ({ ...keyed(rate), window: rate.window })),
    limits: limits.map((name) => shared[name]),
    ...(maxDelay === undefined ? {} : { maxDelay }),
    retry: retry && { times: retry.times, ...(retry.delay > 0 ? { schedule: Schedule.spaced(retry.delay) } : {}) }
  })
}

// every name has a job
export const jobs = Object.fromEntries(jobNames.map((name) => [name, makeJob(name)])) as Record<
  JobName,
  ReturnType<typeof makeJob>
>

interface Op {
  readonly label: string
  readonly number: number
  result: string | undefined
}

interface Told {
  readonly act: HandlerAct
  readonly op: Op
}

/** What an act needs in a handler; what it fails with is told apart by its text alone. */
type Acting<A = unknown> = Effect.Effect<A, any, WorkerPool | Scope.Scope | Job.Handler<JobName>>

const ends: Record<"success" | "fail" | "die", Acting> = {
  success: Effect.void,
  fail: Effect.fail(new TestError({ id: "told" })),
  die: Effect.die("boom")
}

export class Real {
  readonly tasks: Array<Handle> = []
  readonly pools: Array<TaskPool.TaskPool> = []
  readonly ops: Array<Op> = []
  readonly log: Array<string> = []
  readonly events: Array<TaskEvent.TaskEvent> = []
  private readonly scopes = new Map<number, Scope.Closeable>()
  private readonly mailboxes = new Map<string, Queue.Queue<Told>>()
  private readonly fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  private readonly gates = new Map<string, Gate>()
  private isOpen = false

  layer(workers: number): Layer.Layer<WorkerPool | Job.Handler<JobName>> {
    return Layer.mergeAll(
      ...jobNames.map((name) => jobs[name].toLayer((payload, task) => this.handler(payload.instant, task))) as [any]
    ).pipe(Layer.provideMerge(WorkerPool.layer({ workers }))) as any // mergeAll of a spread has no precise type
  }

  gate(name: string): Gate {
    let found = this.gates.get(name)
    if (found === undefined) {
      this.gates.set(name, found = this.isOpen ? { wait: Effect.void, open: Effect.void } : gate())
    }
    return found
  }

  /** Opens every gate there is and will be. */
  readonly openAll = Effect.suspend(() => {
    this.isOpen = true
    return Effect.forEach(this.gates.values(), ({ open }) => open, { discard: true })
  })

  /** Takes in new tasks. */
  readonly adopt = Effect.gen({ self: this }, function*() {
    const number = ({ id }: Task.Any) => Number(/\d+$/.exec(id)![0])
    for (const task of (yield* (yield* WorkerPool).tasks).toSorted((a, b) => number(a) - number(b))) {
      if (this.numberOf(task) < 0) this.tasks.push(task as Handle) // every job here has these types
    }
  })

  note(label: string): Op {
    const op = { label, number: this.ops.length, result: undefined }
    this.ops.push(op)
    return op
  }

  /** Has a fiber of a handler perform an act. */
  tell({ number, task }: entities.Fiber, act: HandlerAct, op: Op): Effect.Effect<void> {
    return Effect.asVoid(Queue.offer(this.mailbox(`${this.tasks[task.number]!.id}/${number}`), { act, op }))
  }

  /** Performs an act outside of tasks. */
  call(op: Op, act: DriverAct) {
    return Effect.gen({ self: this }, function*() {
      const fiber = yield* Effect.forkDetach(Effect.exit(this.record(op, act, undefined)), { startImmediately: true })
      this.fibers.set(`${op.number}`, fiber)
      yield* this.adopt // the next act may come before anything else
    })
  }

  private mailbox(id: string): Queue.Queue<Told> {
    let mailbox = this.mailboxes.get(id)
    if (mailbox === undefined) this.mailboxes.set(id, mailbox = Effect.runSync(Queue.unbounded<Told>()))
    return mailbox
  }

  private handler(instant: "success" | "fail" | "die" | undefined, task: Context): Acting {
    return instant !== undefined ? ends[instant] : this.fiber(task, 0)
  }

  private fiber(task: Context, number: number): Acting {
    return Effect.gen({ self: this }, function*() {
      while (true) {
        const { act, op } = yield* Queue.take(this.mailbox(`${task.id}/${number}`))
        const exit = yield* Effect.exit(this.record(op, act, task))
        if (act._tag === "End") return yield* ends[act.outcome]
        if (act._tag === "Snooze") return yield* task.snooze(act.millis, { hold: act.hold })
        if (Exit.hasInterrupts(exit) || ("through" in act && act.through && Exit.isFailure(exit))) return yield* exit
      }
    })
  }

  /** Performs an act and notes what came of it. */
  record(op: Op, act: DriverAct | HandlerAct, task: Context | undefined): Acting {
    return Effect.onExit(this.perform(op, act, task), (exit) =>
      Effect.sync(() => {
        op.result = Exit.isFailure(exit) ? exitText(exit) : typeof exit.value === "string" ? exit.value : "ok"
      }))
  }

  private perform(op: Op, act: DriverAct | HandlerAct, task: Context | undefined): Acting {
    switch (act._tag) {
      case "Dispatch": {
        const { delay, hooks, instant, job, key, pool, priority, queueTimeout, timeout } = act
        const options = { pool: this.pools[pool], priority, delay, timeout, queueTimeout }
        return Effect.gen({ self: this }, function*() {
          const handle = yield* jobs[job].dispatch({ key, instant, script: undefined }, options)
          yield* this.adopt
          const named = this.named(handle)
          if (handle.origin !== "created" || hooks === "none") return named
          for (const kind of ["onFailure", "onExit", "onSuccess"] as const) {
            const name = `${kind} of task ${this.numberOf(handle)}`
            yield* handle[kind](() => this.logged(name, hooks === "slow" && kind === "onExit"))
          }
          return named
        })
      }
      case "MakePool":
        return Effect.gen({ self: this }, function*() {
          const scope = yield* task === undefined
            ? Scope.make()
            : Effect.flatMap(Effect.scope, (outer) => Scope.fork(outer))
          const options = {
            onFailure: act.cancelOnFailure ? "cancel" : "continue",
            ...(act.concurrency === undefined ? {} : { concurrency: act.concurrency })
          } as const
          const number = this.pools.length
          const pool = yield* Scope.provide(TaskPool.make(options), scope)
          this.pools.push(pool)
          this.scopes.set(number, scope)
          if (act.finalizer) yield* pool.addFinalizer(() => this.logged(`finalizer of pool ${number}`, false))
          return `pool ${number}`
        })
      case "ResizePool":
        return this.pools[act.pool]!.resize(act.concurrency)
      case "Close":
        return Effect.uninterruptible(Scope.close(this.scopes.get(act.pool)!, Exit.void))
      case "Run": {
        const { instant, job, key, pool } = act
        return Effect.as(jobs[job].run({ key, instant, script: undefined }, { pool: this.pools[pool] }), "success")
      }
      case "InterruptRun":
        return Fiber.interrupt(this.fibers.get(`${act.op}`)!)
      case "Seal":
        return this.pools[act.pool]!.seal
      case "Join":
        return this.pools[act.pool]!.join
      case "Settled":
        return this.pools[act.pool]!.settled
      case "CancelPool":
        return this.pools[act.pool]!.cancel()
      case "Await":
        return Effect.as(this.tasks[act.task]!.await, "success")
      case "Cancel":
        return this.tasks[act.task]!.cancel()
      case "Recompute":
        return Effect.flatMap(
          this.tasks[act.task]!.recompute,
          (handle) => Effect.map(this.adopt, () => this.named(handle))
        )
      case "ClearTimeout":
        return this.tasks[act.task]!.clearTimeout
      case "SetTimeout":
        return this.tasks[act.task]!.setTimeout(act.millis)
      case "SetPriority":
        return this.tasks[act.task]!.setPriority(act.priority)
      case "Send":
        return Effect.forEach(Array.from({ length: act.count }), () => this.tasks[act.task]!.send("message"), {
          discard: true
        })
      case "Hook":
      case "OwnHook": {
        const registrar = act._tag === "Hook" ? this.tasks[act.task]! : task!
        const id = act._tag === "Hook" ? act.task : this.numberOf(task!)
        return registrar[act.kind](() => this.logged(`${act.kind} of task ${id} by op ${op.number}`, act.slow))
      }
      case "End":
      case "Snooze":
        return Effect.void
      case "Sleep":
        return task!.whileSleeping(this.gate(`sleep of op ${op.number}`).wait)
      case "Report":
        return task!.report(act.progress)
      case "Read":
        return Effect.asVoid(Queue.take(task!.inbox))
      case "Finalizer":
        return Effect.addFinalizer(() =>
          act.kind === "die" ? Effect.die("finalizer") : this.gate(`finalizer of op ${op.number}`).wait
        )
      case "WaitingFinalizer":
        return Effect.addFinalizer(() =>
          this.finalize(`finalizer of task ${this.numberOf(task!)} by op ${op.number}`, act.task)
        )
      case "Fork":
        return Effect.map(Effect.forkChild(this.fiber(task!, act.fiber), { startImmediately: true }), (fiber) => {
          this.fibers.set(`${task!.id}/${act.fiber}`, fiber)
        })
      case "JoinFiber":
      case "InterruptFiber": {
        const fiber = this.fibers.get(`${task!.id}/${act.fiber}`)!
        return act._tag === "JoinFiber" ? Effect.asVoid(Fiber.await(fiber)) : Fiber.interrupt(fiber)
      }
      case "Pause":
        return WorkerPool.use(({ pause }) => pause)
      case "Resume":
        return WorkerPool.use(({ resume }) => resume)
      case "Resize":
        return WorkerPool.use(({ resize }) => resize(act.workers))
      case "PauseJob":
        return jobs[act.job].pause(act.millis === undefined ? {} : { for: act.millis })
      case "ResumeJob":
        return jobs[act.job].resume
      case "Drain":
        return WorkerPool.use(({ drain }) => drain)
    }
  }

  private named(handle: Handle): string {
    return `${handle.origin} ${this.numberOf(handle)}`
  }

  private numberOf({ id }: { readonly id: string }): number {
    return this.tasks.findIndex((task) => task.id === id)
  }

  private finalize(name: string, task: number): Effect.Effect<void> {
    return Effect.flatMap(
      Effect.exit(this.tasks[task]!.await),
      (exit) => Effect.sync(() => void this.log.push(`${name}: ${exitText(exit)}`))
    )
  }

  private logged(name: string, isSlow: boolean): Effect.Effect<void> {
    return Effect.andThen(Effect.sync(() => this.log.push(name)), isSlow ? this.gate(name).wait : Effect.void)
  }

  /** Nothing is left, and every operation returns at once; what is wrong with that. */
  readonly afterShutdown = Effect.gen({ self: this }, function*() {
    const { busy, complete, dispatched } = yield* (yield* WorkerPool).status
    if (busy > 0 || complete < dispatched) return `${dispatched - complete} tasks are left, ${busy} workers are busy`
    const lost = this.ops.find(({ result }) => result === undefined)
    if (lost !== undefined) return `never returned: ${lost.label}`
    const calls: Array<Acting> = [
      ...this.tasks.flatMap((
        task
      ): Array<Acting> => [task.exit, task.cancel(), Effect.exit(task.send("late")), task.recompute]),
      ...this.pools.flatMap((pool): Array<Acting> => [pool.settled, pool.cancel(), pool.seal]),
      WorkerPool.use(({ drain }) => drain),
      jobs.Plain.dispatch({ key: "a", instant: undefined, script: undefined })
    ]
    for (const [index, call] of calls.entries()) {
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      if (fiber.pollUnsafe() === undefined) return `call ${index} after shutdown does not return at once`
    }
    for (const [number, pool] of this.pools.entries()) {
      const { complete, queued, running, sleeping, state, total } = yield* pool.status
      if (total !== complete || queued + running + sleeping > 0) {
        return `pool ${number} has ${total - complete} tasks left`
      }
      if (number > 0 && state !== "done") return `pool ${number} is ${state}`
    }
    return undefined
  })
}
