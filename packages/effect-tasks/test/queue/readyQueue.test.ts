/** The ready queue against the rule that it stands for: the best entry all of whose limits have room. */
import { type Limit, Permits } from "#internal/queue/limit"
import { type Limits, LimitTree } from "#internal/queue/limits"
import { Hold, Rate } from "#internal/queue/rate"
import { type Entry, ReadyQueue } from "#internal/queue/readyQueue"
import type { Timers } from "#internal/queue/timers"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"

/** A clock that the test moves, with the timers that a limit asks for. */
class Time {
  now = 0
  private alarms = new Set<{ readonly at: number, readonly fire: () => void }>()
  scheduled = false
  readonly timers = {
    moment: () => this.now,
    set: (millis: number, fire: () => void) => {
      const alarm = { at: this.now + millis, fire }
      this.alarms.add(alarm)
      return alarm
    },
    clear: (alarm: any) => this.alarms.delete(alarm)
  } as unknown as Timers // all of them that limits use

  schedule(): void {
    this.scheduled = true
  }

  pass(millis: number): void {
    this.now += millis
    for (const alarm of this.alarms) if (alarm.at <= this.now && this.alarms.delete(alarm)) alarm.fire()
  }

  get armed(): number {
    return this.alarms.size
  }
}

interface Item extends Entry {
  queue: ReadyQueue
  priority: number
  readonly depth: number
  readonly limits: Limits | undefined
}

const isBefore = (a: Item, b: Item): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.depth !== b.depth ? a.depth > b.depth : a.order < b.order

const kinds = ["add", "add", "add", "cancel", "rank", "release", "wait", "resize", "hold"] as const
const Nat = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 719 }))
const Act = Schema.Struct({ kind: Nat, a: Nat, b: Nat, start: Schema.Boolean })

const never = () => {}

const pick = <A>(from: Iterable<A>, n: number): A | undefined => {
  const all = [...from]
  return all[n % Math.max(1, all.length)]
}

/** Limits, the queues in which entries stand behind them, and what has started. */
class Scene {
  readonly time = new Time()
  private readonly tree = new LimitTree()
  private readonly limits: ReadonlyArray<Limit>
  private readonly queues = [new ReadyQueue(), new ReadyQueue()]
  private readonly queued = new Set<Item>()
  private readonly running: Array<Item> = []
  private order = 0

  constructor(mix: number) {
    const some = [0, 1, 2, 3].map((i) =>
      (mix >> i) % 2 === 0
        ? new Permits(1 + i % 2, "job-concurrency", never)
        : new Rate({ limit: 1 + i % 2, window: 3 + 4 * i, isKeyed: false }, this.time, never)
    )
    this.limits = [...some, new Hold(this.time, never)]
  }

  perform({ a, b, kind }: typeof Act.Type): void {
    switch (kinds[kind % kinds.length]) {
      case "add":
        return this.add(a, b)
      case "cancel":
        return this.leave(pick(this.queued, a))
      case "rank": {
        const item = pick(this.queued, a)
        if (item === undefined) return
        item.queue.remove(item)
        return item.queue.add(item, item.priority = b % 3, item.depth, item.limits)
      }
      case "release": {
        const [item] = this.running.splice(a % Math.max(1, this.running.length), 1)
        item?.limits?.held?.release()
        return item?.limits?.forget()
      }
      case "wait":
        return this.time.pass(a % 9)
      case "resize": {
        const limit = pick(this.limits, a)
        if (limit instanceof Permits || limit instanceof Rate) limit.resize(1 + b % 3)
        return
      }
      case "hold": {
        const limit = pick(this.limits, a)
        if (limit instanceof Hold) limit.hold(b % 3 === 0 ? -Infinity : this.time.now + b % 12)
      }
    }
  }

  private add(a: number, b: number): void {
    const limits = this.tree.of(this.limits.filter((_, i) => (a >> i) % 3 === 0 && (b >> i) % 2 === 0))
    limits?.retain()
    const queue = this.queues[b % 4 === 0 ? 1 : 0]!
    const place = { weight: 1, number: 0, heapIndex: -1, lane: undefined, ahead: undefined, behind: undefined }
    const item: Item = { ...place, order: ++this.order, queue, priority: a % 3, depth: b % 2, limits }
    this.queued.add(item)
    queue.add(item, item.priority, item.depth, limits)
  }

  private leave(item: Item | undefined): void {
    if (item === undefined) return
    item.queue.remove(item)
    item.limits?.forget()
    this.queued.delete(item)
  }

  /** The first of each queue is the best of all that could start; it starts, if it may. */
  check(start: boolean): void {
    for (const queue of this.queues) {
      const free = [...this.queued].filter((item) => item.queue === queue && item.limits?.full === undefined)
      const [best] = free.toSorted((a, b) => isBefore(a, b) ? -1 : 1)
      assert.strictEqual(queue.peek(), best)
      if (best === undefined || !start) continue
      best.limits?.take(this.time.now)
      queue.remove(best)
      this.queued.delete(best)
      this.running.push(best)
    }
  }

  /** Neither an alarm nor a list of limits outlives its entries. */
  end(): void {
    for (const item of this.queued) this.leave(item)
    for (const { limits } of this.running) limits?.forget()
    assert.strictEqual(this.time.armed, 0)
    assert.strictEqual(this.tree.size, 0)
  }
}

describe("R18, R19, R26 The ready queue", () => {
  it.prop(
    "gives the best entry all of whose limits have room, after whatever has happened",
    { acts: Schema.Array(Act), mix: Nat },
    ({ acts, mix }) => {
      const scene = new Scene(mix)
      for (const act of acts) {
        scene.perform(act)
        scene.check(act.start)
      }
      scene.end()
    },
    { timeout: 120_000, arbitrary: { runs: Number(process.env["RUNS"] ?? 1000), size: 400 } }
  )
})
