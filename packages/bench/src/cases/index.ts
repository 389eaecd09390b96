/** Every case, in the order in which they run. */
import type { Case } from "../result.ts"
import { bytes } from "./bytes.ts"
import { crowds } from "./crowds.ts"
import { endings } from "./endings.ts"
import { featureCosts } from "./features.ts"
import { growth } from "./growth.ts"
import { memory } from "./memory.ts"
import { observers } from "./observers.ts"
import { probe } from "./probe.ts"
import { throughput } from "./throughput.ts"
import { versus } from "./versus.ts"

export const cases: ReadonlyArray<Case> = [
  ...throughput,
  ...crowds,
  ...endings,
  bytes,
  observers,
  probe,
  versus,
  featureCosts,
  growth,
  memory
]
