/** What the tests share: a server on a free port, viewers that keep the picture as the contract says, and raw requests. */
import { Contract, Dashboard, DashboardClient, type DashboardOptions } from "@effect-tasks/dashboard"
import { NodeWS } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Queue,
  Redacted,
  Schema,
  type Scope,
  Stream
} from "effect"
import { Job, JobRegistry, TaskPool, WorkerPool, type WorkerPoolOptions } from "effect-tasks"
import { TestClock } from "effect/testing"
import { request } from "node:http"

export const token = "a-token-that-is-long-enough"

class WorkError extends Schema.TaggedError<WorkError>()("WorkError", { id: Schema.String }) {}

/** Succeeds, fails, dies, waits for ever, or takes long to stop, as its payload says. */
export class Work extends Job.make("Work", {
  payload: { id: Schema.String, does: Schema.Literals(["succeed", "fail", "die", "wait", "report", "linger"]) },
  success: Schema.String,
  error: WorkError,
  progress: Schema.Unknown
}) {}

const WorkLive = Work.toLayer(({ does, id }, task) => {
  switch (does) {
    case "succeed":
      return Effect.succeed(`done ${id}`)
    case "fail":
      return Effect.fail(new WorkError({ id }))
    case "die":
      return Effect.die(new Error(`${id} is broken`))
    case "wait":
      return Effect.never
    case "linger":
      return Effect.onInterrupt(Effect.never, () => Effect.sleep("30 seconds"))
    case "report":
      return Effect.andThen(task.report({ done: 1, of: 2 }), Effect.never)
  }
})

/** Fans out into a pool of its own. */
export class Fan extends Job.make("Fan", {
  payload: { width: Schema.Int, does: Schema.Literals(["succeed", "fail", "wait"]) }
}) {}

const FanLive = Fan.toLayer(({ does, width }) =>
  Effect.ignore(TaskPool.use(
    (pool) =>
      Effect.forEach(Array.from({ length: width }, (_, i) => `${i}`), (id) => Work.dispatch({ id, does }, { pool })),
    { name: "fan" }
  ))
)

/** Carries a secret, which its Schema would encode as it is. */
export class Login extends Job.make("Login", {
  payload: { user: Schema.String, password: Schema.RedactedFromValue(Schema.String) },
  progress: Schema.Unknown,
  error: Schema.Unknown
}) {}

/** What the handler of Login saw. */
export const seen: Array<string> = []

const LoginLive = Login.toLayer(({ password, user }, task) =>
  Effect.gen(function*() {
    const secret = Redacted.value(password)
    seen.push(secret)
    yield* task.report({ trying: secret, password })
    return yield* Effect.fail({ _tag: "Denied", message: `${user} is not ${secret}`, password })
  })
)

const JobsLive = JobRegistry.layer(WorkLive, FanLive, LoginLive)

/** How often the events of the worker pool are being read. */
export const listeners = { count: 0 }

/** The worker pool, its readers counted. */
const counted = (options: WorkerPoolOptions): Layer.Layer<WorkerPool> =>
  Layer.effect(
    WorkerPool,
    Effect.gen(function*() {
      const workerPool = yield* WorkerPool
      listeners.count = 0
      const listening = Effect.acquireRelease(
        Effect.sync(() => listeners.count++),
        () => Effect.sync(() => listeners.count--)
      )
      return { ...workerPool, events: Stream.unwrap(Effect.as(listening, workerPool.events)) }
    })
  ).pipe(Layer.provide(WorkerPool.layer(options)))

export interface Setup<Jobs> {
  readonly pool?: WorkerPoolOptions
  readonly dashboard?: DashboardOptions
  readonly jobs?: Layer.Layer<Jobs, never, WorkerPool>
}

/** An application with a dashboard on a free port. */
export const app = <Jobs = never>({ dashboard, jobs, pool }: Setup<Jobs> = {}) =>
  Layer.mergeAll(
    JobsLive,
    jobs ?? Layer.empty as Layer.Layer<Jobs>, // then there are none
    Dashboard.layer({ port: 0, token, announce: () => Effect.void, ...dashboard })
  ).pipe(Layer.provideMerge(counted({ workers: 2, ...pool })))

export const connect: Effect.Effect<DashboardClient["Service"], never, Dashboard | Scope.Scope> = Effect.gen(
  function*() {
    const { url } = yield* Dashboard
    return yield* DashboardClient.make({ url })
  }
)

/** What a viewer has in hand. */
export class Picture {
  readonly tasks = new Map<string, Contract.TaskRow>()
  readonly pools = new Map<string, Contract.PoolRow>()
  readonly jobs = new Map<string, Contract.JobRow>()
  snapshot: typeof Contract.Snapshot.Type | undefined
  pulse: Contract.Pulse | undefined
  position: Contract.Position = { run: "", seq: -1 }
  isReady = false

