/** The jobs of the random programs, as plain data: the model reads it, and the driver makes real jobs of it. */

/** So many at once, or, with a window of milliseconds, so many starts in any stretch of time of that length. */
export interface LimitPolicy {
  readonly limit: number
  readonly window?: number
  /** Whether each key has its own. */
  readonly perKey?: boolean
}

/** What several jobs name. */
const shared = {
  desk: { limit: 1 },
  budget: { limit: 3, window: 20 }
} satisfies Record<string, LimitPolicy>

export type SharedLimit = keyof typeof shared

export const sharedLimits: Readonly<Record<SharedLimit, LimitPolicy>> = shared

export interface Policy {
  readonly unique?: "join" | "reject" | "supersede" | "latest"
  readonly retry?: { readonly times: number, readonly delay: number }
  readonly rates?: ReadonlyArray<LimitPolicy & { readonly window: number }>
  readonly concurrency?: LimitPolicy
  readonly limits?: ReadonlyArray<SharedLimit>
  /** How many results are kept. */
  readonly kept?: number
  /** How long later dispatches may put off a queued task of "latest". */
  readonly maxDelay?: number
}

const policies = {
  Plain: {},
  Join: { unique: "join" },
  Reject: { unique: "reject" },
  Supersede: { unique: "supersede" },
  Kept: { unique: "join", kept: 1 },
  Limited: { concurrency: { limit: 1, perKey: true } },
  Pair: { concurrency: { limit: 2 } },
  Again: { retry: { times: 1, delay: 0 } },
  Later: { retry: { times: 2, delay: 20 } },
  Rated: { rates: [{ limit: 1, window: 20, perKey: true }] },
  Metered: {
    unique: "join",
    retry: { times: 1, delay: 0 },
    rates: [{ limit: 2, window: 30 }, { limit: 1, window: 10, perKey: true }],
    concurrency: { limit: 1, perKey: true },
    limits: ["budget"]
  },
  Desk: { retry: { times: 1, delay: 10 }, limits: ["desk", "budget"] },
  Counter: { limits: ["desk"] },
  Latest: { unique: "latest", maxDelay: 30 }
} satisfies Record<string, Policy>

export type JobName = keyof typeof policies

export const jobNames = Object.keys(policies) as ReadonlyArray<JobName> // the keys of a literal

export const policyOf = (job: JobName): Policy => policies[job]

export interface NamedLimit extends LimitPolicy {
  readonly name: string
}

/** The limits that a job's tasks of a key stand behind, in the order in which they are told of. */
export const limitsOf = (job: JobName, key: string): ReadonlyArray<NamedLimit> => {
  const { concurrency, limits = [], rates = [] } = policyOf(job)
  const own = [...rates, ...(concurrency === undefined ? [] : [concurrency])]
  return [
    ...own.map((policy, n) => ({ ...policy, name: `${job} ${n} ${policy.perKey === true ? key : ""}` })),
    ...limits.map((name) => ({ ...sharedLimits[name], name }))
  ]
}
