/** Dispatchers that wait for room in the queue, by priority, then first come. */
import * as Effect from "effect/Effect"
import type { DispatchErrorReason } from "../TaskError.ts"
import { QueueFull } from "../TaskError.ts"
import { accept, type Accepted, type Request } from "./accept.ts"
import { Heap, type HeapItem } from "./heap.ts"
import type { Machine } from "./machine.ts"

interface Waiting extends HeapItem {
  readonly request: Request
  readonly order: number
  readonly resume: (effect: Effect.Effect<Accepted, DispatchErrorReason>) => void
}

export class Admission {
  private readonly machine: Machine
  private readonly waiting = new Heap<Waiting>((a, b) =>
    a.request.priority !== b.request.priority ? a.request.priority > b.request.priority : a.order < b.order
  )

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** Accepts a request now, or when there is room. */
  submit(request: Request): Effect.Effect<Accepted, DispatchErrorReason> {
    const { capacity, onFull } = this.machine
    const outcome = accept(request, this.hasRoom && (this.waiting.size === 0 || onFull === "fail"))
    if (outcome !== "full") return toEffect(outcome)
    if (onFull === "fail") return Effect.fail(new QueueFull({ capacity }))
    return Effect.callback((resume) => {
      const waiting: Waiting = { request, order: this.machine.nextOrder(), resume, heapIndex: -1 }
      this.waiting.push(waiting)
      this.machine.schedule()
      return Effect.sync(() => {
        if (waiting.heapIndex >= 0) this.waiting.remove(waiting)
      })
    })
  }

  /** Admits the first that waits, when there is room; whether there was one. */
  admitNext(): boolean {
    const next = this.waiting.peek()
    if (next === undefined || !(this.hasRoom || this.machine.closed)) return false
    this.waiting.remove(next)
    const outcome = accept(next.request, true)
    next.resume(toEffect(outcome as Exclude<typeof outcome, "full">)) // with room it is never full
    return true
  }

  /** Tasks that a free worker takes in the next turn do not count. */
  private get hasRoom(): boolean {
    const { capacity, paused, ready, slots } = this.machine
    if (capacity === Infinity) return true
    const starting = paused ? 0 : Math.min(Math.max(0, slots.limit - slots.busy), ready.startable)
    return ready.size - starting < capacity
  }
}

const toEffect = (outcome: Accepted | DispatchErrorReason): Effect.Effect<Accepted, DispatchErrorReason> =>
  "task" in outcome ? Effect.succeed(outcome) : Effect.fail(outcome)
