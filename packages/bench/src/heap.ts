/** Bytes that stay, after full collections. */
import { setTimeout as pause } from "node:timers/promises"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { type Estimate, estimate, rotated } from "./measure.ts"

/** Makes `gc` callable in a process that was started without the flag. */
export const exposeCollector = (): void => {
  if (globalThis.gc !== undefined) return
  setFlagsFromString("--expose-gc")
  globalThis.gc = runInNewContext("gc")
}

/** Bytes of the heap and what hangs on it after one collection, at once. */
export const liveBytesNow = (): number => {
  globalThis.gc!()
  const { external_memory, used_heap_size } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** The same, once everything is collected that can be. */
export const liveBytes = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    // finalization and weak references take a turn of the event loop
    await pause(1)
  }
  return liveBytesNow()
}

/** By how much the live bytes grow while `make` runs, with what it gives. */
export const growth = async (make: () => Promise<unknown>): Promise<number> => {
  const before = await liveBytes()
  const held = [await make()]
  const bytes = await liveBytes() - before
  held.pop() // until here it was alive
  return bytes
}

/** A few samples of each, in rounds that rotate; the first round also pays for what is made once. */
export const sampled = async <K extends string>(
  takes: Record<K, () => Promise<number>>
): Promise<Record<K, Estimate>> => {
  const samples = new Map<string, Array<number>>()
  for (let round = 0; round <= 3; round++) {
    for (const [name, take] of rotated(Object.entries<() => Promise<number>>(takes), round)) {
      const value = await take()
      if (round > 0) samples.set(name, [...samples.get(name) ?? [], value])
    }
  }
  return Object.fromEntries(
    Object.keys(takes).map((name) => [name, estimate(samples.get(name)!)])
  ) as Record<K, Estimate>
}

/** Bytes of one payload `{ n }` in the queue: what the caller would hold anyway. */
export const payloadBytes = async (): Promise<number> => {
  const size = 100_000
  const { payload } = await sampled({
    payload: () => growth(async () => Array.from({ length: size }, (_, n) => ({ n })))
  })
  return payload.median / size
}

/** Everything allocated by this thread so far, collected or not. */
export const allocatedBytes = (): number => getHeapStatistics().total_allocated_bytes
