/** Who watches: one session for all viewers, begun by the first and ended a little after the last. */
import { WorkerPool } from "effect-tasks"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberHandle from "effect/FiberHandle"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { TooManyViewers } from "../DashboardError.ts"
import type { Message, Position } from "../Feed.ts"
import { connections } from "./limits.ts"
import { type Runtime, runtimeOf } from "./runtime.ts"
import { type About, Session, type Why } from "./session.ts"

/** Between two deltas, while little and while much happens: a short task is sent once rather than thrice. */
const interval = { calm: 100, busy: 200 }
/** As many rows in one delta are much. */
const busyRows = 50
/** Between two looks at the events: the runtime wakes its readers often, and holds 4,096 events for each. */
const readingPause = 20
/** When more than these had come in one, the next look is at once. */
const mostUnread = 1_000
/** Between two makings up: they cost as much as a snapshot. */
const makingUpPause = 1_000

export interface HubOptions extends About {
  readonly viewers: number
  readonly linger: Duration.Input
}

export interface Hub {
  readonly runtime: Runtime
  /** What is known while somebody watches. */
  readonly session: () => Session | undefined
  readonly watch: (position: Position | undefined) => Stream.Stream<Message, TooManyViewers>
}

export const makeHub = (options: HubOptions): Effect.Effect<Hub, never, WorkerPool | Scope.Scope> =>
  Effect.gen(function*() {
    const workerPool = yield* WorkerPool
    const runtime = runtimeOf(workerPool)
    // sessions begin later than the server, and end after it
    const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()
    const turn = yield* Semaphore.make(1)
    const ending = yield* FiberHandle.make()
    const viewers = new Set<Viewer>()
    let seq = 0
    let current: { readonly session: Session, readonly scope: Scope.Closeable } | undefined

    const begin = Effect.gen(function*() {
      const session = new Session(runtime, options, () => viewers.size, seq + 1, now())
      const own = yield* Scope.fork(scope)
      yield* Scope.addFinalizer(own, Effect.sync(() => session.stop()))
      // listening begins before loading, so that nothing falls between the two
      yield* workerPool.events.pipe(
        Stream.runForEachArray((events) =>
          Effect.suspend(() => {
            session.take(events)
            return events.length > mostUnread ? Effect.yieldNow : Effect.sleep(readingPause)
          })
        ),
        Effect.andThen(Effect.sync(() => session.end(now()))),
        Effect.forkIn(own, { startImmediately: true })
      )
      yield* stepwise(session.load(now))
      session.discardChanges(now())
      yield* Effect.forkIn(ticking(session, now), own)
      current = { session, scope: own }
      return session
    })

    const end = turn.withPermit(Effect.suspend(() => {
      if (viewers.size > 0 || current === undefined) return Effect.void
      const { scope, session } = current
      seq = session.seq
      current = undefined
      return Scope.close(scope, Exit.void)
    }))

    const join = turn.withPermit(Effect.suspend((): Effect.Effect<Watching, TooManyViewers> => {
      if (viewers.size >= options.viewers && !makeRoom(viewers, now())) {
        return Effect.fail(new TooManyViewers({ limit: options.viewers }))
      }
      const viewer: Viewer = { sentAt: undefined, asked: Latch.makeUnsafe(false) }
      viewers.add(viewer)
      return Effect.andThen(
        FiberHandle.clear(ending),
        current === undefined ? begin : Effect.succeed(current.session)
      ).pipe(Effect.map((session) => ({ session, viewer })), Effect.onError(() => leave(viewer)))
    }))

    const leave = (viewer: Viewer) =>
      Effect.suspend(() => {
        viewers.delete(viewer)
        return viewers.size > 0
          ? Effect.void
          : Effect.asVoid(FiberHandle.run(ending, Effect.andThen(Effect.sleep(options.linger), end)))
      })

    return {
      runtime,
      session: () => current?.session,
      watch: (position) =>
        Stream.unwrap(Effect.map(
          Effect.acquireRelease(join, ({ viewer }) => leave(viewer)),
          ({ session, viewer }) =>
            Stream.fromPull(Effect.succeed(timed(viewer, now, view(session, options.run, position, now)))).pipe(
              Stream.interruptWhen(viewer.asked.await)
            )
        ))
    }
  })

/** Who watches. */
interface Viewer {
  /** When it was sent what it has not taken yet. */
  sentAt: number | undefined
  /** Opened to ask it to leave. */
  readonly asked: Latch.Latch
}

interface Watching {
  readonly session: Session
  readonly viewer: Viewer
}

/** Asks the viewer to leave that has taken nothing for longest, if that is long. */
const makeRoom = (viewers: Set<Viewer>, now: number): boolean => {
  const [stalled] = [...viewers].toSorted((one, other) => (one.sentAt ?? now) - (other.sentAt ?? now))
  if (stalled === undefined || now - (stalled.sentAt ?? now) < connections.stalled) return false
  viewers.delete(stalled)
  stalled.asked.openUnsafe()
  return true
}

/** Notes when a message was sent, until the next is asked for. */
const timed = <A, E>(viewer: Viewer, now: () => number, pull: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    viewer.sentAt = undefined
    return Effect.tap(pull, () => Effect.sync(() => viewer.sentAt = now()))
  })

/** Ticks until interrupted. */
const ticking = (session: Session, now: () => number): Effect.Effect<never> => {
  let madeUpAt = -Infinity
  let rows = 0
  const tick = Effect.suspend(() => {
    if (session.missing > 0 && now() - madeUpAt >= makingUpPause) {
      madeUpAt = now()
      return Effect.andThen(stepwise(session.load(now)), Effect.sync(() => session.makeUp(now())))
    }
    rows = session.ended ? 0 : session.flush(now())
    return Effect.void
  })
  return Effect.forever(Effect.suspend(() => Effect.delay(tick, rows > busyRows ? interval.busy : interval.calm)))
}

const stepwise = (steps: Generator<void>): Effect.Effect<void> =>
  Effect.suspend(() => steps.next().done === true ? Effect.void : Effect.andThen(Effect.yieldNow, stepwise(steps)))

/** The messages of one viewer, one a pull: what it has not taken is not made, and it may fall behind. */
const view = (session: Session, run: string, position: Position | undefined, now: () => number) => {
  let { gap } = session
  let seq: number
  let pending: Iterator<Message>
  const resync = (why: Why): void => {
    gap = session.gap
    seq = session.seq
    pending = session.snapshot(why !== "first", why, now())
  }
  if (position === undefined) resync("first")
  else if (session.resumes(position)) {
    seq = position.seq
    pending = [{ _tag: "Resumed" as const, run, seq }].values()
  } else resync(position.run === run ? "behind" : "restarted")

  const pull: Effect.Effect<readonly [Message], Cause.Done> = Effect.suspend(() => {
    const next = pending.next()
    if (next.done !== true) return Effect.succeed([next.value] as const)
    if (session.gap > gap) {
      resync("missed")
      return pull
    }
    if (session.seq > seq) {
      const delta = session.since(seq)
      if (delta === undefined) {
        resync("behind")
        return pull
      }
      seq = delta.seq
      return Effect.succeed([delta] as const)
    }
    return session.ended ? Cause.done() : Effect.andThen(news(session), pull)
  })
  return pull
}

const news = (session: Session): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const forget = session.onNews(() => resume(Effect.void))
    return Effect.sync(forget)
  })
