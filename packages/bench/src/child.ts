/** The process of one case: its heap and its compiled code are nobody else's. Started by `run.ts`. */
import { cases } from "./cases/index.ts"
import type { Options } from "./result.ts"

const [name, options] = process.argv.slice(2)
const found = cases.find((one) => one.name === name)
if (found === undefined || process.send === undefined) throw new Error("started by run.ts, with the name of a case")
const result = await found.run(JSON.parse(options!) as Options)
// worker pools and their listeners live until the process ends
process.send(result, () => process.exit())
