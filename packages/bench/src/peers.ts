/** The same work with what one would use instead, each written as its own documentation has it. */
import { queue as makeQueue } from "async"
import { Deferred, Effect, FiberSet, Queue, Semaphore } from "effect"
import fastq from "fastq"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { type Body, items } from "./bodies.ts"
import { jobs, makeApp, runAll } from "./tasks.ts"

export interface Peer {
  readonly name: string
  /** What a task of effect-tasks does and this does not. */
  readonly lacks: string
  /** It is never asked for more at once: its cost per task grows with their number. */
  readonly most?: number
  /** Makes its queue, once, and gives what runs so many tasks through it. */
  readonly make: (body: Body, concurrency: number) => (size: number) => Promise<unknown>
}

export const tasks: Peer = {
  name: "effect-tasks",
  lacks: "nothing",
  make: ({ name }, concurrency) => {
    const app = makeApp({ workers: concurrency })
    return (size) => app.runPromise(runAll(jobs[name], size))
  }
}

export const forEach: Peer = {
  name: "Effect.forEach",
  lacks: "handles, priorities, adding work later, cancel of one, timeouts, progress, pools",
  make: ({ effect }, concurrency) => (size) =>
    Effect.runPromise(Effect.forEach(items(size), () => effect, { concurrency, discard: true }))
}

export const byHand: Peer = {
  name: "Queue + workers + Deferred",
  lacks: "priorities, cancel of one, timeouts, progress, pools; a handle is a bare Deferred",
  make: ({ effect }, concurrency) => {
    const queue = Effect.runSync(Queue.unbounded<{ readonly n: number, readonly done: Deferred.Deferred<void> }>())
    const worker = Effect.flatMap(Queue.take(queue), ({ done }) => Deferred.into(effect, done))
    // with the yield of a plain `forever` it would be no peer at all
    for (let i = 0; i < concurrency; i++) Effect.runFork(Effect.forever(worker, { disableYield: true }))
    const submit = (n: number) => Effect.tap(Deferred.make<void>(), (done) => Queue.offer(queue, { n, done }))
    return (size) =>
      Effect.runPromise(
        Effect.forEach(items(size), submit).pipe(
          Effect.flatMap((all) => Effect.forEach(all, (done) => Deferred.await(done), { discard: true }))
        )
      )
  }
}

const fiberSet: Peer = {
  name: "FiberSet + Semaphore",
  lacks: "priorities, timeouts, progress, pools; a waiting task is a whole fiber",
  most: 2_000,
  make: ({ effect }, concurrency) => {
    const semaphore = Semaphore.makeUnsafe(concurrency)
    const run = (size: number) =>
      Effect.flatMap(
        FiberSet.make<void>(),
        (set) =>
          Effect.forEach(items(size), () => FiberSet.run(set, semaphore.withPermit(effect)), { discard: true }).pipe(
            Effect.andThen(FiberSet.awaitEmpty(set))
          )
      )
    return (size) => Effect.runPromise(Effect.scoped(run(size)))
  }
}

const fastqCallback: Peer = {
  name: "fastq, callbacks",
  lacks: "Effect, handles, typed errors, priorities, cancel, timeouts, progress, pools",
  make: ({ callback }, concurrency) => {
    const queue = fastq<unknown, number, void>((_, done) => callback(done), concurrency)
    return (size) =>
      new Promise<void>((resolve) => {
        let left = size
        const done = () => {
          if (--left === 0) resolve()
        }
        for (const n of items(size)) queue.push(n, done)
      })
  }
}

const fastqPromise: Peer = {
  name: "fastq.promise",
  lacks: "Effect, typed errors, priorities, cancel, timeouts, progress, pools",
  make: ({ promise }, concurrency) => {
    const queue = fastq.promise<unknown, number, void>(promise, concurrency)
    return (size) => Promise.all(items(size).map((n) => queue.push(n)))
  }
}

/** p-queue, with a priority for each task where there are some. */
export const pQueueWith = (priorities?: ReadonlyArray<number>): Peer => ({
  name: "p-queue",
  lacks: "Effect, typed errors, cancel that waits, progress, pools, parents",
  make: ({ promise }, concurrency) => {
    const queue = new PQueue({ concurrency })
    return (size) =>
      Promise.all(
        items(size).map((n) => queue.add(promise, priorities === undefined ? {} : { priority: priorities[n]! }))
      )
  }
})

export const pQueue: Peer = pQueueWith()

const limiter: Peer = {
  name: "p-limit",
  lacks: "Effect, typed errors, priorities, cancel, timeouts, progress, pools",
  make: ({ promise }, concurrency) => {
    const limit = pLimit(concurrency)
    return (size) => Promise.all(items(size).map(() => limit(promise)))
  }
}

const asyncQueue: Peer = {
  name: "async.queue",
  lacks: "Effect, typed errors, priorities, cancel, timeouts, progress, pools",
  make: ({ promise }, concurrency) => {
    const queue = makeQueue<number>(async () => promise(), concurrency)
    return (size) => Promise.all(items(size).map((n) => queue.push(n)))
  }
}

export const peers: ReadonlyArray<Peer> = [
  tasks,
  forEach,
  byHand,
  fiberSet,
  fastqCallback,
  fastqPromise,
  pQueue,
  limiter,
  asyncQueue
]
