/** A Scheduler that runs fibers in the order that a chooser decides, and sees when none of them can go on. */
import type * as Fiber from "effect/Fiber"
import { MixedScheduler, type Scheduler, type SchedulerDispatcher } from "effect/Scheduler"
import type { Choice, Chooser } from "./choices.ts"
import type { VirtualClock } from "./virtualClock.ts"

type Job = () => void

/** The queue of one dispatcher, which keeps its own order. */
export class ReadyQueue implements SchedulerDispatcher {
  private readonly buckets = new Map<number, Array<Job>>()
  private readonly explorer: Explorer
  size = 0

  constructor(explorer: Explorer) {
    this.explorer = explorer
  }

  scheduleTask(task: Job, priority: number): void {
    const bucket = this.buckets.get(priority)
    if (bucket === undefined) this.buckets.set(priority, [task])
    else bucket.push(task)
    if (this.size++ === 0) this.explorer.becameReady(this)
  }

  /** The oldest of the lowest priority number. */
  take(): Job {
    const priority = Math.min(...this.buckets.keys())
    const bucket = this.buckets.get(priority)!
    const task = bucket.shift()!
    if (bucket.length === 0) this.buckets.delete(priority)
    this.size--
    return task
  }

  flush(): void {
    while (this.size > 0) this.explorer.run(this)
  }
}

/** How far a fiber has come. */
interface Progress {
  readonly number: number
  operations: number
  repeats: number
}

/**
 * After a yield Effect asks for the operation that resumes the fiber and once more for the one it yielded before. They
 * are not counted, so that dropping a yield from a schedule leaves the numbers of later operations as they are.
 */
const askedAgain = 2

/**
 * An interrupted fiber takes one step at least, as it does under Effect's own scheduler: one that yielded before it, and
 * had not started yet, would start as if nothing had happened. Effect has no public view of this.
 */
const isInterrupted = (fiber: object): boolean => Reflect.get(fiber, "_interruptedCause") !== undefined

/** After so many turns promises get theirs. */
const turnsAtOnce = 256

/** How long nothing at all happens before that counts as a hang, in real milliseconds: promises may be under way. */
const patience = 50

export class Explorer implements Scheduler {
  readonly executionMode = "async"
  /** What was decided against the plain schedule. */
  readonly taken: Array<Choice> = []
  private readonly fibers = new WeakMap<object, Progress>()
  private fiberCount = 0
  private turns = 0
  private operations = 0
  private readonly ready: Array<ReadyQueue> = []
  private stopped = false
  private endRest: (() => void) | undefined
  private next: () => void
  private readonly later: (f: () => void) => () => void
  private readonly chooser: Chooser<ReadyQueue>
  private readonly clock: VirtualClock
  private readonly limit: number
  private readonly stuck: (why: string) => void

  constructor(options: {
    readonly chooser: Chooser<ReadyQueue>,
    readonly clock: VirtualClock,
    readonly limit: number,
    readonly stuck: (why: string) => void
  }) {
    this.chooser = options.chooser
    this.clock = options.clock
    this.limit = options.limit
    this.stuck = options.stuck
    this.later = new MixedScheduler().setImmediate
    this.next = this.later(() => this.turn())
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.operations++
    const seen = this.progressOf(fiber)
    if (seen.repeats > 0) {
      seen.repeats--
      return false
    }
    const { number } = seen
    const at = ++seen.operations
    if (fiber.currentOpCount === 1 && isInterrupted(fiber)) return false
    if (!this.chooser.yields(number, at)) return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
    this.taken.push({ kind: "yield", fiber: number, at })
    seen.repeats = askedAgain
    return true
  }

  private progressOf(fiber: object): Progress {
    let progress = this.fibers.get(fiber)
    if (progress === undefined) {
      progress = { number: ++this.fiberCount, operations: 0, repeats: 0 }
      this.fibers.set(fiber, progress)
    }
    return progress
  }

  makeDispatcher(): SchedulerDispatcher {
    return new ReadyQueue(this)
  }

  becameReady(queue: ReadyQueue): void {
    this.ready.push(queue)
    this.wake()
  }

  /** Runs the first of a queue, which then stands last among the ready ones. */
  run(queue: ReadyQueue): void {
    this.ready.splice(this.ready.indexOf(queue), 1)
    const task = queue.take()
    if (queue.size > 0) this.ready.push(queue)
    task()
  }

  /** Nothing runs any more. */
  stop(): void {
    this.stopped = true
    this.next()
  }

  private wake(): void {
    if (this.stopped || this.endRest === undefined) return
    this.endRest()
    this.endRest = undefined
    this.next = this.later(() => this.turn())
  }

  private turn(): void {
    for (let i = 0; i < turnsAtOnce && this.ready.length > 0 && !this.stopped; i++) {
      const at = this.turns + 1
      if (this.clock.mayRace && this.chooser.passesTime(at)) return this.race(at)
      this.step()
    }
    if (this.stopped) return
    if (this.turns + this.operations > this.limit) return this.giveUp(`it did not end within ${this.limit} steps`)
    // a turn of the event loop without anything ready, then time passes
    this.next = this.later(() => (this.ready.length > 0 || this.clock.advance() ? this.turn() : this.rest()))
  }

  /**
   * Time passes although something could run, after a turn of the event loop, as it does when nothing can: a real timer too
   * fires only when promises that can go on have gone on.
   */
  private race(at: number): void {
    this.next = this.later(() => {
      if (this.clock.mayRace) {
        this.taken.push({ kind: "time", at })
        this.clock.race()
      }
      if (this.ready.length > 0 && !this.stopped) this.step()
      this.turn()
    })
  }

  private step(): void {
    const at = ++this.turns
    const index = this.ready.length === 1 ? 0 : this.chooser.turn(at, this.ready)
    if (index > 0) this.taken.push({ kind: "turn", at, index })
    this.run(this.ready[index])
  }

  private rest(): void {
    const timer = setTimeout(() => this.giveUp("nothing can go on and no timer is set: it hangs"), patience)
    this.endRest = () => clearTimeout(timer)
  }

  private giveUp(why: string): void {
    this.stop()
    this.stuck(why)
  }
}
