/** Assembles a machine and shows it as the WorkerPool service. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { TaskEvent } from "../../TaskEvent.ts"
import type { Unhandled, WorkerPoolOptions, WorkerPoolStatus } from "../../WorkerPool.ts"
import { dispatch } from "../dispatch/dispatch.ts"
import { awaitEnd, shutDown } from "../dispatch/registry.ts"
import { type Check, type Checks, read, toCount, toMillis, toText, toWord } from "../job/checks.ts"
import * as event from "../observe/event.ts"
import { printedAs } from "../observe/printed.ts"
import { Census } from "../record/census.ts"
import { Directory } from "../record/directory.ts"
import { Listener } from "../record/listener.ts"
import { unsettled } from "../record/lookup.ts"
import { Machine, type Settings } from "../record/machine.ts"
import { handleOf } from "../record/pool.ts"
import { turn } from "../run/turn.ts"
import { cancelPools } from "../transition/stop.ts"
import { drain } from "../wait/drain.ts"
import { reading, until } from "../wait/wait.ts"
import { cronsOf } from "./cron.ts"
import { explain } from "./explain.ts"
import { latest } from "./latest.ts"
import { PoolHandle } from "./pool.ts"
import { DirectoryId, type InternalWorkerPool, MachineId } from "./service.ts"
import { toHandle, toTask } from "./task.ts"

const toWorkers = toCount(1)
const toLevel = toWord("Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None")

const loud: Required<Unhandled> = { defect: "Error", failure: "Warn" }
export const silent: Required<Unhandled> = { defect: "None", failure: "None" }

const levels = { defect: toLevel, failure: toLevel } satisfies Checks<Unhandled>

const toUnhandled: Check<Required<Unhandled>> = (value, option, subject) => ({
  ...loud,
  ...read(value, levels, subject, option)
})

export const workerPoolOptions = {
  workers: toWorkers,
  capacity: toCount(0),
  onFull: toWord("suspend", "fail"),
  history: toCount(0),
  gracePeriod: toMillis,
  shutdown: toWord("finish-all", "finish-running"),
  ids: toWord("short", "unique"),
  unhandled: toUnhandled
} satisfies Checks<WorkerPoolOptions>

export const makeWorkerPool = (
  options: WorkerPoolOptions,
  defaults: Partial<Settings> = {}
): Effect.Effect<InternalWorkerPool, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const machine = new Machine(context, {
      workers: processors(),
      capacity: Infinity,
      onFull: "suspend",
      history: 1000,
      gracePeriod: 0,
      shutdown: "finish-all",
      ids: "short",
      unhandled: loud,
      inline: false,
      toHandle,
      turn,
      ...defaults,
      ...read(options, workerPoolOptions, "WorkerPool")
    })
    const directory = new Directory(machine)
    Context.get(context, Census)?.add(directory)
    yield* Effect.addFinalizer(() => close(machine, directory))
    return makeService(machine, directory)
  })

const processors = (): number =>
  (globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 4

const toId = (id: string): string => toText(id, "the id", "WorkerPool")

const makeService = (machine: Machine, directory: Directory): InternalWorkerPool => ({
  [MachineId]: machine,
  [DirectoryId]: directory,
  ...printedAs(() => {
    const { busy, queued, workers } = statusOf(machine)
    return `WorkerPool, ${busy} of ${workers} workers busy, ${queued} queued`
  }),
  global: new PoolHandle(machine.global),
  dispatch: (jobName, encoded, options) =>
    Effect.withFiber((fiber) =>
      dispatch(fiber, machine, toText(jobName, "the job's name", "WorkerPool"), encoded, undefined, options)
    ),
  task: (id) => Effect.sync(() => Option.map(Option.fromUndefinedOr(directory.task(toId(id))), toTask)),
  tasks: Effect.sync(() => directory.tasks.map(toTask)),
  pool: (id) => Effect.sync(() => Option.map(Option.fromUndefinedOr(directory.pool(toId(id))), handleOf)),
  pools: Effect.sync(() => directory.pools.map(handleOf)),
  jobs: Effect.sync(() =>
    Array.from(machine.jobs.values(), ({ definition: { error, message, payload, progress, success }, hold, tag }) => ({
      tag,
      payloadSchema: payload,
      successSchema: success,
      errorSchema: error,
      progressSchema: progress,
      messageSchema: message,
      paused: hold?.hasRoom === false
    }))
  ),
  explain: (id) => Effect.sync(() => Option.map(Option.fromUndefinedOr(directory.task(toId(id))), explain)),
  crons: Effect.sync(() => cronsOf(machine)),
  status: Effect.sync(() => statusOf(machine)),
  changes: reading(latest(() => machine.changes, () => statusOf(machine), { seen: -1, endless: true })),
  events: events(machine),
  resize: (workers) =>
    Effect.sync(() => {
      machine.slots.limit = toWorkers(workers, "workers", "WorkerPool")
      workersChanged(machine)
    }),
  pause: Effect.sync(() => {
    machine.paused = true
    workersChanged(machine)
  }),
  resume: Effect.sync(() => {
    machine.paused = false
    workersChanged(machine)
  }),
  drain: drain(machine)
})

const statusOf = ({ counts, delayed, paused, seq, slots, stopping }: Machine): WorkerPoolStatus => ({
  workers: slots.limit,
  busy: slots.busy,
  running: counts.running - stopping,
  sleeping: counts.sleeping,
  stopping,
  queued: counts.queued - delayed,
  delayed,
  dispatched: counts.total,
  complete: counts.complete,
  failed: counts.failed,
  canceled: counts.canceled,
  paused,
  seq
})

const workersChanged = (machine: Machine): void => {
  machine.emit(event.workersChanged, machine, { workers: machine.slots.limit, paused: machine.paused })
  machine.schedule()
}

const events = (machine: Machine): Stream.Stream<TaskEvent> =>
  reading(Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = new Listener()
        listener.ended = machine.closed
        machine.listeners.add(listener)
        return listener
      }),
      (listener) => Effect.sync(() => machine.listeners.delete(listener))
    ),
    (listener) =>
      Stream.fromPull(Effect.succeed(
        Effect.flatMap(until(listener, { reason: "task", reads: true }), () => {
          const events = listener.takeAll()
          return Arr.isReadonlyArrayNonEmpty(events) ? Effect.succeed(events) : Cause.done()
        })
      ))
  )))

/** After this every operation returns at once, and no fiber or timer is left. */
const close = (machine: Machine, directory: Directory): Effect.Effect<void> =>
  Effect.gen(function*() {
    machine.phase = "closing"
    machine.reconsider(machine)
    const live = () => unsettled(machine)
    yield* shutDown(machine, live, () => {
      machine.phase = "closed"
    })
    cancelPools([...machine.pools.values()].filter((pool) => !pool.isGlobal), "shutdown")
    machine.tell({ _tag: "finalizers", pool: machine.global })
    yield* awaitEnd(machine, () => [...machine.pools.values()].filter((pool) => !pool.released))
    for (const listener of machine.listeners) {
      listener.ended = true
      machine.wakeAll(listener)
    }
    machine.changes.ended = true
    machine.wakeAll(machine.changes)
    yield* Effect.callback<void>((resume) => machine.afterwards(() => resume(Effect.void)))
    directory.close()
  })
