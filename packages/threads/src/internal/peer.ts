/** One end of a port: it asks the other end to run tasks, and runs those that the other end asks for. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type { Codec, Encoded } from "./codec.ts"
import { nothing } from "./codec.ts"
import type { LogLine, Message, Outcome, Request } from "./protocol.ts"
import { textOf } from "./text.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a run may tell the end that asked for it. */
export interface Callee {
  readonly call: number
  readonly inbox: Queue.Dequeue<unknown>
  readonly report: (progress: Encoded) => void
  /** Whether the other end has cancelled the run: not when the port has closed. */
  readonly canceled: boolean
}

/** What runs for a request of the other end, and how its exit travels. */
export interface Hosted {
  readonly subject: string
  readonly effect: Effect.Effect<unknown, unknown>
  readonly encodeExit: (exit: Exit.Exit<unknown, unknown>) => Encoded<Outcome>
}

/** Who answers what the other end asks for. */
export interface Host {
  readonly answer: (request: Request, callee: Callee) => Hosted
  readonly fork: (effect: Effect.Effect<unknown, unknown>, detached: boolean) => AnyFiber
  readonly log: (line: LogLine) => void
}

export const refused = (why: string): Hosted => ({
  subject: "A refusal",
  effect: Effect.die(new Error(why)),
  encodeExit: nothing.encodeExit
})

/** What no codec has seen to be unfit. */
const unsendable = (what: string, error: unknown): Error =>
  new Error(`${what} cannot be sent: ${textOf(error)}`, { cause: error })

/** Answers nothing: a fiber that outlives its handler has no task to ask for. */
export const idle: Host = {
  answer: () => refused("The task that asks has ended"),
  fork: (effect) => Effect.runFork(effect),
  log: () => {}
}

/** How the end that asks follows its call. */
export interface Caller {
  /** What it throws ends the call with that defect. */
  readonly onProgress?: ((progress: unknown) => void) | undefined
  /** Messages for the run: one leaves the inbox when the run has taken it. */
  readonly messages?: { readonly inbox: Queue.Dequeue<unknown>, readonly codec: Codec } | undefined
  /** Told when the call is cancelled; what it returns is told of the end. */
  readonly onCancel?: (() => () => void) | undefined
  /** Answers what the run asks for. */
  readonly host?: Host | undefined
}

/** How a call has come to its end; nothing when the port has closed before. */
export type Answer = Outcome | Exit.Failure<never, never> | undefined

/** What the other end runs for this one. */
class Call {
  readonly number: number
  readonly caller: Caller
  onTaken: (() => void) | undefined
  onEnd: (answer: Answer) => void
  private readonly peer: Peer
  private canceled: (() => void) | true | undefined
  private defect: Exit.Failure<never, never> | undefined

  constructor(peer: Peer, number: number, caller: Caller, onEnd: (answer: Answer) => void) {
    this.peer = peer
    this.number = number
    this.caller = caller
    this.onEnd = onEnd
  }

  cancel(): void {
    if (this.canceled !== undefined) return
    this.canceled = this.caller.onCancel?.() ?? true
    this.peer.post(["Cancel", this.number])
  }

  /** Ends it, when the other end has stopped, with what went wrong here. */
  fail(defect: unknown): void {
    this.defect ??= Exit.die(defect) as Exit.Failure<never, never>
    this.cancel()
  }

  progressed(progress: unknown): void {
    try {
      this.caller.onProgress?.(progress)
    } catch (unfit) {
      this.fail(unfit)
    }
  }

  end(outcome: Outcome | undefined): void {
    if (typeof this.canceled === "function") this.canceled()
    this.onEnd(this.defect ?? outcome)
  }

  /** Sends the next message when the run has taken the last. */
  passOn({ codec, inbox }: NonNullable<Caller["messages"]>): Effect.Effect<void> {
    const next = Effect.flatMap(Queue.peek(inbox), (message) =>
      Effect.callback<void>((resume) => {
        this.onTaken = () => resume(Effect.void)
        this.peer.post(["Message", this.number, codec.encode(message).value])
      }))
    return Effect.forever(Effect.andThen(next, Queue.take(inbox)), { disableYield: true }).pipe(
      Effect.catchDefect((unfit) => Effect.sync(() => this.fail(unfit)))
    )
  }
}

/** The run of the other end's task here. */
class Run implements Callee {
  readonly call: number
  canceled = false
  hosted: Hosted | undefined
  private fiber: AnyFiber | undefined
  private stopped = false
  private readonly peer: Peer
  private reported: Encoded | undefined
  private unseen = false
  private defect: Exit.Exit<never> | undefined
  private queue: Queue.Queue<unknown> | undefined

  constructor(peer: Peer, call: number) {
    this.peer = peer
    this.call = call
  }

  get inbox(): Queue.Queue<unknown> {
    return this.queue ??= Effect.runSync(Queue.bounded<unknown>(0))
  }

  /** One is on its way, the newest waits: a flood of reports costs the other end no more than it can read. */
  readonly report = (progress: Encoded): void => {
    if (this.unseen) this.reported = progress
    else this.tell(progress)
  }

