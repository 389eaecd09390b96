/** What each connection costs: answers that it has not read, requests that wait, and its place among the others. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Socket from "effect/socket/Socket"
import type { Socket as Connection } from "node:net"
import { connections, unread } from "./limits.ts"

/** The answers of one connection: the next are made only when the earlier have left. */
export class Answers {
  private readonly turn = Semaphore.makeUnsafe(unread.atOnce)
  private waiting = 0
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Asks in turn, once there is room. Whoever asks for too much at once is disconnected. */
  readonly inTurn = <A, E, R>(answer: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      if (this.waiting >= unread.most) {
        this.connection.destroy()
        return Effect.interrupt
      }
      this.waiting++
      return this.turn.withPermit(Effect.andThen(this.room, answer)).pipe(
        Effect.ensuring(Effect.sync(() => this.waiting--))
      )
    })

  /** The same socket, from which nothing is read while its answers pile up. */
  readonly guarding = (socket: Socket.Socket): Socket.Socket =>
    Socket.make({
      writer: socket.writer,
      reader: Effect.map(socket.reader, (reader) => ({ ...reader, pull: Effect.andThen(this.calm, reader.pull) }))
    })

  private readonly room: Effect.Effect<void> = Effect.suspend(() =>
    this.connection.writableLength <= unread.bytes || this.connection.destroyed ? Effect.void : this.drained
  )

  private readonly calm: Effect.Effect<void> = Effect.suspend(() =>
    this.waiting < unread.answers ? this.room : Effect.andThen(this.turn.withPermit(this.room), this.calm)
  )

  /** Closed when it takes too long: it has stopped reading. */
  private readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    const { connection } = this
    const timer = setTimeout(() => connection.destroy(), connections.unread)
    const done = () => {
      stop()
      resume(Effect.void)
    }
    const stop = () => {
      clearTimeout(timer)
      connection.off("drain", done).off("close", done)
    }
    connection.on("drain", done).on("close", done)
    return Effect.sync(stop)
  })
}

/** The connections of a server. */
export class Connections {
  private readonly open = new Set<Connection>()
  private readonly admitted = new WeakSet<Connection>()
  private isClosing = false

  /** When there are too many, the oldest that has not shown the token makes room. */
  add(connection: Connection): void {
    if (this.isClosing) return void connection.destroy() // it would be waited for and never noticed
    if (this.open.size >= connections.most) (this.strangers().next().value ?? connection).destroy()
    if (connection.destroyed) return
    this.open.add(connection)
    connection.once("close", () => this.open.delete(connection))
  }

  admit(connection: Connection): void {
    this.admitted.add(connection)
  }

  private *strangers(): Generator<Connection> {
    for (const each of this.open) if (!this.admitted.has(each) && !each.destroyed) yield each
  }

  /** Lets each say goodbye, for so long, and closes it. */
  close(parting: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.isClosing = true
      const timer = setTimeout(() => {
        for (const each of this.open) each.destroy()
      }, parting)
      const done = () => {
        if (this.open.size > 0) return
        clearTimeout(timer)
        resume(Effect.void)
      }
      for (const each of this.open) {
        each.once("close", done)
        each.destroySoon()
      }
      done()
    })
  }
}
