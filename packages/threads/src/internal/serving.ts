/** The serving end: a handler runs as if it were at home, and its task is at the other end. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { ThreadTask } from "../Thread.ts"
import type { JobCodec } from "./codec.ts"
import type { Callee, Host, Hosted, Peer } from "./peer.ts"
import { refused } from "./peer.ts"
import { type Operation, operation, type Request } from "./protocol.ts"
import { type Served, servedIn, tagsIn } from "./served.ts"

/** Runs the handlers among these services for requests of the other end. */
export const answering =
  (services: Context.Context<never>, peer: Peer): Host["answer"] => (request, callee): Hosted => {
    const served = servedIn(services, request.job)
    if (served === undefined) {
      const tags = tagsIn(services).join(", ")
      return refused(`The thread's module serves no handler of job "${request.job}", only of ${tags}`)
    }
    return {
      subject: served.codec.subject,
      encodeExit: served.codec.encodeExit,
      effect: Effect.suspend(() => {
        const payload = served.codec.payload.decode(request.payload)
        const handled = served.handler(payload, new ServedTask(request, callee, served.codec, peer))
        if (Effect.isEffect(handled)) return at(served, request, handled)
        return Effect.die(new Error(`The handler of job "${request.job}" returned no Effect`))
      })
    }
  }

/** As in the core: a Scope for each attempt, the task's id in each log line, the task's span above. */
const at = (
  { context }: Served,
  { id, job, logLevel, span }: Request,
  handled: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown> => {
  const annotations = { ...Context.get(context, References.CurrentLogAnnotations), task: id, job }
  let surroundings = Context.add(context, References.CurrentLogAnnotations, annotations)
  if (logLevel !== undefined && Context.getOrUndefined(context, References.MinimumLogLevel) === undefined) {
    surroundings = Context.add(surroundings, References.MinimumLogLevel, logLevel)
  }
  const placed = Effect.provideContext(Effect.scoped(handled), surroundings) as Effect.Effect<unknown, unknown>
  return span === undefined ? placed : Effect.withParentSpan(placed, Tracer.externalSpan(span))
}

/** The task of the other end, as its handler sees it here. */
class ServedTask implements ThreadTask<any, any, any, any> {
  readonly id: string
  readonly attempt: number
  private readonly callee: Callee
  private readonly codec: JobCodec
  private readonly peer: Peer
  private latest: Option.Option<any>

  constructor({ attempt, id, progress }: Request, callee: Callee, codec: JobCodec, peer: Peer) {
    this.id = id
    this.attempt = attempt
    this.callee = callee
    this.codec = codec
    this.peer = peer
    this.latest = progress === undefined ? Option.none() : Option.some(codec.progress.decode(progress[0]))
  }

  get inbox(): Queue.Dequeue<any> {
    return this.callee.inbox
  }

  toString(): string {
    return `ThreadTask of ${this.id}, attempt ${this.attempt}`
  }

  report(progress: unknown): Effect.Effect<void> {
    return this.update(() => progress)
  }

  update(f: (current: Option.Option<any>) => unknown): Effect.Effect<void> {
    return Effect.sync(() => {
      const progress = f(this.latest)
      const encoded = this.codec.progress.encode(progress)
      this.latest = Option.some(progress)
      this.callee.report(encoded)
    })
  }

  setTimeout(duration: Duration.Input): Effect.Effect<void> {
    return Effect.suspend(() => this.ask(["setTimeout", Duration.toMillis(duration)]))
  }

  get clearTimeout(): Effect.Effect<void> {
    return this.ask(["clearTimeout"])
  }

  whileSleeping<X, EX, R>(effect: Effect.Effect<X, EX, R>): Effect.Effect<X, EX, R> {
    return Effect.acquireUseRelease(
      Effect.forkChild(this.ask(["sleep"]), { startImmediately: true }),
      () => effect,
      Fiber.interrupt // the task has its slot again when this returns
    )
  }

  private ask(asked: Operation): Effect.Effect<void> {
    const { attempt, callee, id, peer } = this
    const answer = peer.call({ job: operation, payload: asked, id, attempt, by: callee.call }, {})
    return Effect.flatMap(
      answer,
      (outcome) =>
        Array.isArray(outcome) && outcome[0] === true
          ? Effect.void
          : Effect.die(new Error(`${id} could not ${asked[0]}`))
    )
  }
}
