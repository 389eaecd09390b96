/** What every public function refuses: a line for each option, and for each thing that is given by its place. */
import { Effect, Layer, Schedule, Schema } from "effect"
import {
  Job,
  JobRegistry,
  Limit,
  type Task,
  TaskPool,
  type Unhandled,
  WorkerPool,
  type WorkerPoolOptions
} from "effect-tasks"
import {
  dispatched,
  dispatchedTimes,
  expectNoLeaks,
  Explore,
  notDispatched,
  settledAs,
  TestTask,
  TestWorkerPool,
  type WaitOptions
} from "effect-tasks/testing"
import { type ScriptedTask, type TestError, Work, work } from "../support.ts"

const notIntegers: ReadonlyArray<any> = [null, NaN, "", "3", {}, [], true, 1.5, -0.5, Infinity, -Infinity, 2 ** 53, 5n]
const notCounts: ReadonlyArray<any> = notIntegers.filter((value) => value !== Infinity)
const notTexts: ReadonlyArray<any> = [null, NaN, 5, true, {}, [], () => "text", Symbol("text")]
const notFunctions: ReadonlyArray<any> = [null, NaN, "", "id", 5, {}, true]
export const notObjects: ReadonlyArray<any> = [
  null,
  NaN,
  "",
  5,
  true,
  [],
  () => ({}),
  new Map(),
  new Date(0),
  Schedule.recurs(3)
]
const notSchemas: ReadonlyArray<any> = [null, NaN, "", "String", 5, true, [], String, { n: Schema.Int }, {}]
const notEffects: ReadonlyArray<any> = [null, NaN, "", 5, {}, () => Effect.void, Promise.resolve()]
const notDurations: ReadonlyArray<any> = [
  null,
  NaN,
  "",
  "soon",
  "5",
  "5 bananas",
  "NaN seconds",
  true,
  [],
  [1],
  [NaN, 0],
  ["1", "2"],
  new Date(5),
  Symbol("s"),
  () => 5
]
const notUnits: ReadonlyArray<any> = [
  {},
  { secs: 5 },
  { second: 5 },
  { seconds: 1, millis: 5 },
  { seconds: NaN },
  { seconds: "5" },
  { minutes: 1, seconds: null },
  { seconds: undefined }
]

/** Values that are refused, with the mend that is told. */
type Refused = ReadonlyArray<readonly [values: ReadonlyArray<any>, mend: string]>

const count = (least: number): Refused => [
  [[...notCounts, least - 1, -5], `give an integer of at least ${least}, or Infinity`]
]
const integer = (least: number): Refused => [[[...notIntegers, least - 1], `give an integer of at least ${least}`]]
const duration: Refused = [
  [notDurations, `give milliseconds or a duration such as "30 seconds"`],
  [notUnits, "give numbers of weeks, days, hours, minutes, seconds, milliseconds, microseconds, nanoseconds"]
]
const delay: Refused = [...duration, [[Infinity, "Infinity", { days: Infinity }], "the task would never start"]]
const text: Refused = [[notTexts, "give a string"]]
const bool: Refused = [[[null, NaN, "", 0, {}], "give true or false"]]
const fn: Refused = [[notFunctions, "give a function"]]
const effect: Refused = [[notEffects, "give an Effect"]]
const job: Refused = [[[null, NaN, "Work", 5, {}], "give a job"]]
const schema: Refused = [[notSchemas, "give a Schema, such as Schema.Struct({ … })"]]
const priority: Refused = [[
  notIntegers.filter((value) => !Number.isFinite(value)),
  "give a finite number; higher runs first"
]]
const words = (...known: ReadonlyArray<string>): Refused => [
  [["", "other", null, 5, NaN, {}, [], known], `give ${known.map((word) => `"${word}"`).join(" or ")}`]
]
const level = words("Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None")
const pool: Refused = [[[null, 5, "", "GLOBAL", {}, { id: "Pool-1" }, [], NaN], "give a TaskPool"]]

/** What the calls are about: a task that runs, its context and its pool. */
export interface Scene {
  readonly task: ScriptedTask
  readonly context: Task.TaskContext<unknown, TestError, number, string>
  readonly pool: TaskPool.TaskPool
}