  apply(message: Contract.Message): void {
    switch (message._tag) {
      case "Snapshot":
        for (const map of [this.tasks, this.pools, this.jobs]) map.clear()
        for (const pool of message.pools) this.pools.set(pool.id, pool)
        for (const job of message.jobs) this.jobs.set(job.job, job)
        this.snapshot = message
        this.pulse = message.pulse
        this.isReady = false
        break
      case "Rows":
        for (const task of message.tasks) this.tasks.set(task.id, task)
        break
      case "Ready":
        this.isReady = true
        assert.strictEqual(this.tasks.size, this.snapshot?.tasks)
        this.position = { run: this.snapshot!.run, seq: message.seq }
        break
      case "Resumed":
        assert.deepStrictEqual({ run: message.run, seq: message.seq }, this.position)
        break
      case "Delta":
        assert.strictEqual(message.from, this.position.seq, "a delta goes on where the one before ended")
        for (const task of message.tasks) this.tasks.set(task.id, task)
        for (const pool of message.pools) this.pools.set(pool.id, pool)
        for (const job of message.jobs) this.jobs.set(job.job, job)
        for (const id of message.removedTasks) this.tasks.delete(id)
        for (const id of message.removedPools) this.pools.delete(id)
        this.pulse = message.pulse
        this.position = { ...this.position, seq: message.seq }
    }
  }
}

export interface Viewer {
  readonly picture: Picture
  readonly log: Array<Contract.Message>
  /** Waits for the next message. */
  readonly next: Effect.Effect<Contract.Message>
  /** Lets time pass in ticks until the picture is as wanted. */
  readonly until: (condition: (picture: Picture) => boolean, what?: string) => Effect.Effect<void>
  /** Disconnects. */
  readonly leave: Effect.Effect<void>
}

/** A viewer with a connection of its own. */
export const view = (
  picture = new Picture(),
  resume?: Contract.Position
): Effect.Effect<Viewer, never, Dashboard | Scope.Scope> =>
  Effect.gen(function*() {
    const messages = yield* Queue.unbounded<Contract.Message>()
    const failed = yield* Deferred.make<never, unknown>()
    const watching = yield* Effect.gen(function*() {
      const client = yield* connect
      yield* client.watch(resume === undefined ? {} : { resume }).pipe(
        Stream.runForEach((message) => Queue.offer(messages, message))
      )
    }).pipe(
      Effect.scoped,
      Effect.onError((cause) => Deferred.fail(failed, Cause.squash(cause))),
      Effect.forkScoped
    )
    const log: Array<Contract.Message> = []
    const next = Queue.take(messages).pipe(
      Effect.raceFirst(Effect.orDie(Deferred.await(failed))),
      Effect.tap((message) =>
        Effect.sync(() => {
          picture.apply(message)
          log.push(message)
        })
      )
    )
    if (resume === undefined) { while (!picture.isReady) yield* next }
    else yield* next
    return {
      picture,
      log,
      next,
      leave: Fiber.interrupt(watching),
      until: (condition, what = String(condition)) =>
        Effect.gen(function*() {
          for (let ticks = 0; !(picture.isReady && condition(picture)); ticks++) {
            assert.isBelow(ticks, 400, `never: ${what}`)
            if ((yield* Queue.size(messages)) === 0) yield* tick
            const message = yield* Effect.raceFirst(Effect.map(next, Option.some), Effect.as(breath, Option.none()))
            if (Option.isSome(message)) ticks--
          }
        })
    }
  })

/** One tick of the server. */
export const tick = TestClock.adjust(100)

/** A few turns of the real event loop, in which sockets are read and written. */
export const breath = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 5)
  return Effect.sync(() => clearTimeout(timer))
})

/** Waits in real time, where what is waited for is the network. */
export const eventually = (condition: () => boolean, what: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let i = 0; !condition(); i++) {
      assert.isBelow(i, 400, `never: ${what}`)
      yield* breath
    }
  })

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | ReadonlyArray<string> | undefined>
  readonly body: string
}

/** A request with any headers whatever. */
export const ask = (
  path: string,
  options: { readonly method?: string, readonly headers?: Record<string, string>, readonly body?: string } = {}
): Effect.Effect<Answer, Error, Dashboard> =>
  Effect.flatMap(Dashboard, ({ address }) =>
    Effect.callback<Answer, Error>((resume) => {
      const { hostname, port } = new URL(address)
      const sent = request(
        { hostname, port, path, method: options.method ?? "GET", headers: options.headers ?? {}, agent: false },
        (response) => {
          let body = ""
          response.setEncoding("utf8").on("data", (chunk: string) => body += chunk)
          response.on("end", () =>
            resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body })))
        }
      )
      sent.on("error", (error) =>
        resume(Effect.fail(error)))
      sent.end(options.body)
    }))

export const bearer = { authorization: `Bearer ${token}` }

/** A WebSocket handshake with any headers whatever: "open", or the status of the refusal. */
export const shake = (
  headers: Record<string, string>,
  path = "/rpc"
): Effect.Effect<"open" | number, Error, Dashboard> =>
  Effect.flatMap(Dashboard, ({ address }) =>
    Effect.callback<"open" | number, Error>((resume) => {
      const socket = new NodeWS.WebSocket(`${address.replace("http", "ws")}${path}`, { headers })
      socket.on("open", () => {
        socket.close()
        resume(Effect.succeed("open"))
      })
      socket.on("unexpected-response", (_request, response) => {
        response.resume()
        resume(Effect.succeed(response.statusCode ?? 0))
      })
      socket.on("error", (error) => resume(Effect.fail(error)))
    }))

/** Fails the test unless the effect fails with this tag. */
export const refused = <A, E, R>(effect: Effect.Effect<A, E, R>, tag: string): Effect.Effect<E, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    assert.isTrue(Exit.isFailure(exit), `expected ${tag}, got ${JSON.stringify(exit)}`)
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    assert.strictEqual((error as { _tag?: string } | undefined)?._tag, tag, JSON.stringify(exit))
    return error as E
  })
