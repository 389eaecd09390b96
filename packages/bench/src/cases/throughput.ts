/** Rows of the target table: one no-op task against the same work done otherwise. */
import { bodies, type Body, randoms } from "../bodies.ts"
import { floor } from "../floor.ts"
import { estimate, interleave, ratio, seriesOf } from "../measure.ts"
import { byHand, forEach, type Peer, pQueue, pQueueWith, tasks } from "../peers.ts"
import type { Case, Options, Target } from "../result.ts"
import { jobs, makeApp, runAll } from "../tasks.ts"

const concurrency = 64

/** Rounds of all of them with the same body. */
const race = (peers: ReadonlyArray<Peer>, body: Body, { full, rounds }: Options) => {
  const size = full ? 100_000 : 20_000
  const subjects = peers.map(({ make, name }) => {
    const run = make(body, concurrency)
    return { name, size, run: () => run(size) }
  })
  return interleave(subjects, rounds)
}

/** At most so many times what the peer takes. */
const atMost = (name: string, about: string, peer: Peer, bound: number): Case => ({
  name,
  about,
  target: true,
  run: async (options) => {
    const measured = await race([tasks, peer], bodies.setImmediate, options)
    const [ours, theirs] = [seriesOf(measured, tasks.name), seriesOf(measured, peer.name)]
    const cpu = ratio(ours, theirs, "cpu").median
    return {
      noise: measured.noise,
      targets: [{ name: about, unit: "times", value: ratio(ours, theirs), cpu, bound: { atMost: bound } }]
    }
  }
})

/** At least so many times faster than the peer. */
const faster = (name: string, about: string, peer: Peer, bound: number, ours: Peer = tasks): Case => ({
  name,
  about,
  target: true,
  run: async (options) => {
    const measured = await race([ours, peer], bodies.setImmediate, options)
    const [mine, theirs] = [seriesOf(measured, ours.name), seriesOf(measured, peer.name)]
    const cpu = ratio(theirs, mine, "cpu").median
    const target: Target = {
      name: about,
      unit: "times",
      value: ratio(theirs, mine),
      cpu,
      bound: { atLeast: bound }
    }
    return { noise: measured.noise, targets: [target] }
  }
})

const priorities = randoms(1_000_000, 5)

const tasksWithPriorities: Peer = {
  ...tasks,
  make: ({ name }, workers) => {
    const app = makeApp({ workers })
    return (size) => app.runPromise(runAll(jobs[name], size, (n) => ({ priority: priorities[n]! })))
  }
}

const cpuPerTask: Case = {
  name: "cpu",
  about: "CPU time of a sync no-op task, all threads",
  target: true,
  run: async ({ full, rounds }) => {
    const size = full ? 200_000 : 50_000
    const run = tasks.make(bodies.sync, concurrency)
    const measured = await interleave([{ name: "sync", size, run: () => run(size) }], rounds)
    const value = estimate(seriesOf(measured, "sync").cpu.map((nanos) => nanos / 1000))
    return {
      noise: measured.noise,
      targets: [{ name: cpuPerTask.about, unit: "µs", value, bound: { atMost: 1.5 } }]
    }
  }
}

const againstFloor = async (body: Body, options: Options) => {
  const measured = await race([forEach, floor, tasks], body, options)
  const rows = measured.series.map((series) => {
    const times = (base: Peer) => ratio(series, seriesOf(measured, base.name)).median.toFixed(2)
    return [body.name, series.name, estimate(series.wall).median.toFixed(0), times(forEach), times(floor)]
  })
  return { noise: measured.noise, rows }
}

/** How far the hot path is from what cannot be left out. */
export const floorCase: Case = {
  name: "floor",
  about: "what a task owes its users, by hand and without anything else, against Effect.forEach and effect-tasks",
  run: async (options) => {
    const [sync, turn] = [await againstFloor(bodies.sync, options), await againstFloor(bodies.setImmediate, options)]
    return {
      noise: turn.noise,
      tables: [{
        title: "The floor",
        columns: ["body", "what", "ns a task", "× forEach", "× floor"],
        rows: [...sync.rows, ...turn.rows]
      }]
    }
  }
}

export const throughput: ReadonlyArray<Case> = [
  atMost("forEach", "no-op task with a setImmediate body, against Effect.forEach", forEach, 2),
  atMost("queue", "the same, against Queue + workers + Deferred by hand", byHand, 0.8),
  faster("p-queue", "the same, times faster than p-queue", pQueue, 2.2),
  faster(
    "priorities",
    "the same with 5 random priorities, times faster than p-queue",
    pQueueWith(priorities),
    3.5,
    tasksWithPriorities
  ),
  cpuPerTask
]
