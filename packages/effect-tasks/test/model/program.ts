/** Random programs. A command names its targets by small numbers, which are read against what there is when it comes. */
import { Arbitrary, Schema } from "effect"
import type { Act, Dispatch, DriverAct, HandlerAct, HookKind, Outcome } from "./acts.ts"
import type { Fiber, Gate, Pool } from "./entities.ts"
import { type JobName, jobNames } from "./jobs.ts"
import type { Model } from "./model.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Small = int(0, 11)

/** How often each command comes; shrinking goes towards the first. */
const weights = {
  Dispatch: 14,
  End: 12,
  Fan: 8,
  Open: 6,
  Advance: 6,
  MakePool: 3,
  Join: 4,
  Await: 4,
  Cancel: 3,
  CancelPool: 2,
  Sleep: 4,
  Seal: 1,
  Settled: 1,
  Finalizer: 3,
  Recompute: 2,
  SetTimeout: 2,
  ClearTimeout: 1,
  SetPriority: 2,
  Send: 2,
  Read: 2,
  Report: 1,
  Hook: 1,
  OwnHook: 3,
  Pause: 1,
  Resume: 2,
  Resize: 1,
  Close: 3,
  Run: 5,
  InterruptRun: 2,
  WaitingFinalizer: 3,
  Fork: 4,
  JoinFiber: 2,
  InterruptFiber: 2,
  Drain: 1,
  ResizePool: 2,
  Snooze: 4,
  PauseJob: 2,
  ResumeJob: 2
}
type Tag = keyof typeof weights
const tags = Object.entries(weights).flatMap(([tag, weight]) => Array.from({ length: weight }, () => tag as Tag))

/** Sharing needs two dispatches that meet, so it is drawn more often. */
const drawn: ReadonlyArray<JobName> = [...jobNames, "Plain", "Plain", "Join", "Join", "Rated"]

const Command = Schema.Struct({
  tag: int(0, tags.length - 1),
  /** Half of them are of the driver, the others of a handler. */
  by: Small,
  target: Small,
  n: Small,
  /** 0: the next command comes before anything that follows from this one. */
  rush: int(0, 2),
  job: int(0, drawn.length - 1),
  key: int(0, 3),
  priority: int(-1, 2),
  delay: Small,
  timeout: Small,
  queueTimeout: Small,
  instant: Small,
  hooks: Small
})
export type Command = typeof Command.Type

export const maxCommands = 50

const Program = Schema.Struct({
  workers: int(1, 3),
  shutdown: Schema.Boolean,
  commands: Schema.Array(Command).check(Schema.isMaxLength(maxCommands))
})
export type Program = typeof Program.Type

export const programs = Arbitrary.schema(Program)

/** What a command comes down to: acts, each by a handler or by the driver, an opened gate, or time. */
export type Step =
  | {
    readonly _tag: "Act",
    readonly act: DriverAct | HandlerAct,
    readonly by: Fiber | undefined,
    readonly rush: boolean
  }
  | { readonly _tag: "Open", readonly gate: Gate }
  | { readonly _tag: "Advance", readonly millis: number }

const pick = <A>(from: ReadonlyArray<A>, index: number): A | undefined => from[index % from.length]

/** Mostly none, else 10 to 30 milliseconds. */
const duration = (n: number): number | undefined => (n < 9 ? undefined : (n - 8) * 10)

const outcomes: ReadonlyArray<Outcome> = ["success", "success", "fail", "die"]
const kinds: ReadonlyArray<HookKind> = ["onExit", "onFailure", "onSuccess"]
const sizes = [1, 2, 3, Infinity]