export interface Call {
  readonly name: string
  readonly subject: string
  readonly of: (given: any, scene: Scene) => Effect.Effect<unknown, any, any>
  /** Whether a text will do for its options. */
  readonly takesText?: boolean
}

const call = (name: string, subject: string, of: Call["of"]): Call => ({ name, subject, of })
const layer = (name: string, of: (given: any) => Layer.Layer<never, any, any>, subject = "WorkerPool"): Call =>
  call(name, subject, (given) => Effect.scoped(Layer.build(Layer.suspend(() => of(given)))))
const nested = (outer: Call, option: string): Call =>
  call(`${outer.name} ${option}`, outer.subject, (given, scene) => outer.of({ [option]: given }, scene))
const inTestPool = (of: (given: any) => Effect.Effect<unknown, any, any>): Call["of"] => (given) =>
  Effect.provide(of(given), TestWorkerPool.layer(), { local: true })

const make = call("Job.make", `Job "Bad"`, (given) => Effect.sync(() => Job.make("Bad", given)))
const toCron = layer("toCron", (given) => Work.toCron("* * * * *", given), `Job "Work"`)
const body = () => Effect.void
const one = (_: unknown, into: TaskPool.TaskPool) => work("one", undefined, { pool: into })

/** Each option of each call; one that is new is missing here for the compiler. `within` is the option that holds them. */
export const table: ReadonlyArray<readonly [Call, options: { readonly [option: string]: Refused }, within?: string]> = [
  [
    make,
    {
      payload: [
        [[null, NaN, "", 5, true, [], String, new Map()], "give a Schema, or fields such as { id: Schema.String }"]
      ],
      success: schema,
      error: schema,
      progress: schema,
      message: schema,
      key: fn,
      unique: words("join", "reject", "supersede", "latest"),
      persistent: [[notObjects.filter((value) => value !== true), "give an object of timeToLive, capacity"]],
      priority,
      label: fn,
      timeout: duration,
      queueTimeout: duration,
      retry: [[notObjects, "give an object of times, schedule, while"]],
      concurrency: [
        [[null, NaN, "", "3", 0, -1, 1.5, true, () => 5], "give an integer of at least 1, or Infinity"],
        [[[], new Map()], "give an object of limit, key"]
      ],
      rate: [[notObjects.filter((value) => !Array.isArray(value)), "give an object of limit, window, key"]],
      limits: [[[null, NaN, "", 5, {}], "give a list of limits"]],
      delay,
      maxDelay: [...duration, [["1 second"], `it bounds what unique: "latest" puts off`]]
    } satisfies Record<keyof Job.AnyJobOptions, Refused>
  ],
  [
    nested(make, "retry"),
    {
      times: count(0),
      schedule: [[[null, NaN, "", {}, 5, "1 second"], "give a Schedule"]],
      while: fn
    } satisfies Record<keyof Job.RetryOptions<unknown>, Refused>,
    "retry"
  ],
  [
    nested(make, "persistent"),
    { timeToLive: duration, capacity: count(1) } satisfies Record<keyof Job.Persistence, Refused>,
    "persistent"
  ],
  [
    call(
      "Job.make concurrency",
      make.subject,
      (given, scene) => make.of({ concurrency: { limit: 1, key: () => "", ...given } }, scene)
    ),
    {
      limit: [...count(1), [[undefined], "give an integer of at least 1, or Infinity"]],
      key: [...fn, [[undefined], "give a function"]]
    } satisfies Record<keyof Job.KeyedConcurrency<unknown>, Refused>,
    "concurrency"
  ],
  ...[
    call("Job.make rate", make.subject, (given, scene) => make.of({ rate: { limit: 1, window: 1, ...given } }, scene)),
    call("Limit.rate", "Limit", (given) => Effect.sync(() => Limit.rate({ limit: 1, window: 1, ...given })))
  ].map((each) =>
    [
      each,
      {
        limit: integer(1),
        window: [...duration, [[0, Infinity, "0 seconds"], "give a time above 0 that ends"]],
        key: fn
      } satisfies Record<keyof Limit.RateOptions, Refused>,
      "rate"
    ] as const
  ),
  [
    layer("toLayer", (given) => Work.toLayer(() => Effect.void, given), `Job "Work"`),
    { limits: [[[null, NaN, "", 5, {}], "give a list of limits"]] } satisfies Record<keyof Job.HandlerOptions, Refused>
  ],
  [
    call("pause", `Job "Work"`, (given) => Work.pause(given)),
    { for: duration } satisfies Record<keyof Job.PauseOptions, Refused>
  ],
  ...[
    call("dispatch", `Job "Work"`, (given) => Work.dispatch({ id: "a" }, given)),
    call("run", `Job "Work"`, (given) => Work.run({ id: "a" }, given)),
    call("dispatch by name", `Job "Work"`, (given) => WorkerPool.use((_) => _.dispatch("Work", { id: "a" }, given)))
  ].map((each) =>
    [
      each,
      { pool, priority, delay, timeout: duration, queueTimeout: duration } satisfies Record<
        keyof Job.DispatchOptions,
        Refused
      >
    ] as const
  ),
  [
    call("dispatchAll", `Job "Work"`, (given) => Work.dispatchAll([{ id: "a" }], given)),
    {
      pool,
      priority,
      delay,
      timeout: duration,
      queueTimeout: duration,
      ahead: integer(1)
    } satisfies Record<keyof Job.DispatchAllOptions, Refused>
  ],
  [
    toCron,
    {
      name: text,
      payload: [], // of its Schema: see the places
      timeZone: [], // what `Cron.parse` says of it
      onDstOverlap: words("earlier", "later", "both"),
      overlap: words("skip", "queue", "supersede", "allow"),
      jitter: delay,
      dispatch: [[notObjects, "give an object of pool, priority, delay, timeout, queueTimeout"]]
    } satisfies Record<keyof Job.CronOptions<unknown>, Refused>
  ],
  [
    nested(toCron, "dispatch"),
    { pool, priority, delay, timeout: duration, queueTimeout: duration } satisfies Record<
      keyof Job.DispatchOptions,
      Refused
    >,
    "dispatch"
  ],
  [
    call("snooze", `Job "Work"`, (given, { context }) => context.snooze(1, given)),
    { hold: bool } satisfies Record<keyof Task.SnoozeOptions, Refused>
  ],
  ...[
    layer("WorkerPool.layer", WorkerPool.layer),
    layer("TestWorkerPool.layer", TestWorkerPool.layer),
    layer("TestWorkerPool.layerManual", TestWorkerPool.layerManual)
  ].map((each) =>
    [
      each,
      {
        workers: count(1),
        capacity: count(0),
        onFull: words("suspend", "fail"),
        history: count(0),
        gracePeriod: duration,
        shutdown: words("finish-all", "finish-running"),
        ids: words("short", "unique"),
        unhandled: [[notObjects, "give an object of defect, failure"]]
      } satisfies Record<keyof WorkerPoolOptions, Refused>
    ] as const
  ),
  [
    nested(layer("WorkerPool.layer", WorkerPool.layer), "unhandled"),
    { defect: level, failure: level } satisfies Record<keyof Unhandled, Refused>,
    "unhandled"
  ],
  [layer("TestWorkerPool.layerInline", TestWorkerPool.layerInline), { history: count(0), gracePeriod: duration }],
  ...[
    call("TaskPool.make", "TaskPool", (given) => TaskPool.make(given)),
    call("TaskPool.use", "TaskPool", (given) => TaskPool.use(body, given)),
    call("TaskPool.forEach", "TaskPool", (given) => TaskPool.forEach([1], one, given)),
    call("TaskPool.forEachExit", "TaskPool", (given) => TaskPool.forEachExit([1], one, given)),
    call("TaskPool.all", "TaskPool", (given) => TaskPool.all([(into) => one(1, into)], given))
  ].map((each) =>
    [
      each,
      { name: text, onFailure: words("continue", "cancel"), concurrency: count(1) } satisfies Record<
        keyof TaskPool.TaskPoolOptions,
        Refused
      >
    ] as const
  ),
  ...[
    call("task.cancel", "cancel", (given, { task }) => task.cancel(given)),
    call("pool.cancel", "cancel", (given, scene) => scene.pool.cancel(given))
  ].map((each) =>
    [{ ...each, takesText: true }, { reason: text } satisfies Record<keyof Task.CancelOptions, Refused>] as const
  ),
  ...[
    call("dispatched", "dispatched", inTestPool((given) => dispatched(Work, undefined, given))),
    call("notDispatched", "notDispatched", inTestPool((given) => notDispatched(Work, undefined, given))),
    call("dispatchedTimes", "dispatchedTimes", inTestPool((given) => dispatchedTimes(Work, 0, undefined, given))),
    call("settledAs", "settledAs", (given, { task }) => settledAs(task, "success", given))
  ].map((each) => [each, { within: duration } satisfies Record<keyof WaitOptions, Refused>] as const),
  [
    call("TestTask.make", "TestTask.make", (given) => TestTask.make(Work, { id: "a" }, given)),
    {
      state: words("Queued", "Running", "Sleeping", "Stopping", "Exited"),
      exit: [[["success", null, 5, {}], "give an Exit"]],
      progress: [], // of whatever type
      attempt: integer(1)
    } satisfies Record<keyof TestTask.Options<typeof Work>, Refused>
  ],
  [
    call("Explore.run", "Explore.run", (given) => Explore.run(Effect.void, given)),
    {
      seeds: count(1),
      seed: integer(0),
      schedule: [...text, [
        ["soon"],
        `"soon" is no decision of a schedule: write "turn 12:3", "yield 2:34" or "time 12"`
      ]],
      steps: count(1),
      raceTime: bool
    } satisfies Record<keyof Explore.Options, Refused>
  ]
]

