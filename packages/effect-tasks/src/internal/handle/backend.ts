/** What a backend may do with a worker pool and its tasks. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Connection, Port, StoredTask } from "../../Backend.ts"
import { refusal } from "../dispatch/accept.ts"
import { acceptStored, adopt, claim, joinStored, reuseStored, type StoreRequest } from "../dispatch/stored.ts"
import { refuse } from "../job/checks.ts"
import type { Definition } from "../job/definition.ts"
import { report } from "../observe/progress.ts"
import { CurrentTask, taskAt } from "../record/currentTask.ts"
import type { Registration } from "../record/job.ts"
import type { Machine } from "../record/machine.ts"
import type { Stored } from "../record/stored.ts"
import { inboxOf } from "../run/inbox.ts"
import { finish } from "../transition/lifecycle.ts"
import { stopTask } from "../transition/stop.ts"
import { type Defined, layerOf } from "./job.ts"
import { machineIn } from "./service.ts"
import { toHandle } from "./task.ts"

/** Only this library makes them. */
const own = (task: StoredTask): Stored => task as Stored

const portOf = (definition: Definition, machine: Machine, registration: () => Registration): Port => {
  const { subject, tag, unique } = definition
  if (unique === "latest") {
    return refuse(subject, "unique", unique, "a stored task keeps its payload: supersede it instead")
  }
  return {
    job: { ...definition, unique },
    isOpen: () => registration()?.phase === "open",
    accept: (request, placed, origin) => acceptStored(request as StoreRequest, placed, origin),
    join: (request, task) => joinStored(request as StoreRequest, own(task)),
    reuse: (request, task) => reuseStored(request as StoreRequest, own(task)),
    refusal: (reason) => refusal(tag, reason),
    adopt: (adopted) => adopt(machine, registration(), adopted),
    claim: (task, attempt, restarts) => claim(own(task), attempt, restarts),
    park: (task) => {
      own(task).here = false
    },
    stop: (task, stop) => {
      const { run } = own(task).task
      if (run !== undefined) stopTask(run, stop, true)
    },
    settle: (task, outcome) => {
      const { run, state } = own(task).task
      if (run !== undefined && state !== "Exited") finish(run, outcome)
    },
    report: (task, progress) => {
      if (!task.hasEnded) report(own(task).task, progress)
    },
    offer: (task, message) => Queue.offerUnsafe(inboxOf(own(task).task), message),
    handleOf: (task, origin) => toHandle(own(task).task, origin)
  }
}

/** The layer that runs a job here, its tasks stored by a backend. */
export const toLayer = (
  job: any,
  handler: any,
  makeBackend: (port: Port) => Effect.Effect<any, any, any>
): any => {
  const { definition } = job as Defined
  const backend = (machine: Machine, registration: () => Registration) =>
    makeBackend(portOf(definition, machine, registration))
  return layerOf(definition, handler, {}, backend)
}

export const connect: Effect.Effect<Connection, never, any> = Effect.map(Effect.context<never>(), (context) => {
  const machine = machineIn(context)
  return {
    workers: () => machine.slots.limit,
    busy: () => machine.slots.busy,
    ready: () => machine.ready.size,
    paused: () => machine.paused,
    find: (id) => machine.stored.get(id)?.extras?.stored,
    onTurn: (f) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          machine.onTurn = f
        }),
        () =>
          Effect.sync(() => {
            if (machine.onTurn === f) machine.onTurn = undefined
          })
      )
  }
})

export const current: Effect.Effect<Option.Option<StoredTask>> = Effect.withFiber((fiber) =>
  Effect.succeed(Option.fromUndefinedOr(taskAt(fiber.getRef(CurrentTask))?.extras?.stored))
)
