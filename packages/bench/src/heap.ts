/** Bytes that stay, after full collections. */
import { setTimeout as pause } from "node:timers/promises"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Makes `gc` callable in a process that was started without the flag. */
export const exposeCollector = (): void => {
  if (globalThis.gc !== undefined) return
  setFlagsFromString("--expose-gc")
  globalThis.gc = runInNewContext("gc")
}

/** Live bytes of the heap and what hangs on it, once everything is collected that can be. */
export const liveBytes = async (): Promise<number> => {
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    // finalization and weak references take a turn of the event loop
    await pause(1)
  }
  const { external_memory, used_heap_size } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** By how much the live bytes grow while `make` runs. */
export const growth = async (make: () => Promise<unknown>): Promise<number> => {
  const before = await liveBytes()
  await make()
  return await liveBytes() - before
}

/** Bytes of one payload `{ n }` in the queue: what the caller would hold anyway. */
export const payloadBytes = async (): Promise<number> => {
  const size = 100_000
  const all: Array<unknown> = []
  const bytes = await growth(async () => {
    for (let n = 0; n < size; n++) all.push({ n })
  })
  return bytes / all.length
}

/** Everything allocated by this thread so far, collected or not. */
export const allocatedBytes = (): number => getHeapStatistics().total_allocated_bytes
