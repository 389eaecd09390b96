/**
 * The floor: what every task of effect-tasks owes its users, written by hand in Effect with nothing beside it. A payload
 * checked by its Schema, a handle, a fiber of its own with its Scope and the current task, three clock readings, counts, a
 * history of 1,000, an awaited end. No priorities, cancel, timeouts, sleeping, hooks, keys, events or metrics.
 */
import { Clock, Context, Effect, Exit, Schema, Scope } from "effect"
import { items } from "./bodies.ts"
import type { Peer } from "./peers.ts"
import { payload } from "./tasks.ts"

interface Task {
  readonly payload: unknown
  readonly queuedAt: number
  startedAt: number
  finishedAt: number
  exit: Exit.Exit<void> | undefined
}

class CurrentTask extends Context.Service<CurrentTask, Task>()("bench/CurrentTask") {}

const remembered = 1_000

class Floor {
  private readonly schema = Schema.Struct(payload)
  private readonly clock = Effect.runSync(Clock.clockWith(Effect.succeed))
  private readonly context = Effect.runSync(Effect.context<never>())
  private readonly body: Effect.Effect<void>
  private readonly concurrency: number
  private waiting: Array<Task> = []
  private next = 0
  private readonly history: Array<Task> = []
  private oldest = 0
  private running = 0
  private complete = 0
  private left = 0
  private scheduled = false
  private onEmpty: () => void = () => {}

  constructor(body: Effect.Effect<void>, concurrency: number) {
    this.body = body
    this.concurrency = concurrency
  }

  dispatch(input: { readonly n: number }): Effect.Effect<Task> {
    return Effect.suspend(() => {
      const checked = this.schema.makeEffect(input)
      if (!Exit.isExit(checked) || !Exit.isSuccess(checked)) return Effect.die(checked)
      const task: Task = {
        payload: checked.value,
        queuedAt: this.clock.currentTimeMillisUnsafe(),
        startedAt: 0,
        finishedAt: 0,
        exit: undefined
      }
      this.left++
      this.waiting.push(task)
      this.schedule()
      return Effect.succeed(task)
    })
  }

  get join(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.onEmpty = () => resume(Effect.void)
    })
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.pump()
    })
  }

  private pump(): void {
    while (this.running < this.concurrency && this.next < this.waiting.length) this.start(this.waiting[this.next++]!)
    if (this.next < this.waiting.length) return
    this.waiting = []
    this.next = 0
  }

  private start(task: Task): void {
    this.running++
    task.startedAt = this.clock.currentTimeMillisUnsafe()
    const scope = Scope.makeUnsafe()
    const context = this.context.pipe(Context.add(CurrentTask, task), Context.add(Scope.Scope, scope))
    const fiber = Effect.runForkWith(context)(this.body)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.addObserver((late) => this.end(task, scope, late))
    else this.end(task, scope, exit)
  }

  private end(task: Task, scope: Scope.Closeable, exit: Exit.Exit<void>): void {
    Scope.closeUnsafe(scope, exit)
    task.exit = exit
    task.finishedAt = this.clock.currentTimeMillisUnsafe()
    this.history[this.oldest] = task
    this.oldest = (this.oldest + 1) % remembered
    this.running--
    this.complete++
    if (--this.left === 0) this.onEmpty()
    this.schedule()
  }
}

export const floor: Peer = {
  name: "the floor, by hand",
  lacks: "priorities, cancel, timeouts, sleeping parents, hooks, keys, progress, events, metrics, pools",
  make: ({ effect }, concurrency) => {
    const pool = new Floor(effect, concurrency)
    return (size) =>
      Effect.runPromise(Effect.andThen(Effect.forEach(items(size), (n) => pool.dispatch({ n })), pool.join))
  }
}