  /** Interrupts the fiber, or the one that is about to start. */
  started(fiber: AnyFiber): void {
    this.fiber = fiber
    if (this.stopped) fiber.interruptUnsafe()
  }

  stop(): void {
    this.stopped = true
    this.fiber?.interruptUnsafe()
  }

  cancel(): void {
    this.canceled = true
    this.stop()
  }

  seen(): void {
    this.unseen = false
    this.flush()
  }

  /** The handler has to take it before the next comes. */
  readonly deliver = (message: unknown): Effect.Effect<void> =>
    Effect.map(Queue.offer(this.inbox, message), (taken) => {
      if (taken) this.peer.post(["Taken", this.call]) // not by an inbox that has ended: it is for the next attempt
    })

  end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.queue !== undefined) Queue.shutdownUnsafe(this.queue)
    this.flush()
    const { encodeExit, subject } = this.hosted!
    const { transfer, value } = encodeExit(this.defect ?? exit)
    try {
      this.peer.move(["Exit", this.call, value], transfer)
    } catch (error) {
      this.peer.post(["Exit", this.call, encodeExit(Exit.die(unsendable(`${subject}: its result`, error))).value])
    }
  }

  private flush(): void {
    const { reported } = this
    this.reported = undefined
    if (reported !== undefined) this.tell(reported)
  }

  private tell({ transfer, value }: Encoded): void {
    this.unseen = true
    try {
      this.peer.move(["Progress", this.call, value], transfer)
    } catch (error) {
      this.defect ??= Exit.die(unsendable(`${this.hosted!.subject}: its progress`, error))
      this.stop()
    }
  }
}

export class Peer {
  readonly post: (message: Message, transfer?: Array<globalThis.Transferable>) => void
  /** Answers requests that no call of this end stands behind. */
  host: Host = idle
  /** The other end's newest call: while it runs one task at a time, the one whose handler runs. */
  newest: number | undefined
  private closed = false
  private readonly calls = new Map<number, Call>()
  private readonly runs = new Map<number, Run>()
  private numbers = 0

  constructor(post: Peer["post"]) {
    this.post = post
  }

  /** Moves what can be moved; bytes that belong to others, as Node's small Buffers, are copied. */
  move(message: Message, transfer: Array<globalThis.Transferable>): void {
    try {
      this.post(message, transfer)
    } catch (error) {
      if (transfer.length === 0) throw error
      this.post(message)
    }
  }

  /** Runs a request at the other end. Interrupted, it cancels and waits for the end. */
  call(request: Request, caller: Caller): Effect.Effect<Answer> {
    return Effect.callback((resume) => {
      if (this.closed) return resume(Effect.succeed(undefined))
      const call = new Call(this, this.numbers++, caller, (answer) => resume(Effect.succeed(answer)))
      this.calls.set(call.number, call) // in this step, so that whatever comes later finds it
      try {
        this.post(["Run", call.number, request])
      } catch (error) {
        this.calls.delete(call.number)
        return resume(Effect.die(unsendable(`Job "${request.job}": its payload`, error)))
      }
      if (caller.messages !== undefined && this.calls.has(call.number)) {
        ;(caller.host ?? idle).fork(call.passOn(caller.messages), false)
      }
      return Effect.callback<void>((resume) => {
        if (!this.calls.has(call.number)) return resume(Effect.void)
        call.onEnd = () => resume(Effect.void)
        call.cancel()
      })
    })
  }

  receive(message: Message): void {
    switch (message[0]) {
      case "Run":
        return this.run(message[1], message[2])
      case "Cancel":
        return this.runs.get(message[1])?.cancel()
      case "Message": {
        const run = this.runs.get(message[1])
        if (run !== undefined) this.host.fork(run.deliver(message[2]), false)
        return
      }
      case "Seen":
        return this.runs.get(message[1])?.seen()
      case "Taken":
        return this.calls.get(message[1])?.onTaken?.()
      case "Progress":
        this.calls.get(message[1])?.progressed(message[2])
        return this.post(["Seen", message[1]])
      case "Log":
        return this.hostOf(message[1]).log(message[2])
      case "Exit": {
        const call = this.calls.get(message[1])
        this.calls.delete(message[1])
        return call?.end(message[2])
      }
    }
  }

  /** The port has closed: what runs here stops, what runs there has ended. */
  close(): void {
    this.closed = true
    for (const run of this.runs.values()) run.stop()
    const calls = [...this.calls.values()]
    this.calls.clear()
    for (const call of calls) call.end(undefined)
  }

  private hostOf(call: number | undefined): Host {
    return call === undefined ? this.host : this.calls.get(call)?.caller.host ?? this.host
  }

  private run(number: number, request: Request): void {
    const run = new Run(this, number)
    this.runs.set(number, run)
    this.newest = number
    const host = this.hostOf(request.by)
    run.hosted = host.answer(request, run)
    const fiber = host.fork(run.hosted.effect, request.detached === true)
    run.started(fiber)
    // an observer hears of every end, also of a fiber that was interrupted before its first step
    fiber.addObserver((exit) => {
      this.runs.delete(number)
      run.end(exit)
    })
  }
}
