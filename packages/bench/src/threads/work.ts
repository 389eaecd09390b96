/** What every thread of the benchmark does, whoever sends it there. */

/** A loop of so many turns. */
export const compute = (turns: number): number => {
  let sum = 0
  for (let i = 0; i < turns; i++) sum += Math.sqrt(sum + i)
  return sum
}

/** How many turns take a millisecond here and now, at best. */
export const turnsOfMillisecond = (): number => {
  const turns = 100_000
  let least = Infinity
  for (let i = 0; i < 50; i++) {
    const start = performance.now()
    compute(turns)
    least = Math.min(least, performance.now() - start)
  }
  return Math.round(turns / least)
}

export interface Order {
  readonly turns: number
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined
}

/** Gives back the bytes, or nothing much. */
export const carryOut = ({ bytes, turns }: Order): Uint8Array<ArrayBuffer> | number => {
  const sum = compute(turns)
  return bytes ?? (sum < 0 ? 1 : 0)
}

export const moved = (result: Uint8Array<ArrayBuffer> | number): Array<ArrayBuffer> =>
  typeof result === "number" ? [] : [result.buffer]
