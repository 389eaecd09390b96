/**
 * Mutants that break a sentence of RULES.md on purpose, written by hand. Each `find` must stand exactly once in its file of
 * `src/internal`, so a change of the source that moves a rule fails here instead of silently testing nothing.
 */
import { dispatch } from "./rules/dispatch.ts"
import { ends } from "./rules/ends.ts"
import { given } from "./rules/given.ts"
import { holding } from "./rules/holding.ts"
import { policies } from "./rules/policies.ts"
import { pools } from "./rules/pools.ts"
import { rates } from "./rules/rates.ts"
import { slots } from "./rules/slots.ts"
import { surroundings } from "./rules/surroundings.ts"
import { time } from "./rules/time.ts"
import { waits } from "./rules/waits.ts"

export type { RuleMutant } from "./rules/rule.ts"

export const rules = [
  ...ends,
  ...time,
  ...pools,
  ...holding,
  ...slots,
  ...dispatch,
  ...waits,
  ...surroundings,
  ...given,
  ...rates,
  ...policies
]
