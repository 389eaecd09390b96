/** `npm run soak:threads [-- --tasks=100000 --mixed=3000 --terminated=1000 --seed=1]`: see `soak.ts`. */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import { soak } from "./soak.ts"

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "100000" },
    mixed: { type: "string", default: "3000" },
    terminated: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" }
  }
})

const amounts = {
  tasks: Number(values.tasks),
  mixed: Number(values.mixed),
  terminated: Number(values.terminated),
  seed: Number(values.seed)
}

const problems = await Effect.runPromise(soak(amounts, (line) => console.log(line)))
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