/** What is given by its place, and how a refusal calls it. */
export const places: ReadonlyArray<readonly [Call, place: string, Refused]> = [
  [call("Job.make", "Job.make", (given) => Effect.sync(() => Job.make(given))), "the tag", [
    ...text,
    [[undefined], "give a string"]
  ]],
  [
    call("Job.make with fields", make.subject, (given, scene) => make.of({ payload: { id: given } }, scene)),
    "payload.id",
    [...schema, [[undefined], "give a Schema, such as Schema.Struct({ … })"]]
  ],
  [layer("toLayer", (given) => Work.toLayer(given), `Job "Work"`), "the handler", fn],
  [layer("toLayer of an Effect", (given) => Work.toLayer(Effect.succeed(given)), `Job "Work"`), "the handler", fn],
  [layer("JobRegistry.layer", (given) => JobRegistry.layer(given), "JobRegistry"), "a layer", [
    [[null, 5, "", {}, Work], "give what toLayer of a job returns"]
  ]],
  ...(["onExit", "onFailure", "onSuccess"] as const).flatMap((hook) =>
    [
      [call(`task.${hook}`, `Job "Work"`, (given, { task }) => task[hook](given)), hook, fn],
      [call(`context.${hook}`, `Job "Work"`, (given, { context }) => context[hook](given)), hook, fn]
    ] as const
  ),
  [call("addFinalizer", "TaskPool", (given, scene) => scene.pool.addFinalizer(given)), "addFinalizer", fn],
  [call("update", `Job "Work"`, (given, { context }) => context.update(given)), "update", fn],
  [call("whileSleeping", `Job "Work"`, (given, { context }) => context.whileSleeping(given)), "whileSleeping", effect],
  ...(["task", "context"] as const).map((holder) =>
    [call(`${holder}.setTimeout`, `Job "Work"`, (given, scene) => scene[holder].setTimeout(given)), "timeout", [
      ...duration,
      [[undefined], `give milliseconds or a duration such as "30 seconds"`]
    ]] as const
  ),
  [call("setPriority", `Job "Work"`, (given, { task }) => task.setPriority(given)), "priority", [
    ...priority,
    [[undefined], "give a finite number; higher runs first"]
  ]],
  [call("resize", "WorkerPool", (given) => WorkerPool.use((_) => _.resize(given))), "workers", [
    ...count(1),
    [[undefined], "give an integer of at least 1, or Infinity"]
  ]],
  [
    call("dispatch by name", "WorkerPool", (given) => WorkerPool.use((_) => _.dispatch(given, {}))),
    "the job's name",
    text
  ],
  [call("task", "WorkerPool", (given) => WorkerPool.use((_) => _.task(given))), "the id", text],
  [call("explain", "WorkerPool", (given) => WorkerPool.use((_) => _.explain(given))), "the id", text],
  [call("pool.resize", "TaskPool", (given, scene) => scene.pool.resize(given)), "concurrency", [
    ...count(1),
    [[undefined], "give an integer of at least 1, or Infinity"]
  ]],
  [call("Limit.permits", "Limit", (given) => Effect.sync(() => Limit.permits(given))), "permits", [
    ...integer(1),
    [[undefined], "give an integer of at least 1"]
  ]],
  ...[Limit.permits(1), Limit.rate({ limit: 1, window: 1 })].map((limit) =>
    [call("limit.resize", "Limit", (given) => limit.resize(given)), "the limit", [
      ...integer(1),
      [[undefined], "give an integer of at least 1"]
    ]] as const
  ),
  [call("Job.make limits", make.subject, (given, scene) => make.of({ limits: [given] }, scene)), "limits[0]", [
    [[null, NaN, "", 5, {}, undefined, { limit: 1 }], "give what Limit.permits or Limit.rate makes"]
  ]],
  [call("dispatchAll", `Job "Work"`, (given) => Work.dispatchAll(given)), "the items", [
    [[null, NaN, 5, {}, true, () => [], undefined], "give an iterable or a Stream"]
  ]],
  [layer("toCron", (given) => Work.toCron(given, { payload: { id: "a" } }), `Job "Work"`), "the schedule", [
    [[null, NaN, 5, {}, true, () => ""], `give a cron expression such as "0 3 * * *", or a Cron`],
    [["0 0 30 2 *"], "no such time ever comes"]
  ]],
  [
    layer("toCron", (given) => Work.toCron("* * * * *", { payload: given }), `Job "Work"`),
    "the payload of its schedule",
    [[[null, 5, "", {}, { id: 5 }, undefined], "give one that fits its Schema"]]
  ],
  [call("snooze", `Job "Work"`, (given, { context }) => context.snooze(given)), "snooze", duration],
  [call("pool", "WorkerPool", (given) => WorkerPool.use((_) => _.pool(given))), "the id", text],
  [call("TaskPool.use", "TaskPool", (given) => TaskPool.use(given)), "the body", fn],
  ...[TaskPool.forEach, TaskPool.forEachExit].flatMap((
    each: (...args: ReadonlyArray<any>) => Effect.Effect<any, any, any>
  ) =>
    [
      [call(`TaskPool.${each.name}`, "TaskPool", (given) => each(given, one)), "the items", [
        [[null, 5, {}, true, () => []], "give an iterable"]
      ]],
      [call(`TaskPool.${each.name}`, "TaskPool", (given) => each([1], given)), "the dispatch of an item", fn]
    ] as const
  ),
  [call("TaskPool.all", "TaskPool", (given) => TaskPool.all(given)), "the dispatches", [
    [[null, 5, "", true, body, new Set([body])], "give a list or an object of functions"]
  ]],
  [call("TaskPool.all", "TaskPool", (given) => TaskPool.all({ first: given })), "the dispatch first", fn],
  [call("dispatched", "dispatched", inTestPool((given) => dispatched(given))), "the job", job],
  [call("notDispatched", "notDispatched", inTestPool((given) => notDispatched(given))), "the job", job],
  [call("dispatchedTimes", "dispatchedTimes", inTestPool((given) => dispatchedTimes(given, 0))), "the job", job],
  [
    call("dispatchedTimes", "dispatchedTimes", inTestPool((given) => dispatchedTimes(Work, given))),
    "the times",
    integer(0)
  ],
  [call("settledAs", "settledAs", (given) => settledAs(given, "success")), "the task", [
    [[null, 5, "Work-1", {}], "give the handle of a task"]
  ]],
  [call("settledAs", "settledAs", (given, { task }) => settledAs(task, given)), "the expected exit", [
    [["", "sucess"], `give "success" or "canceled" or "error"`],
    [[null, 5, {}], "give an Exit"]
  ]],
  [call("TestTask.make", "TestTask.make", (given) => TestTask.make(given, {})), "the job", job],
  [call("Explore.run", "Explore.run", (given) => Explore.run(given)), "the test", effect],
  [call("expectNoLeaks", "expectNoLeaks", (given) => expectNoLeaks(given)), "the effect", effect]
]
