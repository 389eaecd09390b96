/** Dispatchers that wait for room in the queue, by priority, then first come. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DispatchError, type DispatchErrorReason, QueueFull } from "../TaskError.ts"
import { accept, type Accepted, type Request } from "./accept.ts"
import { Heap, type HeapItem } from "./heap.ts"
import type { Machine } from "./machine.ts"
import type { JobState } from "./records.ts"

interface Waiting extends HeapItem {
  request: Request
  readonly order: number
  readonly resume: (effect: Effect.Effect<Accepted, DispatchError>) => void
}

export class Admission {
  private readonly machine: Machine
  /** Those that wait with the same key. */
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
  submit(request: Request): Effect.Effect<Accepted, DispatchError> {
    const { capacity, onFull } = this.machine
    const outcome = attempt(request, this.hasRoom && this.waiting.size === 0)
    if (outcome !== "full") return outcome
    if (onFull === "fail") return refused(request, new QueueFull({ capacity }))
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
    this.admit(next)
    return true
  }

  /** A task has taken a key, or left a result to reuse: those that wait for the same key may need no room any more. */
  look(job: JobState, key: string | undefined): void {
    if (this.waiting.size === 0 || key === undefined) return
    const twins = this.twins.get(nameOf(job, key))
    if (twins === undefined) return
    this.machine.tell(() => {
      for (const twin of twins) if (twin.heapIndex >= 0 && !this.admit(twin)) return
    })
  }

  private admit(waiting: Waiting): boolean {
    waiting.request = renewed(waiting.request)
    const outcome = attempt(waiting.request, this.hasRoom || this.machine.closed)
    if (outcome === "full") return false
    this.remove(waiting)
    waiting.resume(outcome)
    return true
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
  key === undefined || (definition.unique ?? definition.kept) === undefined ? undefined : nameOf(job, key)

const nameOf = (job: JobState, key: string): string => `${job.tag} ${key}`

/** With the newest handler of the job, which may have come while the dispatcher waited. */
const renewed = (request: Request): Request => {
  const { definition, job } = request.registration
  const newest = job.registrations.findLast(({ phase }) => phase === "open")
  return newest?.definition === definition ? { ...request, registration: newest } : request
}

const refused = ({ registration }: Request, reason: DispatchErrorReason): Effect.Effect<never, DispatchError> =>
  Effect.fail(new DispatchError({ job: registration.job.tag, reason }))

/** Accepts as an effect: a ring that a joining dispatch would close is a defect. */
const attempt = (request: Request, hasRoom: boolean): Effect.Effect<Accepted, DispatchError> | "full" => {
  try {
    const outcome = accept(request, hasRoom)
    if (outcome === "full") return outcome
    if (!("task" in outcome)) return refused(request, outcome)
    request.accepted?.(outcome.task)
    return Exit.succeed(outcome)
  } catch (defect) {
    return Effect.die(defect)
  }
}
