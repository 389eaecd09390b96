/** Assembles a machine and shows it as the WorkerPool service. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { TaskEvent } from "../TaskEvent.ts"
import { Admission } from "./admission.ts"
import { Census } from "./census.ts"
import { atLeastOne } from "./checks.ts"
import { dispatch } from "./dispatch.ts"
import { drain } from "./drain.ts"
import { Listener } from "./events.ts"
import { handleOf } from "./handles.ts"
import { Machine, type Parts } from "./machine.ts"
import type { WorkerPoolOptions } from "./model.ts"
import { sleeperOf } from "./place.ts"
import { PoolHandle } from "./poolHandle.ts"
import { turn } from "./pump.ts"
import type { PoolRecord, TaskRecord } from "./records.ts"
import { awaitAll, shutDown } from "./registry.ts"
import { type InternalWorkerPool, MachineId } from "./service.ts"
import { cancelPool } from "./stop.ts"
import { handled, toTask } from "./taskHandle.ts"
import * as told from "./told.ts"
import { until } from "./waiting.ts"

export const makeWorkerPool = (
  options: WorkerPoolOptions,
  parts: Partial<Parts> = {}
): Effect.Effect<InternalWorkerPool, never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const machine = new Machine(context, options, { turn, admission: (self) => new Admission(self), ...parts })
    Context.get(context, Census)?.add(machine)
    yield* Effect.addFinalizer(() => close(machine))
    return makeService(machine)
  })

const recordsOf = (machine: Machine): Array<TaskRecord> =>
  [...machine.jobs.values()].flatMap((job) => [...job.tasks]).toSorted((a, b) => a.number - b.number)

/** The visible task with this id. */
export const find = (machine: Machine, id: string): TaskRecord | undefined => {
  const dash = id.lastIndexOf("-")
  const task = machine.numbers.get(Number(id.slice(dash + 1)))
  return task?.id === id ? task : undefined
}

const makeService = (machine: Machine): InternalWorkerPool => ({
  [MachineId]: machine,
  global: new PoolHandle(machine.global),
  dispatch: (jobName, encoded, options) =>
    Effect.withFiber((fiber) =>
      handled(dispatch(fiber, machine, jobName, (definition) => definition.decode(encoded), options))
    ),
  task: (id) => Effect.sync(() => Option.map(Option.fromUndefinedOr(find(machine, id)), toTask)),
  tasks: Effect.sync(() => recordsOf(machine).map(toTask)),
  pool: (id) =>
    Effect.sync(() => {
      const number = id === "GLOBAL" ? 0 : Number(id.replace(/^Pool-/, ""))
      const pool = machine.pools.get(number)
      return pool?.id === id ? Option.some(handleOf(pool)) : Option.none()
    }),
  pools: Effect.sync(() => [...machine.pools.values()].map(handleOf)),
  jobs: Effect.sync(() =>
    Array.from(machine.jobs.values(), ({ definition, tag }) => ({ tag, payloadSchema: definition.payload }))
  ),
  status: Effect.sync(() => {
    const { canceled, complete, failed, queued, sleeping, total } = machine.counts
    return {
      workers: machine.slots.limit,
      busy: machine.slots.busy,
      sleeping,
      queued: queued - machine.delayed,
      delayed: machine.delayed,
      dispatched: total,
      complete,
      failed,
      canceled,
      paused: machine.paused,
      seq: machine.seq
    }
  }),
  events: events(machine),
  resize: (workers) =>
    Effect.sync(() => {
      machine.slots.limit = atLeastOne(workers)
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

const workersChanged = (machine: Machine): void => {
  machine.emit(told.workersChanged, machine)
  machine.schedule()
}

const events = (machine: Machine): Stream.Stream<TaskEvent> =>
  Stream.unwrap(Effect.map(
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
      Stream.fromPull(Effect.succeed(Effect.withFiber((fiber) => {
        listener.reader = sleeperOf(fiber)?.task
        return Effect.flatMap(until(listener, { reason: "task" }), () => {
          const events = listener.takeAll()
          return Arr.isReadonlyArrayNonEmpty(events) ? Effect.succeed(events) : Cause.done()
        })
      })))
  ))

/** After this every operation returns at once, and no fiber or timer is left. */
const close = (machine: Machine): Effect.Effect<void> =>
  Effect.gen(function*() {
    const live = () => recordsOf(machine).filter((task) => !task.settled)
    yield* shutDown(machine, live, () => {
      machine.closed = true
    })
    for (const pool of machine.pools.values()) if (!pool.isGlobal) cancelPool(pool, "shutdown")
    yield* awaitAll((): ReadonlyArray<PoolRecord> =>
      [...machine.pools.values()].filter((pool) => !pool.isGlobal && !pool.released)
    )
    for (const listener of machine.listeners) {
      listener.ended = true
      machine.wakeAll(listener)
    }
    machine.global.changes.ended = true
    machine.wakeAll(machine.global.changes)
    machine.schedule()
    yield* Effect.yieldNow
  })
