import * as Context from "effect/Context"
import type { WorkerPool, WorkerPoolService } from "../../WorkerPool.ts"
import type { Directory } from "../record/directory.ts"
import type { Machine } from "../record/machine.ts"

export const MachineId = "~effect-tasks/Machine"
export const DirectoryId = "~effect-tasks/Directory"

/** The service as the library sees it: the public interface and what is behind it. */
export interface InternalWorkerPool extends WorkerPoolService {
  readonly [MachineId]: Machine
  readonly [DirectoryId]: Directory
}

export const WorkerPoolKey: Context.Service<WorkerPool, WorkerPoolService> = Context.Service<
  WorkerPool,
  WorkerPoolService
>("effect-tasks/WorkerPool")

// requirement types guarantee the service, and only this library makes one
const serviceIn = (context: Context.Context<never>) => Context.getUnsafe(context, WorkerPoolKey) as InternalWorkerPool

/** The machine of the worker pool in this context. */
export const machineIn = (context: Context.Context<never>): Machine => serviceIn(context)[MachineId]

/** Its look-ups. */
export const directoryIn = (context: Context.Context<never>): Directory => serviceIn(context)[DirectoryId]
