/** Every case, in the order in which they run and have their rows in the table of targets. */
import type { Case } from "../result.ts"
import { bytes } from "./bytes.ts"
import { crowds } from "./crowds.ts"
import { cancel, nested, timeouts } from "./endings.ts"
import { featureCosts } from "./features.ts"
import { growth } from "./growth.ts"
import { memory } from "./memory.ts"
import { observers } from "./observers.ts"
import { policies } from "./policies.ts"
import { probe } from "./probe.ts"
import { floorCase, throughput } from "./throughput.ts"
import { versus } from "./versus.ts"

export const cases: ReadonlyArray<Case> = [
  ...throughput,
  observers,
  timeouts,
  bytes,
  nested,
  probe,
  ...crowds,
  ...policies,
  cancel,
  floorCase,
  versus,
  featureCosts,
  growth,
  memory
]
