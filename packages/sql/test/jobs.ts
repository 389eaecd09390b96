/** Jobs whose handlers say all in their outcomes, so that it is the same to a test which process runs them. */
import { Durable } from "@effect-tasks/sql"
import { Effect, Layer, Queue, Schema } from "effect"
import { Job, TaskPool } from "effect-tasks"
import { appendFileSync } from "node:fs"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { code: Schema.Int }) {}

export class Double extends Job.make("Double", { payload: { n: Schema.Int }, success: Schema.Int }) {}
export class Refuse extends Job.make("Refuse", { payload: { code: Schema.Int }, error: Refused }) {}
export class Die extends Job.make("Die", { payload: { text: Schema.String } }) {}
export class Echo
  extends Job.make("Echo", { payload: { text: Schema.String, at: Schema.Date }, success: Schema.String })
{}
/** Takes its time; one for each name. */
export class Hold extends Job.make("Hold", {
  payload: { name: Schema.String, millis: Schema.Int },
  success: Schema.String,
  key: ({ name }) => name,
  unique: true
}) {}
export class HoldAlone extends Job.make("HoldAlone", {
  payload: { name: Schema.String, millis: Schema.Int },
  key: ({ name }) => name,
  unique: "reject"
}) {}
export class HoldLatest extends Job.make("HoldLatest", {
  payload: { name: Schema.String, millis: Schema.Int },
  success: Schema.Int,
  key: ({ name }) => name,
  unique: "supersede"
}) {}
/** A result that says whether it was worked out again. */
export class Keep extends Job.make("Keep", {
  payload: { name: Schema.String },
  success: Schema.String,
  persistent: { timeToLive: "2 seconds" }
}) {}
export class Flaky extends Job.make("Flaky", {
  payload: { until: Schema.Int },
  success: Schema.Int,
  error: Schema.String,
  retry: { times: 2 }
}) {}
export class Steps extends Job.make("Steps", {
  payload: { steps: Schema.Int, millis: Schema.Int },
  progress: Schema.Int
}) {}
export class Inbox extends Job.make("Inbox", {
  payload: { wanted: Schema.Int },
  success: Schema.Array(Schema.String),
  message: Schema.String
}) {}
/** As many children as it is told, in a pool of its own. */
export class Family extends Job.make("Family", {
  payload: { children: Schema.Int, millis: Schema.Int },
  success: Schema.Int
}) {}
class Child extends Job.make("Child", {
  payload: { i: Schema.Int, millis: Schema.Int },
  success: Schema.Int
}) {}

/** Writes down when it starts and ends, where `LOG` says; below 0 it takes its process with it. */
export class Logged extends Job.make("Logged", { payload: { n: Schema.Int, millis: Schema.Int } }) {}

const say = (line: string) => Effect.sync(() => appendFileSync(process.env["LOG"]!, `${line} ${process.pid}\n`)) // the test's

export const logged = Durable.toLayer(Logged, ({ millis, n }) =>
  Effect.gen(function*() {
    yield* say(`start ${n}`)
    if (n < 0) process.kill(process.pid, "SIGKILL")
    yield* Effect.sleep(millis)
    yield* say(`end ${n}`)
  }))

const handlers = {
  Double: Double.of(({ n }) => Effect.succeed(2 * n)),
  Refuse: Refuse.of(({ code }) => Effect.fail(new Refused({ code }))),
  Die: Die.of(({ text }) => Effect.die(new Error(text))),
  Echo: Echo.of(({ at, text }) => Effect.succeed(`${text} ${at.toISOString()}`)),
  Hold: Hold.of(({ millis, name }) => Effect.as(Effect.sleep(millis), name)),
  HoldAlone: HoldAlone.of(({ millis }) => Effect.sleep(millis)),
  HoldLatest: HoldLatest.of(({ millis }) => Effect.as(Effect.sleep(millis), millis)),
  Keep: Keep.of(({ name }) => Effect.sync(() => `${name} ${Math.random()}`)),
  Flaky: Flaky.of(({ until }, { attempt }) =>
    attempt < until ? Effect.fail(`attempt ${attempt}`) : Effect.succeed(attempt)
  ),
  Steps: Steps.of(({ millis, steps }, task) =>
    Effect.forEach(
      Array.from({ length: steps }, (_, i) => i + 1),
      (step) => Effect.andThen(task.report(step), Effect.sleep(millis)),
      { discard: true }
    )
  ),
  Inbox: Inbox.of(({ wanted }, task) => Effect.replicateEffect(Queue.take(task.inbox), wanted)),
  Family: Family.of(({ children, millis }) =>
    Effect.map(
      TaskPool.forEach(Array.from({ length: children }, (_, i) => i), (i, pool) =>
        Child.dispatch({ i, millis }, { pool })),
      (all) =>
        all.reduce((sum, i) => sum + i, 0)
    )
  ),
  Child: Child.of(({ i, millis }) => Effect.as(Effect.sleep(millis), i))
}

/** In the memory of this process alone. */
export const inMemory = Layer.mergeAll(
  Double.toLayer(handlers.Double),
  Refuse.toLayer(handlers.Refuse),
  Die.toLayer(handlers.Die),
  Echo.toLayer(handlers.Echo),
  Hold.toLayer(handlers.Hold),
  HoldAlone.toLayer(handlers.HoldAlone),
  HoldLatest.toLayer(handlers.HoldLatest),
  Keep.toLayer(handlers.Keep),
  Flaky.toLayer(handlers.Flaky),
  Steps.toLayer(handlers.Steps),
  Inbox.toLayer(handlers.Inbox),
  Family.toLayer(handlers.Family)
).pipe(Layer.provideMerge(Child.toLayer(handlers.Child)))

/** Stored, and run here. */
export const stored = Layer.mergeAll(
  Durable.toLayer(Double, handlers.Double),
  Durable.toLayer(Refuse, handlers.Refuse),
  Durable.toLayer(Die, handlers.Die),
  Durable.toLayer(Echo, handlers.Echo),
  Durable.toLayer(Hold, handlers.Hold),
  Durable.toLayer(HoldAlone, handlers.HoldAlone),
  Durable.toLayer(HoldLatest, handlers.HoldLatest),
  Durable.toLayer(Keep, handlers.Keep),
  Durable.toLayer(Flaky, handlers.Flaky),
  Durable.toLayer(Steps, handlers.Steps),
  Durable.toLayer(Inbox, handlers.Inbox),
  Durable.toLayer(Family, handlers.Family)
).pipe(Layer.provideMerge(Durable.toLayer(Child, handlers.Child)))

/** Stored, and run elsewhere. */
export const elsewhere = Layer.mergeAll(
  Durable.client(Double),
  Durable.client(Refuse),
  Durable.client(Die),
  Durable.client(Echo),
  Durable.client(Hold),
  Durable.client(HoldAlone),
  Durable.client(HoldLatest),
  Durable.client(Keep),
  Durable.client(Flaky),
  Durable.client(Steps),
  Durable.client(Inbox),
  Durable.client(Family),
  Durable.client(Child)
)
