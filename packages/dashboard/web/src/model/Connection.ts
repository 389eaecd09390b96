/**
 * The connection: it is made again whenever it breaks, and goes on by position where it was.
 *
 * It speaks what Effect's RPC client does, and is written out here because page and server are of one build: to check each
 * field of each row by its Schema, as scripts do, would take most of the page's time, and Effect two thirds of its size.
 */
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type { DashboardRpcs, Message } from "../../../src/Contract.ts"
import type { Store } from "./Store.ts"

type Requests = RpcGroup.Rpcs<typeof DashboardRpcs>
type Tag = Exclude<Requests["_tag"], "watch">
type Named<Name extends Requests["_tag"]> = Extract<Requests, { readonly _tag: Name }>

/** What a request asks with, and what it gives. */
export type Payload<Name extends Tag> = Rpc.PayloadConstructor<Named<Name>>
export type Success<Name extends Tag> = Rpc.Success<Named<Name>>

export type Answer<A> =
  | { readonly ok: true, readonly value: A }
  | { readonly ok: false, readonly tag: string, readonly text: string }

type Failure = { readonly _tag: string } & Partial<Record<"id" | "issue" | "reason" | "what" | "limit", unknown>>

type Exit =
  | { readonly _tag: "Success", readonly value: unknown }
  | { readonly _tag: "Failure", readonly cause: ReadonlyArray<{ readonly _tag: string, readonly error?: Failure }> }

type FromServer =
  | { readonly _tag: "Chunk", readonly requestId: string, readonly values: ReadonlyArray<Message> }
  | { readonly _tag: "Exit", readonly requestId: string, readonly exit: Exit }
  | { readonly _tag: "Defect" | "Pong" | "ClientProtocolError" }

/** How often the server is asked whether it is there, and how long it may say nothing, in milliseconds. */
const heartbeat = { every: 5_000, patience: 15_000 }

const broken: Failure = { _tag: "RpcClientError" }

export class Connection {
  private socket: WebSocket | undefined
  private readonly store: Store
  private readonly waiting = new Map<string, (exit: Exit) => void>()
  private lastId = 0
  private attempts = 0
  private heardAt = 0
  /** The request that watches. */
  private watching = ""

  constructor(store: Store) {
    this.store = store
  }

  /** Watches for ever. */
  start(): void {
    const socket = new WebSocket(address())
    let rest = ""
    let failure: Failure | undefined
    socket.addEventListener("open", () => {
      this.socket = socket
      this.heardAt = Date.now()
      const { isReady, position } = this.store
      this.watching = this.send("watch", position === undefined || !isReady ? {} : { resume: position }, (exit) => {
        failure = failureOf(exit)
        socket.close()
      })
    })
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      this.heardAt = Date.now()
      const lines = (rest + data).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) if (line !== "") this.take(JSON.parse(line) as FromServer) // the server speaks the contract
    })
    const beat = setInterval(() => {
      if (Date.now() - this.heardAt > heartbeat.patience && this.socket === socket) socket.close()
      else if (this.socket === socket) this.write({ _tag: "Ping" })
    }, heartbeat.every)
    socket.addEventListener("close", () => {
      clearInterval(beat)
      this.socket = undefined
      for (const answer of this.waiting.values()) answer({ _tag: "Failure", cause: [{ _tag: "Fail", error: broken }] })
      this.waiting.clear()
      this.lose(failure)
    })
  }

  /** Asks the server, and says in words what went wrong. */
  ask<Name extends Tag>(tag: Name, payload: Payload<Name>): Promise<Answer<Success<Name>>> {
    if (this.socket === undefined) {
      return Promise.resolve({ ok: false, tag: "Disconnected", text: "There is no connection to the server." })
    }
    return new Promise((resolve) => {
      this.send(tag, payload, (exit) => {
        // by the contract
        if (exit._tag === "Success") return resolve({ ok: true, value: exit.value } as Answer<Success<Name>>)
        const failure = failureOf(exit)
        resolve({ ok: false, tag: failure?._tag ?? "Defect", text: sentence(failure) })
      })
    })
  }

  private send(tag: Requests["_tag"], payload: unknown, answer: (exit: Exit) => void): string {
    const id = `${++this.lastId}`
    this.waiting.set(id, answer)
    this.write({ _tag: "Request", id, tag, payload: payload ?? null, headers: [] })
    return id
  }

  private write(message: unknown): void {
    this.socket?.send(`${JSON.stringify(message)}\n`)
  }

  private take(message: FromServer): void {
    if (message._tag === "Chunk") {
      // while it is taken in, the next may come
      this.write({ _tag: "Ack", requestId: message.requestId })
      if (message.requestId === this.watching) { for (const each of message.values) this.store.apply(each) }
    } else if (message._tag === "Exit") {
      const answer = this.waiting.get(message.requestId)
      this.waiting.delete(message.requestId)
      answer?.(message.exit)
    }
  }

  private lose(failure: Failure | undefined): void {
    const { connection } = this.store
    this.attempts = connection.peek()._tag === "lost" ? this.attempts + 1 : 1
    connection.value = failure?._tag === "TooManyViewers"
      ? { _tag: "full", limit: Number(failure.limit) }
      : { _tag: "lost", attempts: this.attempts }
    setTimeout(() => this.start(), Math.min(3_000, 250 * 1.6 ** (this.attempts - 1)))
  }
}

const address = (): string => {
  const url = new URL("rpc", location.href)
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
  url.search = url.hash = ""
  return url.href
}

const failureOf = (exit: Exit): Failure | undefined =>
  exit._tag === "Success" ? undefined : exit.cause.find(({ _tag }) => _tag === "Fail")?.error

const sentence = (error: Failure | undefined): string => {
  switch (error?._tag) {
    case "ReadOnly":
      return "This dashboard only shows: actions are off."
    case "NotFound":
      return `The runtime no longer knows the ${error.what} ${error.id}.`
    case "InvalidPayload":
    case "InvalidFilter":
      return String(error.issue)
    case "Refused":
      return String(error.reason)
    case "RpcClientError":
      return "The connection broke before the answer came."
    default:
      return "The server could not do it; its log says more."
  }
}
