/** For bundlers that know these words, and unbundled. */
import { Worker } from "node:worker_threads"
import { run } from "./program.ts"

await run(() => new Worker(new URL("./double.thread.ts", import.meta.url)))
