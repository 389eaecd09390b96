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
  /** Those that wait for the same key of a unique job. */
  private readonly twins = new Map<string, Set<Waiting>>()
  private readonly waiting = new Heap<Waiting>((a, b) =>
    a.request.priority !== b.request.priority ? a.request.priority > b.request.priority : a.order < b.order
  )

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** How many dispatchers wait. */
  get size(): number {
    return this.waiting.size
  }

  /** Accepts a request now, or when there is room. */
  submit(request: Request): Effect.Effect<Accepted, DispatchErrorReason> {
    const { capacity, onFull } = this.machine
    const outcome = attempt(request, this.hasRoom && this.waiting.size === 0)
    if (outcome !== "full") return outcome
    if (onFull === "fail") return Effect.fail(new QueueFull({ capacity }))
    return Effect.callback((resume) => {
      const waiting: Waiting = { request, order: this.machine.nextOrder(), resume, heapIndex: -1 }
      this.add(waiting)
      this.machine.schedule()
      return Effect.sync(() => {
        if (waiting.heapIndex >= 0) this.remove(waiting)
      })
    })
  }

  /** Admits the first that waits, when there is room; whether there was one. */
  admitNext(): boolean {
    const next = this.waiting.peek()
    if (next === undefined || !(this.hasRoom || this.machine.closed)) return false
    const twins = this.twins.get(twinsOf(next.request) ?? "")
    this.admit(next)
    // what now joins the admitted task needs no room
    for (const twin of twins ?? []) if (twin.heapIndex >= 0) this.admit(twin)
    return true
  }

  private admit(waiting: Waiting): void {
    const outcome = attempt(waiting.request, this.hasRoom || this.machine.closed)
    if (outcome === "full") return
    this.remove(waiting)
    waiting.resume(outcome)
  }

  private add(waiting: Waiting): void {
    this.waiting.push(waiting)
    const key = twinsOf(waiting.request)
    if (key === undefined) return
    const twins = this.twins.get(key)
    if (twins === undefined) this.twins.set(key, new Set([waiting]))
    else twins.add(waiting)
  }

  private remove(waiting: Waiting): void {
    this.waiting.remove(waiting)
    const key = twinsOf(waiting.request)
    const twins = key === undefined ? undefined : this.twins.get(key)
    if (twins?.delete(waiting) && twins.size === 0) this.twins.delete(key!)
  }

  private get hasRoom(): boolean {
    return this.machine.ready.size < this.machine.capacity
  }
}

const twinsOf = ({ key, registration: { definition, job } }: Request): string | undefined =>
  definition.unique === undefined ? undefined : `${job.tag} ${key}`

/** Accepts as an effect: a ring that a joining dispatch would close is a defect. */
const attempt = (request: Request, hasRoom: boolean): Effect.Effect<Accepted, DispatchErrorReason> | "full" => {
  try {
    const outcome = accept(request, hasRoom)
    return outcome === "full" ? outcome : "task" in outcome ? Effect.succeed(outcome) : Effect.fail(outcome)
  } catch (defect) {
    return Effect.die(defect)
  }
}
