/** For bundlers that do not look into `new URL`: the module of the threads is a second entry. */
import { Worker } from "node:worker_threads"
import { run } from "./program.ts"

await run(() => new Worker(new URL("./double.thread.js", import.meta.url)))