/** The first steps of a command in this state; the rest follows when they have been taken. */
export const stepsOf = function*(command: Command, model: Model): Generator<Step> {
  const idle = model.tasks.flatMap(({ fibers }) => fibers).filter(({ idle }) => idle)
  const handler = pick(idle, command.target)
  const by = command.by < 6 ? undefined : pick(idle, command.by)
  const tag = tags[command.tag]!
  const told = (act: HandlerAct, by: Fiber): Step => ({ _tag: "Act", act, by, rush: false })
  const drive = (act: DriverAct): Step => ({ _tag: "Act", act, by: undefined, rush: command.rush === 0 })
  const anyone = (act: Act) => by === undefined ? drive(act) : told(act, by)
  // a handler's own pools come first
  const pool =
    (pick([...by?.task.pools ?? [], ...model.pools.slice(1), model.pools[0]!], command.target) ?? model.pools[0]!)
      .number
  const task = pick(model.tasks.toReversed(), command.target)?.number
  const through = command.n % 2 === 1
  const concurrency = command.priority > 0 ? command.priority : undefined
  const dispatch = (into: number): Dispatch => ({
    _tag: "Dispatch",
    job: drawn[command.job]!,
    key: command.key < 3 ? "a" : "b",
    pool: into,
    priority: command.priority,
    delay: duration(command.delay),
    timeout: duration(command.timeout),
    queueTimeout: duration(command.queueTimeout),
    instant: outcomes[command.instant - 8],
    hooks: command.hooks < 6 ? "none" : command.hooks < 9 ? "plain" : "slow"
  })
  switch (tag) {
    case "Dispatch":
      return yield anyone(dispatch(pool))
    case "Fan": {
      if (handler === undefined) return
      yield told({ _tag: "MakePool", cancelOnFailure: command.n > 8, finalizer: through, concurrency }, handler)
      const made = model.pools.at(-1)!.number
      for (let n = 0; n < 1 + command.n % 3 && handler.idle; n++) yield told(dispatch(made), handler)
      if (handler.idle) yield told({ _tag: "Join", pool: made, through }, handler)
      return
    }
    case "MakePool":
      return yield anyone({ _tag: "MakePool", cancelOnFailure: command.n > 7, finalizer: through, concurrency })
    case "ResizePool":
      return pool === 0 ? undefined : yield anyone({ _tag: tag, pool, concurrency: sizes[command.n % sizes.length]! })
    case "Seal":
    case "Join":
    case "Settled":
    case "CancelPool":
      return yield anyone({ _tag: tag, pool, through })
    case "Close": {
      const own = (creator: Pool["creator"]) => creator === undefined || creator === by?.task
      const open = model.pools.filter(({ creator, isGlobal, isScopeClosed }) =>
        own(creator) && !isGlobal && !isScopeClosed
      )
      const made = pick(open, command.target)
      return made === undefined ? undefined : yield anyone({ _tag: "Close", pool: made.number })
    }
    case "Run": {
      const { instant, job, key } = dispatch(pool)
      return yield anyone({ _tag: "Run", job, key, pool, instant })
    }
    case "InterruptRun": {
      const run = pick([...model.runs.keys()], command.target)
      return run === undefined ? undefined : yield drive({ _tag: "InterruptRun", op: run })
    }
    case "WaitingFinalizer":
      return handler && task !== undefined ? yield told({ _tag: tag, task }, handler) : undefined
    case "Fork":
      return handler?.number === 0 ? yield told({ _tag: tag, fiber: handler.task.forks + 1 }, handler) : undefined
    case "JoinFiber":
    case "InterruptFiber": {
      const child = handler?.number === 0 ? pick(handler.task.children, command.n) : undefined
      return child && (yield told({ _tag: tag, fiber: child.number }, handler!))
    }
    case "Await":
      return task === undefined ? undefined : yield anyone({ _tag: tag, task, through })
    case "Cancel":
    case "Recompute":
    case "ClearTimeout":
      return task === undefined ? undefined : yield anyone({ _tag: tag, task })
    case "SetTimeout":
      return task === undefined ? undefined : yield anyone({ _tag: tag, task, millis: (1 + command.n) * 10 })
    case "SetPriority":
      return task === undefined ? undefined : yield anyone({ _tag: tag, task, priority: command.priority })
    case "Send":
      return task === undefined ? undefined : yield anyone({ _tag: tag, task, count: command.n > 8 ? 9 : 1 })
    case "Hook":
      return task === undefined
        ? undefined
        : yield drive({ _tag: tag, task, kind: pick(kinds, command.n)!, slow: command.hooks > 8 })
    case "OwnHook":
      return handler && (yield told({ _tag: tag, kind: pick(kinds, command.n)!, slow: command.hooks > 8 }, handler))
    case "End":
      return handler && (yield told({ _tag: tag, outcome: pick(outcomes, command.n)! }, handler))
    case "Snooze":
      return handler?.number === 0
        ? yield told({ _tag: tag, millis: 10 * (command.n % 3), hold: command.hooks > 5 }, handler)
        : undefined
    case "PauseJob":
      return yield drive({ _tag: tag, job: drawn[command.job]!, millis: duration(command.delay) })
    case "ResumeJob":
      return yield drive({ _tag: tag, job: drawn[command.job]! })
    case "Sleep":
    case "Read":
      return handler && (yield told({ _tag: tag }, handler))
    case "Report":
      return handler && (yield told({ _tag: tag, progress: command.n }, handler))
    case "Finalizer":
      return handler && (yield told({ _tag: tag, kind: command.n < 8 ? "slow" : "die" }, handler))
    case "Pause":
    case "Resume":
    case "Drain":
      return yield drive({ _tag: tag })
    case "Resize":
      return yield drive({ _tag: tag, workers: 1 + command.n % 4 })
    case "Open": {
      const gate = pick(model.gates.filter(({ isOpen }) => !isOpen), command.target)
      return gate && (yield { _tag: "Open", gate })
    }
    case "Advance":
      return yield { _tag: "Advance", millis: 10 * (1 + command.n % 4) }
  }
}
