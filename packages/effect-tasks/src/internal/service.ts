import * as Context from "effect/Context"
import type { WorkerPool } from "../WorkerPool.ts"
import type { Machine } from "./machine.ts"
import type { WorkerPoolService } from "./model.ts"

export const MachineId = "~effect-tasks/Machine"

/** The service as the library sees it: the public interface and the machine behind it. */
export interface InternalWorkerPool extends WorkerPoolService {
  readonly [MachineId]: Machine
}

export const WorkerPoolKey: Context.Service<WorkerPool, WorkerPoolService> = Context.Service<
  WorkerPool,
  WorkerPoolService
>("effect-tasks/WorkerPool")

/** The machine of the worker pool in this context. */
export const machineIn = (context: Context.Context<never>): Machine => {
  // requirement types guarantee the service, and only this library makes one
  const service = Context.getUnsafe(context, WorkerPoolKey) as InternalWorkerPool
  return service[MachineId]
}
