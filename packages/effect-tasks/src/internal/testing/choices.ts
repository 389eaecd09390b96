/** What a schedule decides, and where the decisions come from: a seed, or a list to replay. */
import { type Check, refuse, toText } from "../job/checks.ts"

/**
 * A decision that differs from the plain schedule, in which the queue that has waited longest goes first, no fiber yields
 * before its time, and time passes when nothing else can happen: at which turn another queue goes, before which operation a
 * fiber yields, before which turn time passes although something could run.
 */
export type Choice =
  | { readonly kind: "turn", readonly at: number, readonly index: number }
  | { readonly kind: "yield", readonly fiber: number, readonly at: number }
  | { readonly kind: "time", readonly at: number }

/** Answers what the scheduler asks. Turns, fibers and the operations of each fiber are numbered from 1. */
export interface Chooser<Queue> {
  /** Which of the ready queues goes next: an index. */
  turn(at: number, ready: ReadonlyArray<Queue>): number
  yields(fiber: number, operation: number): boolean
  /** Whether somebody who sleeps wakes before this turn. */
  passesTime(at: number): boolean
}

/**
 * A schedule as text: `turn 12:3` takes the fourth ready queue at the 12th turn, `yield 2:34` lets the second fiber yield
 * before its 34th operation, `time 12` lets time pass to the next moment at which somebody wakes before the 12th turn.
 */
export const format = (choices: ReadonlyArray<Choice>): string =>
  choices.map((choice) => {
    if (choice.kind === "time") return `time ${choice.at}`
    return choice.kind === "turn" ? `turn ${choice.at}:${choice.index}` : `yield ${choice.fiber}:${choice.at}`
  }).join(", ")

export const parse: Check<ReadonlyArray<Choice>> = (schedule, option, subject) =>
  partsOf(toText(schedule, option, subject)).map((part): Choice => {
    const [, kind, first, second, time] = /^(turn|yield) (\d+):(\d+)$|^time (\d+)$/.exec(part) ?? []
    if (kind === "turn") return { kind, at: Number(first), index: Number(second) }
    if (kind === "yield") return { kind, fiber: Number(first), at: Number(second) }
    if (time !== undefined) return { kind: "time", at: Number(time) }
    const mend = `"${part}" is no decision of a schedule: write "turn 12:3", "yield 2:34" or "time 12"`
    return refuse(subject, option, schedule, mend)
  })

const partsOf = (schedule: string): ReadonlyArray<string> =>
  schedule.split(",").map((part) => part.trim()).filter((part) => part !== "")

/** Replays decisions; what the list does not name goes by the plain schedule. */
export const replaying = (choices: ReadonlyArray<Choice>): Chooser<unknown> => {
  const turns = new Map<number, number>()
  const yields = new Set<string>()
  const times = new Set<number>()
  for (const choice of choices) {
    if (choice.kind === "turn") turns.set(choice.at, choice.index)
    else if (choice.kind === "time") times.add(choice.at)
    else yields.add(`${choice.fiber}:${choice.at}`)
  }
  return {
    turn: (at, ready) => Math.min(turns.get(at) ?? 0, ready.length - 1),
    yields: (fiber, operation) => yields.size > 0 && yields.has(`${fiber}:${operation}`),
    passesTime: (at) => times.has(at)
  }
}

/**
 * How often a fiber yields before its time, and how often time passes before a turn although something can run: for each seed
 * another rate. A race of few steps is found by a high one, the end of a long program with short timeouts by a low one.
 */
const rates = [0, 0.01, 0.05, 0.2]

/**
 * The decisions of a seed. Seed 0 is the plain schedule; the others take turns between three ways to disturb it, as no
 * single one finds every race: pick at random, run by random priorities that change now and then (which starves some
 * fibers for long), and let one fiber jump the queue now and then.
 */
export const seeded = <Queue extends object>(seed: number): Chooser<Queue> => {
  if (seed === 0) return replaying([])
  const random = randomOf(seed)
  const yieldRate = rates[Math.floor(random() * rates.length)]
  const time = randomOf(-seed) // numbers of its own: without timers a seed is the same schedule whatever is drawn here
  const timeRate = rates[Math.floor(time() * rates.length)]
  const pick = [uniform, byPriority, jumping][seed % 3](random)
  return {
    turn: (_, ready) => pick(ready),
    yields: () => yieldRate > 0 && random() < yieldRate,
    passesTime: () => timeRate > 0 && time() < timeRate
  }
}

type Random = () => number
type Pick = (ready: ReadonlyArray<object>) => number

const uniform = (random: Random): Pick => (ready) => Math.floor(random() * ready.length)

const changeRate = 0.03

const byPriority = (random: Random): Pick => {
  const priorities = new WeakMap<object, number>()
  const priorityOf = (queue: object): number => {
    const known = priorities.get(queue)
    if (known !== undefined && random() >= changeRate) return known
    const drawn = random()
    priorities.set(queue, drawn)
    return drawn
  }
  return (ready) => {
    const drawn = ready.map(priorityOf)
    return drawn.indexOf(Math.max(...drawn))
  }
}

const jumpRate = 0.1

const jumping = (random: Random): Pick => (ready) => random() < jumpRate ? Math.floor(random() * ready.length) : 0

/** Numbers from 0 to 1 by mulberry32, so that a seed means the same schedule on every machine. */
const randomOf = (seed: number): Random => {
  let state = seed * 0x9e3779b1 | 0
  return () => {
    state = state + 0x6d2b79f5 | 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }
}
