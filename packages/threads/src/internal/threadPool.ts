/** Threads, one task at a time on each: started when a task needs one, kept while idle, replaced when they die. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Worker from "effect/workers/Worker"
import { ThreadNotReady } from "../ThreadError.ts"
import { type Host, idle, Peer } from "./peer.ts"
import type { Message } from "./protocol.ts"
import { textOf } from "./text.ts"

/** What the user's function makes: a worker of any platform. */
export interface RawWorker {
  terminate(): unknown
  ref?(): void
  unref?(): void
}

export interface PoolOptions {
  readonly spawn: () => RawWorker
  /** How long an idle thread is kept, in milliseconds. */
  readonly timeToLive: number
  /** Told of a thread that ended though no task was on it. */
  readonly onLoss: (text: string) => void
  /** Told of what a thread logs while no task is on it. */
  readonly log: Host["log"]
}

const longestTimer = 2 ** 31 - 1

/**
 * In real time, whatever clock the program has; gives what stops it. It keeps no process alive, and timers of the platform
 * know no longer wait.
 */
export const after = (millis: number, act: () => void): () => void => {
  if (millis > longestTimer) return () => {}
  const timer: { unref?(): void } | number = setTimeout(act, millis)
  if (typeof timer === "object") timer.unref?.()
  return () => clearTimeout(timer as number)
}

export class Thread {
  readonly id: number
  readonly peer: Peer
  state: "booting" | "ready" | "closing" | "gone" = "booting"
  /** Why it is no more. */
  reason: string | undefined
  raw: RawWorker | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  keepIdle: (() => void) | undefined

  constructor(id: number, peer: Peer) {
    this.id = id
    this.peer = peer
  }

  /** Without finalizers. Nobody is given a thread that is about to end, though its task may end before it. */
  terminate(): void {
    if (this.state === "ready") this.state = "closing"
    void this.raw?.terminate()
  }
}

/** A task's claim to a thread, from the moment that it asks for one. */
export class Lease {
  thread: Thread | undefined
  resume: ((effect: Effect.Effect<Thread, ThreadNotReady>) => void) | undefined

  give(thread: Thread): Effect.Effect<Thread> {
    this.thread = thread
    return Effect.succeed(thread)
  }
}

export class ThreadPool {
  private readonly idle: Array<Thread> = []
  private readonly waiting = new Set<Lease>()
  private readonly booting = new Set<Thread>()
  private readonly platform: Worker.WorkerPlatform["Service"]
  private readonly scope: Scope.Scope
  private readonly options: PoolOptions
  private numbers = 0

  constructor(platform: Worker.WorkerPlatform["Service"], scope: Scope.Scope, options: PoolOptions) {
    this.platform = platform
    this.scope = scope
    this.options = options
  }

  /** The idle thread that was used last, or whichever is ready first: a new one, or one that becomes idle. */
  acquire(lease: Lease): Effect.Effect<Thread, ThreadNotReady> {
    return Effect.suspend(() => {
      if (this.scope.state._tag === "Closed") return Effect.fail(new ThreadNotReady({ reason: "its layer has closed" }))
      const thread = this.idle.pop()
      if (thread === undefined) return this.wait(lease)
      thread.keepIdle?.()
      thread.raw?.ref?.()
      return lease.give(thread)
    })
  }

  release(lease: Lease): void {
    this.waiting.delete(lease)
    if (lease.thread?.state === "ready") this.offer(lease.thread)
  }

  /** Nothing waits for it, so it keeps no process alive. */
  warm(): void {
    this.start().raw?.unref?.()
  }

  private wait(lease: Lease): Effect.Effect<Thread, ThreadNotReady> {
    return Effect.callback((resume) => {
      lease.resume = resume
      this.waiting.add(lease)
      for (const thread of this.booting) thread.raw?.ref?.()
      if (this.booting.size < this.waiting.size) this.start()
      return Effect.sync(() => this.waiting.delete(lease))
    })
  }

  private offer(thread: Thread): void {
    const lease = this.next()
    if (lease !== undefined) return lease.resume!(lease.give(thread))
    this.idle.push(thread)
    thread.raw?.unref?.()
    thread.keepIdle = after(this.options.timeToLive, () => this.retire(thread))
  }

  private next(): Lease | undefined {
    const [lease] = this.waiting
    if (lease !== undefined) this.waiting.delete(lease)
    return lease
  }

  /** It is asked to close, its finalizers run; ended when it does not close in time. */
  private retire(thread: Thread): void {
    thread.state = "closing"
    this.forget(thread)
    thread.fiber?.interruptUnsafe()
  }

  private start(): Thread {
    let send: Worker.Worker<Message, Message>["send"]
    const peer = new Peer((message, transfer) => Effect.runSync(send(message, transfer)))
    peer.host = { ...idle, log: this.options.log }
    const thread = new Thread(this.numbers++, peer)
    this.booting.add(thread)
    const life = Effect.flatMap(this.platform.spawn<Message, Message>(thread.id), (worker) => {
      send = worker.send
      return worker.run((message) => Effect.sync(() => this.receive(thread, message)))
    }).pipe(
      Effect.provideService(Worker.Spawner, () => thread.raw = this.options.spawn()),
      Effect.onExit((exit) => Effect.sync(() => this.ended(thread, exit)))
    )
    thread.fiber = Effect.runForkWith(Context.empty())(life)
    Fiber.runIn(thread.fiber, this.scope)
    return thread
  }

  private receive(thread: Thread, message: Message): void {
    if (!Array.isArray(message)) return // others say things of their own on the port
    switch (message[0]) {
      case "Ready":
        thread.state = "ready"
        this.booting.delete(thread)
        return this.offer(thread)
      case "Failed":
        thread.reason = message[1]
        return thread.terminate()
      default:
        return thread.peer.receive(message)
    }
  }

  private ended(thread: Thread, exit: Exit.Exit<unknown, unknown>): void {
    const { state } = thread
    thread.state = "gone"
    thread.reason ??= reasonOf(exit)
    const wasIdle = this.idle.includes(thread)
    this.forget(thread)
    thread.peer.close()
    const wasClosed = state === "closing" || (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    if (wasClosed && (state !== "booting" || this.waiting.size === 0)) return
    if (wasIdle) this.options.onLoss(`Thread ${thread.id} ended while it was idle: ${thread.reason}`)
    if (state === "booting") this.failed(new ThreadNotReady({ reason: thread.reason }))
  }

  /** Ends a task that waits, unless others boot for all of them. */
  private failed(error: ThreadNotReady): void {
    if (this.booting.size < this.waiting.size) this.next()!.resume!(Effect.fail(error))
    else this.options.onLoss(error.message)
  }

  private forget(thread: Thread): void {
    this.booting.delete(thread)
    thread.keepIdle?.()
    const at = this.idle.indexOf(thread)
    if (at >= 0) this.idle.splice(at, 1)
  }
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? "it was closed" : textOf(Cause.squash(exit.cause))
